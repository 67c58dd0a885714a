"""What a clip looks like against what was recorded."""

from fractions import Fraction

import pytest

from media import quality

from . import checks


@pytest.mark.parametrize("form, export_type, floor", [("static_time", 0, 42), ("hevc", 1, 38), ("open_gop", 1, 38)])
def test_a_clip_looks_like_the_recording(form, export_type, floor, stack, recorded, name, tmp_path):
    """A smart cut keeps most frames as they are; a full re-encode is held to 38 dB at 1.5 times the bit rate."""
    recording = recorded(form)
    start, duration = Fraction(3300, 1000), 6000
    body = stack.request(
        recording, start, duration, f"{name}-{form}", export_type=export_type, storage_info=stack.storage("mp4")
    )
    expected = checks.expected_of(recording, start, duration)
    clip, report = checks.exact(stack, recording, stack.finish(body), expected, tmp_path)
    assert quality.clip_psnr(clip, recording, report.numbers) >= floor
    rate = sum(len(data) for name, data in recording.files.items() if name != "stream.mpd") / float(
        recording.truth.span()[1]
    )
    assert clip.stat().st_size <= 1.5 * rate * duration / 1000 + 10_000
