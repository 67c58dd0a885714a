"""Event and replay documents over HTTP: names, forms, validators, sizes, refusals."""

import gzip
import hashlib
import json
import urllib.parse
import urllib.request
from datetime import datetime, timezone

import pytest

from .mre import Mre, Names, scenarios
from .stack import ask, unfollowed

ALL = scenarios()
EVENT, REPLAY = "event_tennis_optimizer", "replay_mp4_weight"


@pytest.fixture(scope="module")
def mre(stack):
    return Mre(stack)


@pytest.fixture(scope="module")
def replay(mre) -> Names:
    return mre.load(ALL[REPLAY])


@pytest.fixture(scope="module")
def event(replay) -> Names:
    """The replay's event."""
    return replay.of_event()


# ---- routes and views


def test_every_route_answers_its_own_form(mre, event, replay):
    for names in (event, replay):
        guide, own = mre.get(names.path()), mre.get(names.mre_path())
        assert (guide.status, own.status) == (200, 200)
        assert guide.headers["content-type"] == own.headers["content-type"] == "application/json"
        assert ("Replay" in guide.body) == bool(names.replay)
        assert list(own.body) == ["BlobContent"]
        assert mre.get(names.path() + "?view=mre&source=stored").text + b"\n" == own.body["BlobContent"].encode()
        wrapped = mre.get(names.mre_path() + "?view=guide")
        assert wrapped.body["BlobContent"].encode() == guide.text + b"\n"
        assert wrapped.headers["x-export-source"] == "live"


def test_the_default_source_is_stored_on_mres_routes_and_live_on_the_guides(mre, event, replay):
    # The scenario brings a stored event export, and none of the replay.
    assert mre.get(event.path()).headers["x-export-source"] == "live"
    assert mre.get(event.mre_path()).headers["x-export-source"] == "stored"
    assert mre.get(event.mre_path() + "?source=live").headers["x-export-source"] == "live"
    assert mre.get(replay.mre_path()).headers["x-export-source"] == "live"


def test_head_has_the_headers_of_get_and_no_body(mre, event, replay):
    for names in (event, replay):
        for path in (names.path(), names.mre_path(), names.query()):
            got, head = mre.get(path), mre.get(path, method="HEAD")
            assert (head.status, head.text) == (200, b"")
            assert int(head.headers["content-length"]) == len(got.text)
            for header in ("etag", "content-type", "x-export-source", "x-export-profile-source", "cache-control"):
                assert head.headers[header] == got.headers[header], header


# ---- validators and encodings


def test_a_known_document_is_not_sent_again(mre, event):
    got = mre.get(event.path())
    assert got.headers["cache-control"] == "private, no-cache"
    assert got.headers["last-modified"].endswith("GMT")
    again = mre.get(event.path(), if_none_match=got.headers["etag"])
    assert (again.status, again.text, again.headers["etag"]) == (304, b"", got.headers["etag"])
    mre.stack.dynamodb.update_item(
        TableName=mre.env["EVENT_TABLE_NAME"], Key={"Name": {"S": event.event}, "Program": {"S": event.program}},
        UpdateExpression="SET ProgramId = :x", ExpressionAttributeValues={":x": {"S": "changed"}},
    )  # fmt: skip
    changed = mre.get(event.path(), if_none_match=got.headers["etag"])
    assert changed.status == 200
    assert changed.headers["etag"] != got.headers["etag"]


def test_representations_have_tags_of_their_own(mre, event):
    answers = [
        mre.get(event.path(), accept_encoding="identity"),
        mre.get(event.path(), accept_encoding="gzip"),
        mre.get(event.path() + "?view=mre"),
        mre.get(event.mre_path()),
        mre.get(event.mre_path(), accept="application/octet-stream"),
    ]
    assert len({answer.headers["etag"] for answer in answers}) == len(answers)
    plain, packed = answers[:2]
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.text) == plain.text


# ---- names


NAMES = [
    "a b+c&d=e",
    "100% ace",
    "%41%2F",
    "a/b?c#d",
    "quotes ' and \"",
    "Zoë 🎾 Finale",
    "line\u2028and\u2029ends",
    "back\\slash;{}[]|^`~<>",
    "é",
    "..",
    "tab\tnul\0 and\nline",
]


@pytest.fixture(scope="module")
def named(mre, event) -> None:
    row = mre.row(event)
    for name in NAMES:
        mre.put("Event", [{**row, "Name": {"S": name}, "Program": {"S": f"p {name}"}}])


@pytest.mark.parametrize("name", NAMES)
def test_every_name_works_in_the_query(name, mre, named):
    answer = mre.get(Names(name, f"p {name}").query())
    assert answer.status == 200, answer
    assert (answer.body["Event"]["Name"], answer.body["Event"]["Program"]) == (name, f"p {name}")
    assert json.dumps(name, ensure_ascii=False) in answer.text.decode()


@pytest.mark.parametrize("name", [name for name in NAMES if not set("/?") & set(name)])
def test_every_name_without_slash_and_question_mark_works_in_the_path(name, mre, named):
    names = Names(name, f"p {name}")
    for path in (names.path(), names.mre_path() + "?source=live"):
        answer = mre.get(path)
        assert answer.status == 200, answer
    assert mre.get(names.path()).body["Event"]["Name"] == name


def test_a_line_separator_in_a_name_leaves_the_blob_valid(mre, named):
    names = Names("line\u2028and\u2029ends", "p line\u2028and\u2029ends")
    blob = mre.get(names.mre_path() + "?source=live").body["BlobContent"]
    assert json.loads(blob)["Event"]["Name"] == names.event


# ---- bad input


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("event=&program=p", "event"),
        ("program=p", "event"),
        ("event=e", "program"),
        (f"event={'x' * 1000}&program=p", "event"),
        ("event=e&program=%FF", "program"),
        ("event=e&event=f&program=p", "event"),
        ("event=e&program=p&view=xml", "view"),
        ("event=e&program=p&source=cache", "source"),
        ("event=e&program=p&delivery=mail", "delivery"),
        ("event=e&program=p&format=xml", "format"),
        ("event=e&program=p&page=2", "page"),
    ],
)
def test_a_bad_parameter_is_named(query, parameter, mre):
    answer = mre.get(f"/export/data/event?{query}")
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.body["detail"].startswith(f"{parameter}: ")
    assert answer.body["status"] == 400


@pytest.mark.parametrize("name", ["x" * 1000, "%FF"])
def test_a_bad_name_in_the_path_is_named(name, mre):
    guide = mre.get(f"/export/data/event/{name}/program/p")
    assert (guide.status, guide.body["detail"].partition(":")[0]) == (400, "event")
    own = mre.get(f"/event/{name}/export/data/program/p")
    assert (own.status, own.body["Code"]) == (400, "BadRequestError")
    assert own.body["Message"].startswith("ValidationError: event: ")


def test_unknown_names_are_not_found_in_each_routes_shape(mre, event):
    for names in (Names("nope", "P é"), Names("nope", "P é", "r"), Names(event.event, event.program, "no-such-id")):
        guide, own = mre.get(names.path()), mre.get(names.mre_path())
        assert (guide.status, guide.headers["content-type"]) == (404, "application/problem+json")
        assert own.status == 404
        assert own.body == {"Code": "NotFoundError", "Message": f"Event '{names.event}' in Program '{names.program}' not found"}


def test_a_query_that_a_url_parser_would_refuse_is_answered(mre, named):
    name = urllib.parse.quote("quotes ' and ").replace("%20", "+") + '"'
    host = mre.env["API_URL"].removeprefix("http://")
    import socket

    with socket.create_connection(host.split(":")) as connection:
        query = f"/export/data/event?event={name}&program=p+{name}"
        connection.sendall(f"GET {query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    assert reply.split(b" ", 2)[1] in (b"200", b"400"), reply[:200]


# ---- any size


SEGMENTS = 7_000


@pytest.fixture(scope="module")
def large(mre) -> Names:
    """Segments with two tracks and an optimizer, too many for one reply."""
    scenario = ALL[EVENT]
    names = mre.load(scenario)
    template = next(row for row in scenario["tables"]["mre-PluginResult"]["Items"] if "LabelCode" in row)
    opto = {"M": {"1": {"N": "1.128"}, "2": {"N": "1.228"}}}
    clips = {"M": {track: {"S": f"s3://aws-mre-clip-gen-output/{'x' * 60}/clip_{track}.mp4"} for track in "12"}}
    more = {"OptoStart": opto, "OptoEnd": opto, "OriginalClipLocation": clips, "OptimizedClipLocation": clips}

    def row(at: int) -> dict:
        return {**template, **more, "Start": {"N": str(at * 10 + 0.2)}, "End": {"N": str(at * 10 + 8)}}

    mre.put("PluginResult", [row(at) for at in range(SEGMENTS)])
    return names


def test_a_document_of_any_size_is_served_whole(mre, large):
    def unredirected(method: str):
        url = mre.env["API_URL"] + large.path()
        return ask(urllib.request.Request(url, headers={"Accept-Encoding": "identity"}, method=method), unfollowed)

    whole, head = unredirected("GET"), unredirected("HEAD")
    status, headers, body = whole.status, whole.headers, whole.text
    assert (head.status, head.headers["etag"]) == (307, headers["etag"])
    with urllib.request.urlopen(urllib.request.Request(head.headers["location"], method="HEAD"), timeout=60) as reply:
        assert int(reply.headers["Content-Length"]) > 6_000_000
    assert (status, body, headers["cache-control"]) == (307, b"", "no-store")
    with urllib.request.urlopen(headers["location"], timeout=60) as reply:
        document, content_type = reply.read(), reply.headers["Content-Type"]
    assert content_type == "application/json"
    assert len(document) > 6_000_000
    assert len(json.loads(document)["Segments"]) >= SEGMENTS
    packed = mre.get(large.path(), accept_encoding="gzip")
    assert (packed.status, packed.headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(packed.text) == document
    followed = mre.get(large.path(), accept_encoding="identity")
    assert followed.text == document

    own = mre.get(large.mre_path() + "?view=guide", accept_encoding="identity")
    assert own.body["BlobContent"].encode() == document + b"\n"


def test_a_link_tells_where_how_long_and_what(mre, large, event):
    for names in (large, event):
        answer = mre.get(names.path() + "?delivery=link")
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
        told = answer.body
        with urllib.request.urlopen(told["Location"], timeout=60) as reply:
            document = reply.read()
        assert len(document) == told["Bytes"]
        assert hashlib.sha256(document).hexdigest() == told["Sha256"]
        ends = datetime.fromisoformat(told["ExpiresAt"].replace("Z", "+00:00"))
        assert 0 < (ends - datetime.now(timezone.utc)).total_seconds() <= 900
