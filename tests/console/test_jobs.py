"""Sessions and jobs, and the page as a whole."""

import gzip
import urllib.request
from fractions import Fraction

import pytest

from demo.demo import demo_recording
from e2e.stack import Stack

from .conftest import CONSOLE

# Bytes of the whole console, packed.
MOST = 350_000
NAME = "console-job"


@pytest.fixture(scope="module")
def job(stack: Stack) -> str:
    """A finished job of two seconds."""
    recording = stack.upload(demo_recording())
    body = stack.request(recording, Fraction(73, 10), 2000, NAME, container="mp4", export_type=0)
    answer = stack.finish(body)
    assert answer.code == 5, answer
    return answer.body["JobId"]


def test_the_console_is_small_and_lists_its_licences():
    files = [path for path in CONSOLE.rglob("*") if path.is_file()]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) <= MOST
    licences = (CONSOLE / ".vite" / "license.md").read_text(encoding="utf-8")
    assert "preact" in licences


def test_a_job_shows_its_state_its_plan_and_its_files(journey, job):
    shown = journey("jobs", file=f"{NAME}.mp4")
    assert "ready" in shown["told"] and "100 %" in shown["told"]
    assert shown["duration"] == pytest.approx(2, abs=0.001)
    assert "of 50 frames encoded" in shown["text"]
    for link in shown["links"]:
        with urllib.request.urlopen(link) as reply:
            assert reply.headers["content-disposition"].startswith("attachment"), link
    assert len(shown["links"]) == 2


def test_jobs_can_be_filtered_by_state(journey, job):
    assert journey("filtered") == 0


def test_a_page_without_a_session_asks_for_one_until_it_is_valid(journey, stack):
    shown = journey("entering", session=None, other=stack.session_id)
    assert shown["focused"] == "session" and shown["stays"]


def test_a_session_in_the_address_is_taken_out_of_it(journey, stack):
    address = journey("address")
    assert stack.session_id not in address["url"]
    assert address["sent"] == []


def test_axe_finds_nothing_broken_in_light_and_dark(journey, job):
    found = journey("accessible", job=job)
    assert found == dict.fromkeys(found, [])
