"""Random reels hold the pictures and the sound of their windows. `make soak-reels REELS=1000 SEED=7` tries many.

`SOAK_REELS` says how many. A reel is decided by the seed and its index alone, so that `E2E_SEED=7 SOAK_REELS=313` with
`-k '[312]'` makes the last of them again.
"""

import os

import pytest

from media import reels

from .conftest import SEED
from .test_ways import driver  # noqa: F401


# What chance seldom brings: windows of uneven pictures that end within a GOP and with their segment, and scans that are mixed.
CHOSEN = {
    "uneven": ("ts", ("uneven", 1516, 667), ("uneven", 12920, 1080), ("uneven", 5765, 493), ("uneven", 2000, 90)),
    "scans": ("mp4", ("static_time", 3120, 900), ("flagged_interlaced", 5000, 900), ("static_time", 800, 400)),
}


@pytest.mark.parametrize("name", [*CHOSEN, *range(int(os.environ.get("SOAK_REELS") or 10))])
def test_a_reel_holds_its_windows_in_their_order(name, driver, tmp_path):  # noqa: F811
    reel = reels.reel(*CHOSEN[name]) if name in CHOSEN else reels.random_reel(SEED, name)
    clip, told = reels.make(driver, reel, tmp_path)
    report, problems = reels.judge(reel, clip, told)
    if problems:
        most = name + 1 if isinstance(name, int) else 0
        replay = f"E2E_SEED={SEED} SOAK_REELS={most} pytest tests/e2e/test_reels.py -k '[{name}]'"
        pytest.fail(f"{report.summary()}: {problems}\n{reel}\nreplay: {replay}", pytrace=False)
