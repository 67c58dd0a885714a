"""A clip of the heaviest pictures is made within the memory of a clip worker, or refused."""

import json

import pytest

from . import media

# Every picture is encoded anew, in the other codec and with reordering: what takes most.
HEAVIEST = {**media.UHD, "count": 40, "gop": 20, "codec": "h264", "pixels": "yuv422p10le", "rate": ""}


@pytest.fixture(scope="module")
def driver():
    return media.built_driver(release=False)


@pytest.fixture(scope="module")
def recording():
    media.CACHE.mkdir(parents=True, exist_ok=True)
    return media.made("UHD-H.264-422-10-short", **HEAVIEST).folder


def exported(driver, recording, memory_mib: int) -> dict:
    run = media.spend(media.measured(driver, recording, 0, 1500, "--codec", "h265", "--memory", memory_mib))
    return json.loads(run.output.splitlines()[-1])


def test_uhd_in_422_at_10_bit_is_encoded_within_the_memory_of_a_clip_worker(driver, recording):
    told = exported(driver, recording, media.CLIP_MEMORY_MIB)
    assert told["failure"] is None
    assert told["plan"]["frames_encoded"] >= 37
    assert told["peak_rss_kib"]["together"] / 1024 < media.CLIP_MEMORY_MIB * 0.9


def test_pictures_that_do_not_fit_are_refused_with_what_they_take(driver, recording):
    failure = exported(driver, recording, 1769)["failure"]
    assert failure["reason"] == "pictures_too_large"
    assert "pictures of 3840x2160 in yuv422p10le take" in failure["detail"]
    assert "and a worker has 1769" in failure["detail"]
