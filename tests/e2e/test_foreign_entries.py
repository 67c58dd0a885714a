"""The pictures of an MP4 clip have one sample entry, whatever the recording's are, and all of them are shown by players
that know no other."""

import shutil
import subprocess
from fractions import Fraction

import pytest

from media import boxes, ffmpeg

from .checks import exact, expected_of, kept

WINDOW = (Fraction(1320, 1000), 3000)
# Debian's is years older than the project's own.
PLAYERS = [path for path in (ffmpeg.executable(), shutil.which("ffmpeg")) if path]
CASES = [("hev1", b"hvc1"), ("hevc", b"hvc1"), ("avc3_bare", b"avc1"), ("short_vui", b"avc1")]


@pytest.mark.parametrize("container", ["mp4", "ts"])
@pytest.mark.parametrize("form, entry", CASES)
def test_a_smart_cut_plays_where_one_sample_entry_is_known(form, entry, container, stack, recorded, name, tmp_path):
    recording = recorded(form)
    fields = {"export_type": 0, "storage_info": stack.storage(container)}
    answer = stack.finish(stack.request(recording, *WINDOW, name, **fields))
    clip, report = exact(stack, recording, answer, expected_of(recording, *WINDOW), tmp_path)
    copy = kept(stack, recording, answer, *WINDOW, clip, report)
    assert copy.plan["kind"] == "smart", copy.plan
    if container == "mp4":
        data = clip.read_bytes()
        stsd = boxes.find(data, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")[0]
        assert (data[stsd.body + 4 : stsd.body + 8], data[stsd.body + 12 : stsd.body + 16]) == (b"\0\0\0\x01", entry)
    for player in PLAYERS:
        assert shown(player, clip) == len(report.pictures), player


def shown(player: str, clip) -> int:
    """How many pictures a player decodes, and it must not complain."""
    args = ["-v", "error", "-i", str(clip), "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    run = subprocess.run([player, *args], capture_output=True, text=True, check=True, timeout=60)
    assert not run.stderr, run.stderr
    return sum(not line.startswith("#") for line in run.stdout.splitlines())
