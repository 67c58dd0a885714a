"""What a clip looks like against what was recorded."""

from fractions import Fraction

import pytest

from media import quality

from . import checks


@pytest.mark.parametrize("form, export_type, floor", [("static_time", 0, 42), ("hevc", 1, 38), ("open_gop", 1, 38), ("interlaced", 0, 42)])
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


# Y-PSNR in dB of encoded frames against the recorded ones: 42 for H.264, less for H.265, whose recordings keep less.
ENCODED_FRAMES = {
    "static_time": 42,
    "no_b": 42,
    "irregular": 42,
    "ntsc": 42,
    "ten_bit": 42,
    "tagged": 42,
    "hevc": 40,
    "hevc_open": 40,
    "hdr10": 40,
}


@pytest.mark.parametrize("form", ENCODED_FRAMES)
def test_encoded_frames_are_as_good_as_recorded_ones(form, stack, recorded, name, tmp_path):
    """At most 1 dB is lost against what was recorded, measured on what the recording was made from."""
    recording = recorded(form)
    start, duration = Fraction(6330, 1000), 4270
    body = stack.request(recording, start, duration, f"{name}-{form}", storage_info=stack.storage("mp4"))
    answer = stack.finish(body)
    clip, report = checks.exact(stack, recording, answer, checks.expected_of(recording, start, duration), tmp_path)
    copy = checks.kept(stack, recording, answer, start, duration, clip, report)
    like = quality.likeness(clip, recording, report.numbers, copy.encoded)
    print(form, copy.plan["kind"], len(copy.encoded), "frames encoded:", like)
    assert like.source >= ENCODED_FRAMES[form], like
    assert like.pristine >= like.recorded - 1, like
