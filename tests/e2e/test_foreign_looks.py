"""Clips are shown as the recording is, whatever it is that says so."""

from fractions import Fraction
from pathlib import Path

import pytest

from media.recording import Recording
from media.verify import looks, verify

from .stack import Answer, Stack

START, DURATION = Fraction(1320, 1000), 2000
CASES = [
    ("turned", "mp4", 0),
    ("turned", "mp4", 2),
    ("turned", "ts", 0),
    ("shaped", "mp4", 0),
    ("shaped", "ts", 0),
    ("shaped", "ts", 2),
    ("coloured", "mp4", 0),
    ("coloured", "ts", 0),
    ("coloured", "ts", 2),
    ("bottom_first", "mp4", 0),
    ("captions", "mp4", 2),
]


def source(recording: Recording, folder: Path) -> Path:
    """The first two segments of the picture as a player reads them."""
    track = recording.manifest.periods[0].tracks[0]
    path = folder / "source.mp4"
    path.write_bytes(track.init + b"".join(segment.data for segment in track.segments[:2]))
    return path


def export(stack: Stack, recording: Recording, window: tuple[Fraction, int], name: str, **fields: object) -> Answer:
    answer = stack.finish(stack.request(recording, *window, name, **fields))
    assert answer.body["ErrorCode"] == 5, answer
    return answer


@pytest.mark.parametrize("form, container, export_type", CASES)
def test_a_clip_looks_as_the_container_says(form, container, export_type, stack, recorded, name, tmp_path):
    recording = recorded(form)
    fields = {"export_type": export_type, "storage_info": stack.storage(container)}
    answer = export(stack, recording, (START, DURATION), f"{name}-{form}-{container}{export_type}", **fields)
    clip = stack.fetch(answer.body["VideoPath"], tmp_path)
    (wanted,) = set(looks(source(recording, tmp_path)))
    shown = looks(clip)
    assert (len(shown), set(shown)) == (50, {wanted})
    jpeg = stack.fetch(answer.body["ImagePath"], tmp_path)
    ((size, shape),) = looks(jpeg)
    assert size == wanted[0]
    assert f"sar {'4/3' if form == 'shaped' else '1/1'}" in shape or form != "shaped"


@pytest.mark.parametrize("export_type", [0, 2])
def test_a_clip_of_several_sizes_has_the_largest(export_type, stack, recorded, name, tmp_path):
    recording = recorded("advertised")
    fields = {"export_type": export_type, "storage_info": stack.storage("mp4")}
    window = (Fraction(3000, 1000), 2000)
    answer = export(stack, recording, window, f"{name}-{export_type}", **fields)
    report = verify(stack.fetch(answer.body["VideoPath"], tmp_path), Fraction(25), (320, 180))
    assert report.numbers == list(range(75, 125))
    assert {picture.size for picture in report.pictures} == {"320x180"}
    warnings = {w["code"]: w for w in stack.job(answer.body["JobId"])["warnings"]}
    assert "256x144" in warnings["pictures_scaled"]["detail"]
