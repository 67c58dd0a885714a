"""What can be decoded of a damaged recording is delivered, with a warning; what is missing, LackLength says."""

from fractions import Fraction

import pytest

from media.quality import jpeg_number
from media.verify import spans, verify

SECOND = 1000
PICTURES = range(125, 225)
# (recording, start in ms, duration in ms, container, export type, pictures, LackLength, warning)
CASES = [
    ("cut_off", 5000, 4000, "mp4", 0, [*range(125, 180), *range(200, 225)], 800, "segments_left_out"),
    ("cut_off", 6320, 2680, "ts", 0, [*range(158, 180), *range(200, 225)], 800, "segments_left_out"),
    ("error_page", 5000, 4000, "mp4", 0, [*range(125, 150), *range(200, 225)], 2000, "segments_left_out"),
    ("error_page", 5000, 4000, "ts", 2, [*range(125, 150), *range(200, 225)], 2000, "segments_left_out"),
    ("audio_cut_off", 5000, 4000, "mp4", 0, PICTURES, 0, "segments_left_out"),
    ("wrong_length", 5000, 4000, "mp4", 0, [n for n in PICTURES if n != 199], 0, "pictures_left_out"),
    ("wrong_length", 7200, 1000, "ts", 2, [n for n in range(180, 205) if n != 199], 0, "pictures_left_out"),
    ("lost_slice", 6320, 2680, "mp4", 0, [n for n in range(158, 225) if n != 165], 0, "pictures_left_out"),
    ("lost_slice", 5000, 3000, "mp4", 0, [n for n in range(125, 200) if n != 165], 0, "pictures_damaged"),
    ("lost_reference", 5000, 3000, "mp4", 0, range(125, 165), 1400, "pictures_left_out"),
    ("lost_inside", 5000, 4000, "mp4", 0, [*range(125, 174), *range(200, 225)], 1040, "pictures_left_out"),
    ("lost_inside", 6320, 2680, "ts", 1, [*range(158, 174), *range(200, 225)], 1040, "pictures_left_out"),
    ("lost_slice", 5100, 2900, "ts", 2, [n for n in range(128, 200) if n != 165], 0, "pictures_left_out"),
    ("led_key", 5000, 4000, "ts", 0, PICTURES, 0, "rates_corrected"),
    ("led_key", 5000, 2000, "mp4", 1, range(125, 175), 0, "rates_corrected"),
    ("led_recovery_point", 5100, 1500, "ts", 1, range(128, 165), 0, "rates_corrected"),
    ("led_recovery_point", 9028, 696, "mp4", 0, range(226, 244), 0, "rates_corrected"),
    ("restarted", 5000, 4000, "mp4", 0, PICTURES, 0, "pictures_left_out"),
    ("restarted", 5000, 4000, "ts", 0, PICTURES, 0, "pictures_left_out"),
    ("still_screen", 5000, 3160, "mp4", 0, [104, *range(200, 204)], 0, None),
    ("still_screen", 5000, 4000, "mp4", 2, [104, *range(200, 205)], 800, None),
    ("still_screen", 5000, 1000, "mp4", 0, [104], 0, None),
    ("still_screen", 4080, 4000, "ts", 0, [*range(102, 105), 200, 201], 0, None),
]


@pytest.mark.parametrize("form, start, duration, container, export_type, pictures, lack, warning", CASES)
def test_what_can_be_decoded_is_delivered(
    form, start, duration, container, export_type, pictures, lack, warning, stack, recorded, name, tmp_path
):
    recording = recorded(form)
    fields = {"export_type": export_type, "storage_info": stack.storage(container)}
    body = stack.request(recording, Fraction(start, SECOND), duration, f"{name}-{form}-{start}-{container}", **fields)
    answer = stack.finish(body)
    assert (answer.body["ErrorCode"], answer.body["ErrorMessage"]) == (5, "Success"), answer
    report = verify(stack.fetch(answer.body["VideoPath"], tmp_path), recording.truth.fps, recording.truth.size)
    assert report.numbers == list(pictures), spans(report.numbers)
    assert answer.body["LackLength"] == lack
    job = stack.job(answer.body["JobId"])
    warnings = {each["code"] for each in job.get("warnings", [])}
    assert (warning is None or warning in warnings), job
    if warning != "segments_left_out" and form != "lost_inside":
        # No hole is closed: every picture is at its time.
        shown = {each.number: each.pts - report.pictures[0].pts for each in report.pictures[1:]}
        late = [n for n, pts in shown.items() if abs(pts * 25 - n + Fraction(start, 40)) > 1]
        assert not late, f"pictures {late} are not shown at their times"


@pytest.mark.parametrize(
    "form, start, number",
    [
        ("wrong_length", 7960, 200),
        ("wrong_length", 7000, 175),
        ("cut_off", 7200, 200),
        ("led_key", 6320, 158),
        ("led_recovery_point", 6320, 158),
        ("still_screen", 5000, 104),
        ("still_screen", 7800, 200),
    ],
)
def test_a_still_is_the_first_picture_that_can_be_decoded(form, start, number, stack, recorded, name, tmp_path):
    recording = recorded(form)
    body = stack.request(recording, Fraction(start, SECOND), 1000, f"{name}-{form}-{start}", FetchMedia=False)
    answer = stack.finish(body)
    assert answer.body["ErrorCode"] == 0, answer
    assert jpeg_number(stack.fetch(answer.body["ImagePath"], tmp_path), recording.truth.size) == number


def test_a_window_within_what_is_damaged_is_refused_with_the_reason(stack, recorded, name):
    answer = stack.finish(stack.request(recorded("error_page"), Fraction(6500, SECOND), 1000, name))
    assert (answer.body["ErrorCode"], answer.body["ErrorMessage"]) == (-1, "no media in window"), answer
    assert "segment 3 of the video track, at 6.0 s" in stack.job(answer.body["JobId"])["detail"]
