"""Clips of recordings whose manifests or boxes are unusual, but not ambiguous, are exact."""

from fractions import Fraction

import pytest

from .checks import exact, expected_of

HEAD = (Fraction(1320, 1000), 3000)
# (recording, window, container)
CASES = [
    ("packed", HEAD, "mp4"),
    ("oddly_written", HEAD, "ts"),
    ("odd_entries", HEAD, "mp4"),
    ("odd_entries", (Fraction(3320, 1000), 3000), "ts"),
    ("rounded", (Fraction(7), 1080), "mp4"),
    ("newer_codec", HEAD, "mp4"),
    ("drifting", (79_084 + HEAD[0], 2000), "ts"),
    ("untimed_fragments", HEAD, "mp4"),
    ("untimed_fragments", (Fraction(2320, 1000), 4000), "ts"),
]


@pytest.mark.parametrize("form, window, container", CASES)
def test_a_clip_is_exact(form, window, container, stack, recorded, name, tmp_path):
    recording = recorded(form)
    fields = {"storage_info": stack.storage(container)}
    answer = stack.finish(stack.request(recording, *window, f"{name}-{form}-{window[0].numerator}", **fields))
    exact(stack, recording, answer, expected_of(recording, *window), tmp_path)
