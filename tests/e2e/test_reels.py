"""Random reels hold the pictures and the sound of their windows. `make soak-reels REELS=1000 SEED=7` tries many.

`SOAK_REELS` says how many. A reel is decided by the seed and its index alone, so that `E2E_SEED=7 SOAK_REELS=313` with
`-k '[312]'` makes the last of them again.
"""

import os

import pytest

from media import reels

from .conftest import SEED
from .test_ways import driver  # noqa: F401


@pytest.mark.parametrize("index", range(int(os.environ.get("SOAK_REELS") or 12)))
def test_a_reel_holds_its_windows_in_their_order(index, driver, tmp_path):  # noqa: F811
    reel = reels.random_reel(SEED, index)
    clip, told = reels.make(driver, reel, tmp_path)
    report, problems = reels.judge(reel, clip, told)
    if problems:
        replay = f"E2E_SEED={SEED} SOAK_REELS={index + 1} pytest tests/e2e/test_reels.py -k '[{index}]'"
        pytest.fail(f"{report.summary()}: {problems}\n{reel}\nreplay: {replay}", pytrace=False)
