"""What schemathesis cannot know from the document: which documents and targets there are. Loaded by `run.py`.

Everything it leaves out is named here, with the reason.
"""

import base64
import json
import os
import re
import time
from collections import Counter
from typing import Any

import schemathesis
from hypothesis import strategies
from schemathesis.core.failures import Failure
from schemathesis.specs.openapi.checks import AcceptedNegativeData, RejectedPositiveData

NAMES: dict[str, str] = json.loads(os.environ["CONTRACT_NAMES"])
BUCKET, REGION = os.environ["CONTRACT_BUCKET"], os.environ["CONTRACT_REGION"]
KEY = re.compile("[!-~]{1,64}")
# Latest `StartPos` that is drawn. How far ahead a window may begin is said in words; the schema's bound is that of the last date.
LATEST_MS = int(time.time() * 1000)
# Requests of each operation; every second one for a document asks for one that there is.
SEEN: Counter[str] = Counter()
# Parameters of documents that depend on one another.
FORMATS = {"format", "track", "times", "fps", "df", "media", "tc", "record", "clock", "zero"}


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def entry(**changed: object) -> dict:
    """An entry of `storage_info`."""
    usual = {"storage_purpose": "mp4", "storage_type": "S3", "storage_name": BUCKET, "storage_location": REGION}
    return usual | changed


STORAGES = [
    [entry()],
    [entry(storage_purpose="ts")],
    [entry(storage_enable=False)],
    [entry(storage_name="not-ours")],
    [],
]
SLUGS = [{}, {"slug_id": "a"}, {"slug_info": {"slug_name": "b", "slug_date": "", "clip_length": None}}]
schemathesis.openapi.format("storage-info", strategies.sampled_from(["", *map(encoded, STORAGES)]))
schemathesis.openapi.format("slug-info", strategies.sampled_from(["", "BASE64 string", *map(encoded, SLUGS)]))
# Of a FileName only the schema's characters are drawn: that its UTF-8 has 240 bytes at most is said in words.
schemathesis.openapi.format("short", strategies.text("aZ09 ._()+=@,&'[]-é日", min_size=1, max_size=80))


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    schemas = raw_schema["components"]["schemas"]
    request = schemas["ExportRequest"]["properties"]
    # Unusable ones are as good as absent, so that they prove nothing; the session comes in a header.
    for ignored in ("SessionId", "S3Region", "S3Bucket"):
        del request[ignored]
    request["StartPos"]["maximum"] = LATEST_MS
    request["storage_info"]["format"] = "storage-info"
    schemas["StoryRequest"]["properties"]["slug_info"]["format"] = "slug-info"
    request["FileName"]["format"] = "short"
    for path in raw_schema["paths"].values():
        for operation in path.values():
            # The local stack asks for no signature.
            if operation["security"] == [{"awsSigV4": []}]:
                operation["security"] = []


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    SEEN[case.operation.label] += 1
    seen, negative = SEEN[case.operation.label], case.meta is not None and case.meta.generation.mode.is_negative
    if "/data" in case.operation.path or "/edl" in case.operation.path:
        if seen % 2 and not negative:
            place = case.path_parameters if "{event}" in case.operation.path else case.query
            place.update({name: value for name, value in NAMES.items() if name in place})
    elif seen % 8:
        # Else most requests would meet a key that another has used, and pictures would be waited for.
        headers = case.headers or {}
        if KEY.fullmatch(headers.get("Idempotency-Key", "")):
            headers["Idempotency-Key"] = f"{os.getpid()}-{case.operation.label.replace(' ', '')}-{seen}"
        if "Prefer" in headers:
            headers["Prefer"] = "wait=0"


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: schemathesis.Case, response: schemathesis.Response
) -> bool:
    # A cursor can only be had from a page.
    cursor = isinstance(failure, RejectedPositiveData) and "cursor" in (case.query or {})
    # Past the latest that is drawn there is room up to the service's own bound.
    body = case.body if isinstance(case.body, dict) else {}
    later = isinstance(failure, AcceptedNegativeData) and is_later(body.get("StartPos"))
    # A list of nothing is no parameter on the wire.
    unsent = isinstance(failure, AcceptedNegativeData) and [] in (case.query or {}).values()
    # A redirect refuses the header that every request of the run has.
    redirected = case.operation.path.endswith("/video") and b"X-Session-Id" in response.content
    # Only a clip has a plan.
    unplanned = isinstance(failure, RejectedPositiveData) and case.operation.path == "/export/plan"
    # Nor does the schema say that a start in seconds is refused.
    in_seconds = isinstance(failure, RejectedPositiveData) and is_in_seconds(body.get("StartPos"))
    # Which format has which options, and which of them go together, is said in words.
    combined = isinstance(failure, RejectedPositiveData) and FORMATS & set(case.query or {})
    # The form of a list, and that there is one, is said in words.
    listed = isinstance(failure, RejectedPositiveData) and case.operation.path == "/export/batch"
    return not (cursor or later or unsent or redirected or in_seconds or unplanned or combined or listed)


def is_later(start: object) -> bool:
    return isinstance(start, int) and start > LATEST_MS


def is_in_seconds(start: object) -> bool:
    return isinstance(start, int | float) and 10**9 <= start < 10**11


@schemathesis.deserializer("application/octet-stream")
def document(context: object, response: schemathesis.Response) -> Any:
    # An edit list is none.
    return json.loads(response.content) if response.content.startswith(b"{") else response.content.decode()


@schemathesis.deserializer("application/x-ndjson", "text/csv", "text/vtt")
def text(context: object, response: schemathesis.Response) -> Any:
    return response.content.decode()


@schemathesis.check
def a_document_is_the_guides(context: object, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """The document's routes give what the developer guide shows unless something else is asked for."""
    asked = case.query or {}
    if not case.operation.path.startswith("/export/data/") or response.status_code != 200 or case.method != "GET":
        return
    if asked.get("view", "guide") == "guide" and asked.get("format", "json") == "json" and "delivery" not in asked:
        event = response.json()["Event"]
        assert "AllOutputAttributes" in event and "EmbeddedTimecodeSource" not in event
