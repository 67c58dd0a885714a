"""Clips are shown as the recording is, whatever it is that says so."""

from fractions import Fraction
from pathlib import Path

import pytest

from media import ffmpeg
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


# (recording, export type, warning, a part of its detail, what of a patch is the same in all pictures, or becomes this)
CHANGES = [
    ("advertised", 0, "pictures_scaled", "256x144", "", []),
    ("advertised", 2, "pictures_scaled", "256x144", "", []),
    ("turned_within", 0, "pictures_converted", "turned, converted to the clip's colours", "rgb24", []),
    ("brighter_within", 0, "pictures_converted", "converted to the clip's colours", "gray", [143]),
]


@pytest.mark.parametrize("form, export_type, warning, detail, pixels, becomes", CHANGES)
def test_a_clip_of_several_looks_has_one(
    form, export_type, warning, detail, pixels, becomes, stack, recorded, name, tmp_path
):
    """The largest pictures decide, or else the first; all others are made like them."""
    recording = recorded(form)
    fields = {"export_type": export_type, "storage_info": stack.storage("mp4")}
    answer = export(stack, recording, (Fraction(3000, 1000), 2000), f"{name}-{form}{export_type}", **fields)
    clip = stack.fetch(answer.body["VideoPath"], tmp_path)
    report = verify(clip, Fraction(25), (320, 180))
    assert report.numbers == list(range(75, 125))
    assert {(picture.size, picture.look) for picture in report.pictures} == {("320x180", report.pictures[0].look)}
    warnings = {w["code"]: w for w in stack.job(answer.body["JobId"])["warnings"]}
    assert detail in warnings[warning]["detail"]
    if pixels:
        shades = patch(clip, pixels, tmp_path)
        wanted = becomes or shades[0]
        assert all(abs(a - b) <= 3 for shade in shades[25:] for a, b in zip(shade, wanted, strict=True)), shades


def patch(clip: Path, pixels: str, folder: Path) -> list[bytes]:
    """What each picture of a clip shows in the middle of its patch: green in colours, or the brightness of white."""
    left, raw = 260 if pixels == "gray" else 200, folder / "patch.raw"
    taken = "format=yuv444p,extractplanes=y" if pixels == "gray" else "scale=in_color_matrix=bt709,format=rgb24"
    filters = f"crop=40:40:{left + 10}:110,scale=1:1:flags=area,{taken}"
    ffmpeg.run("-i", str(clip), "-vf", filters, "-fps_mode", "passthrough", "-f", "rawvideo", str(raw))
    size = 1 if pixels == "gray" else 3
    data = raw.read_bytes()
    return [data[at : at + size] for at in range(0, len(data), size)]
