"""Whoever listens to the event bus learns of every job that ended."""

import json
import time
from collections.abc import Iterator
from fractions import Fraction

import jsonschema
import pytest

from media import forms

from .listener import Listener, of_jobs
from .mre import wait_for
from .stack import ROOT, Stack

SCHEMA = json.loads((ROOT / "events" / "completion" / "completion.schema.json").read_text())


@pytest.fixture(scope="module")
def listener(stack: Stack) -> Iterator[Listener]:
    listener = of_jobs(stack)
    yield listener
    listener.close()


def told(listener: Listener, job: str) -> dict:
    def about() -> dict | None:
        return next((event for event in listener.heard() if event["detail"].get("job", {}).get("id") == job), None)

    event = wait_for(about, f"event about {job}", 90)
    jsonschema.validate(event["detail"], SCHEMA)
    assert event["source"] == "media-export"
    return event


@pytest.mark.parametrize("fetch_media", [True, False])
def test_a_finished_export_is_told_of_with_keys_that_are_there(stack, recorded, listener, name, fetch_media):
    done = stack.finish(stack.request(recorded("static_time"), Fraction(3), 1000, name, FetchMedia=fetch_media))
    event = told(listener, done.body["JobId"])
    detail = event["detail"]
    assert event["detail-type"] == "Media Export Ready" and detail["job"]["state"] == "READY"
    keys = [detail[key] for key in ("image_key", "video_key") if key in detail]
    assert len(keys) == 1 + fetch_media and all(stack.exists(key) for key in keys), keys
    assert detail["job"]["image_path"] == done.body["ImagePath"]


def test_a_failed_export_is_told_of_with_its_reason(stack, recorded, listener, name):
    failed = stack.finish(stack.request(recorded("static_time"), Fraction(100_000), 1000, name))
    event = told(listener, failed.body["JobId"])
    assert event["detail-type"] == "Media Export Failed"
    assert event["detail"]["job"]["error"] == failed.body["ErrorMessage"]
    assert "image_key" not in event["detail"] and "video_key" not in event["detail"]


def test_a_cancelled_export_is_told_of_by_the_sweeper(stack, listener, name):
    """Nobody else does, of a window in an hour; a sweep by hand after ten seconds saves waiting for the minute."""
    recording = forms.seconds_into(name, 0, 16, f"mp4/live/{name}/1/stream.mpd", int(time.time() * 1000))
    job = stack.export(stack.request(stack.upload(recording), Fraction(3600), 1000, name)).body["JobId"]
    assert stack.send("DELETE", f"/export/status/{job}", headers={"X-Session-Id": stack.session_id}).status == 200
    time.sleep(10.5)
    stack.invoke("JobSweeper", b"{}")
    assert told(listener, job)["detail"]["job"]["state"] == "CANCELLED"
