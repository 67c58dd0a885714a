"""The stack to test: one of our own, or with `EXPORT_STACK_ENV=path` a running one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.stack import Stack, started

from .run import Caller


@pytest.fixture(scope="session")
def caller() -> Iterator[Caller]:
    if given := os.environ.get("EXPORT_STACK_ENV"):
        yield Caller(Stack(Path(given)))
    else:
        with started(f"contract-{os.getpid()}") as path:
            yield Caller(Stack(path))
