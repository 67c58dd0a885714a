"""Clips of recordings whose frame rates, reordering, Periods and key pictures are unusual are exact."""

from fractions import Fraction

import pytest

from media.verify import verify

from .checks import exact, expected_of

HEAD = (Fraction(1317, 1000), 3000)
ANY = {"copy", "smart", "reencode"}
SMART = {"smart"}
ANEW = {"reencode"}
# (recording, window, container, export type, what may become of it)
CASES = [
    ("film", HEAD, "ts", 0, SMART),
    ("film", HEAD, "mp4", 0, SMART),
    ("thirty", HEAD, "ts", 0, SMART),
    ("thirty", HEAD, "ts", 2, ANEW),
    ("forty_eight", HEAD, "ts", 0, SMART),
    ("film_hevc", HEAD, "ts", 0, SMART),
    ("film_hevc", HEAD, "ts", 2, SMART),
    ("thirty_hevc", HEAD, "ts", 0, SMART),
    ("thirty_hevc", HEAD, "ts", 1, ANEW),
    ("dropped", HEAD, "ts", 0, SMART),
    ("dropped", HEAD, "ts", 2, ANEW),
    ("dropped", HEAD, "mp4", 0, SMART),
    ("pictures_in_90k", HEAD, "mp4", 0, SMART),
    ("pictures_in_90k", HEAD, "ts", 2, ANEW),
    ("pictures_in_10m", HEAD, "mp4", 0, SMART),
    ("hundred_and_twenty", (Fraction(1017, 1000), 2000), "ts", 0, SMART),
    ("period_within_gop", (Fraction(3000, 1000), 4000), "ts", 0, SMART),
    ("period_within_gop", (Fraction(3000, 1000), 4000), "mp4", 0, SMART),
    ("period_within_gop", (Fraction(4970, 1000), 1000), "mp4", 0, ANY),
    ("refreshed", (Fraction(9320, 1000), 1500), "ts", 0, ANEW),
    ("unmarked_open_gop", (Fraction(3320, 1000), 2000), "mp4", 0, ANEW),
    ("far_key", (Fraction(36_320, 1000), 1000), "ts", 0, ANEW),
]


@pytest.mark.parametrize("form, window, container, export_type, kinds", CASES)
def test_a_clip_is_exact(form, window, container, export_type, kinds, stack, recorded, name, tmp_path):
    recording = recorded(form)
    fields = {"export_type": export_type, "storage_info": stack.storage(container)}
    answer = stack.finish(stack.request(recording, *window, f"{name}-{window[0].numerator}", **fields))
    exact(stack, recording, answer, expected_of(recording, *window), tmp_path)
    job = stack.job(answer.body["JobId"])
    assert job["plan"]["kind"] in kinds, job["plan"]


def test_behind_a_hole_a_refreshed_recording_is_shown_once_it_is_right(stack, recorded, name, tmp_path):
    recording = recorded("refreshed_with_hole")
    answer = stack.finish(stack.request(recording, Fraction(3), 6000, name))
    assert answer.body["ErrorCode"] == 5, answer
    report = verify(stack.fetch(answer.body["VideoPath"], tmp_path), Fraction(25), (320, 180))
    behind = report.numbers[25]
    assert report.numbers == [*range(75, 100), *range(behind, 225)]
    assert 149 <= behind <= 200, "a refresh takes twenty reference pictures"
    assert answer.body["LackLength"] == (behind - 100) * 40


def test_a_declared_hole_of_half_a_second_loses_what_refers_to_it(stack, recorded, name, tmp_path):
    recording = recorded("short_hole")
    answer = stack.finish(stack.request(recording, Fraction(3), 4000, name))
    assert answer.body["ErrorCode"] == 5, answer
    report = verify(stack.fetch(answer.body["VideoPath"], tmp_path), Fraction(25), (320, 180))
    # Picture 96 is decoded before 95, which is lost; 100 was the key picture.
    assert report.numbers == [*range(75, 95), *range(150, 175)]
    assert answer.body["LackLength"] == 55 * 40
