"""Random windows of random recordings are exact. `make soak-media WINDOWS=1000 SEED=7` tries many.

`SOAK_WINDOWS` says how many. A window is decided by the seed and its index alone, so that `E2E_SEED=7 SOAK_WINDOWS=313`
with `-k '[312-'` replays the last of them.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from .cases import Anywhere, anywhere
from .conftest import SEED
from .exports import chosen, exported

CASES = anywhere(SEED, int(os.environ.get("SOAK_WINDOWS") or 40))


@pytest.fixture(scope="module")
def exports(request, stack, recorded, tmp_path_factory) -> Iterator[dict[Anywhere, Future]]:
    with exported(stack, recorded, chosen(request), tmp_path_factory.mktemp) as futures:
        yield futures


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_window_anywhere_is_exact(case, exports):
    if problem := exports[case].result(timeout=3600).problem:
        replay = f"E2E_SEED={case.seed} SOAK_WINDOWS={case.index + 1} pytest tests/e2e/test_soak.py -k '[{case.index}-'"
        pytest.fail(f"{problem}\nreplay: {replay}", pytrace=False)
