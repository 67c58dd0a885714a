"""A recording that is still growing."""

import time
from fractions import Fraction

import pytest

from media import forms
from media.hls import LivePlaylists
from media.recording import Live

from . import checks


KINDS = {"dash": ("stream.mpd", Live), "hls": ("stream.m3u8", LivePlaylists)}


@pytest.fixture
def live(request, stack, name):
    """A recording that began 8 s ago and of which 6 s are stored."""
    manifest, kind = KINDS[getattr(request, "param", "dash")]
    recording = forms.seconds_into(name, 0, 16, f"mp4/live/{name}/1/{manifest}", int(time.time() * 1000) - 8000)
    growing = kind(recording, stack.s3, stack.env["SOURCE_BUCKET"], stack.env["SOURCE_PREFIX"])
    growing.publish(Fraction(6))
    return growing


@pytest.mark.parametrize("live", KINDS, indirect=True)
def test_a_window_at_the_live_edge_waits_for_its_segments(stack, live, name, tmp_path):
    start, duration = Fraction(45, 10), 7000
    body = stack.request(live.recording, start, duration, name)
    began = live.recording.truth.ast_ms / 1000
    answer = stack.export(body)
    published = 6
    while not answer.final:
        assert answer.code == 1 and answer.body["ErrorMessage"] == "Work Not Finish", answer
        assert 0 < answer.body["TimeWait"] <= 30_000 and 0 <= answer.body["LackLength"] <= duration
        while published + 2 <= min(16, time.time() - began):
            published += 2
            live.publish(Fraction(published))
        assert time.time() - began < 120, answer
        time.sleep(0.5)
        answer = stack.export(body)
    expected = checks.expected_of(live.recording, start, duration)
    assert expected.lack_ms == 0
    checks.exact(stack, live.recording, answer, expected, tmp_path)


def test_a_window_behind_the_live_edge_is_ready_at_once(stack, live, name, tmp_path):
    start, duration = Fraction(15, 10), 3000
    answer = stack.finish(stack.request(live.recording, start, duration, name), timeout=60)
    checks.exact(stack, live.recording, answer, checks.expected_of(live.recording, start, duration), tmp_path)
