"""Sound that other recorders list, time, code or store in their own ways is in the clip, in step."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from media.copied import stored_audio

from .checks import exact, expected_of

HEAD = (Fraction(1317, 1000), 3000)
JOIN = (Fraction(2917, 1000), 3000)
# The part after the restart is the longer one.
LATE_JOIN = (Fraction(3917, 1000), 3000)
# Three parts: the outer ones together are the longer ones, or the one between them.
OUTER, INNER = (Fraction(1000, 1000), 6500), (Fraction(2317, 1000), 3500)
ENCODED, LEFT_OUT = {"sound_encoded"}, {"sound_left_out"}
# (recording, window, container, the warnings)
CASES = [
    ("audio_in_90k", HEAD, "mp4", set()),
    ("audio_in_90k", HEAD, "ts", set()),
    ("audio_in_10m", HEAD, "mp4", set()),
    ("audio_listed_in_seconds", (Fraction(1623, 1000), 1500), "mp4", set()),
    ("audio_listed_in_seconds", (Fraction(3903, 1000), 1500), "ts", set()),
    ("audio_later_than_listed", (Fraction(2290, 1000), 1446), "ts", set()),
    ("audio_of_another_rate", JOIN, "mp4", ENCODED),
    ("audio_of_another_rate", JOIN, "ts", ENCODED),
    ("audio_of_another_rate", LATE_JOIN, "mp4", ENCODED),
    ("audio_of_other_rates", OUTER, "mp4", ENCODED),
    ("audio_of_other_rates", INNER, "mp4", ENCODED),
    ("audio_of_other_rates", INNER, "ts", ENCODED),
    ("audio_of_another_codec", JOIN, "mp4", ENCODED),
    ("audio_of_another_codec", JOIN, "ts", ENCODED),
    ("audio_listed_in_another_order", JOIN, "mp4", set()),
    ("audio_listed_in_another_order", JOIN, "ts", set()),
    ("audio_without_init", HEAD, "mp4", LEFT_OUT),
    ("audio_at_8000", (Fraction(1080, 1000), 2000), "ts", set()),
    ("audio_at_8000", (Fraction(1080, 1000), 2000), "mp4", set()),
    ("audio_uncompressed", HEAD, "ts", ENCODED),
    ("audio_uncompressed", HEAD, "mp4", set()),
    ("audio_alone_twice", HEAD, "mp4", set()),
    ("audio_alone_twice", (Fraction(1200, 1000), 3000), "ts", set()),
    ("audio_with_the_picture", HEAD, "mp4", set()),
    ("audio_with_the_picture", HEAD, "ts", set()),
]


@pytest.mark.parametrize("form, window, container, warnings", CASES)
def test_the_audio_is_in_step(form, window, container, warnings, stack, recorded, name, tmp_path):
    recording = recorded(form)
    fields = {"export_type": 0, "storage_info": stack.storage(container)}
    answer = stack.finish(stack.request(recording, *window, f"{name}-{window[0].numerator}", **fields))
    clip, _ = exact(stack, recording, answer, expected_of(recording, *window), tmp_path)
    job = stack.job(answer.body["JobId"])
    assert {warning["code"] for warning in job.get("warnings", [])} == warnings, job
    if warnings == ENCODED:
        # Frames that are copied stand as they were recorded: those between two parts of them meet the first one.
        assert seams(clip) == (1 if window == OUTER else 0)


def seams(clip: Path) -> int:
    """Frames of AAC that do not start where the one before them ends."""
    times = [pts for pts, _ in stored_audio(clip, 0, "aac")]
    steps = [b - a for a, b in pairwise(times)]
    usual = sorted(steps)[len(steps) // 2]
    return sum(abs(step - usual) > Fraction(1, 10_000) for step in steps)
