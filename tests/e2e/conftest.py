"""One stack and one set of recordings for all tests of a process.

`EXPORT_STACK_ENV=path` uses a running stack; `E2E_SEED=number` tries other windows than the usual ones.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from media import forms
from media.foreign import FOREIGN
from media.recording import Recording

from .stack import Stack, started

USUAL_SEED = 20260704
SEED = int(os.environ.get("E2E_SEED") or USUAL_SEED)
RUN = f"{time.time_ns():x}"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "clause(*quotes): sentences of the seeds that the test holds, see clauses.py")


def pytest_report_header() -> str:
    return f"E2E_SEED={SEED}"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    given = os.environ.get("EXPORT_STACK_ENV")
    if given:
        yield Stack(Path(given))
    else:
        try:
            with started(f"pytest-{os.getpid()}") as path:
                own = Stack(path)
                yield own
                assert own.refusals() == [], "asked for, and not granted"
        except CalledProcessError as error:
            pytest.exit(f"no stack to test: {error}", returncode=1)


@pytest.fixture(scope="session")
def recorded(stack: Stack) -> Callable[[str], Recording]:
    """A recording of either catalogue, stored in the stack's source bucket."""

    @cache
    def store(name: str) -> Recording:
        return stack.upload(FOREIGN[name]() if name in FOREIGN else forms.build(name))

    return store


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A FileName that no other test and no earlier run uses."""
    return f"{request.node.originalname[:40]}-{RUN}"
