"""One world for all tests of this folder, and a table of how long recoveries took."""

import os
from collections.abc import Iterator

import pytest

from media import forms
from media.recording import Recording

from .checks import Clips
from .world import World, world

# How often each case is tried; 0 tries a sample of them once.
REPEATS = int(os.environ.get("CHAOS_REPEATS") or 0)
# Seconds from each fault to the job's end, and to the claim that led to it.
RECOVERED: dict[str, list[tuple[float, float]]] = {}


@pytest.fixture(scope="session", autouse=True)
def root() -> None:
    """A developer's run goes on without these tests; in CI they run."""
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("needs root: functions show their environment and their files to nobody else")


@pytest.fixture(scope="session")
def chaos(tmp_path_factory) -> Iterator[World]:
    with world(f"chaos-{os.getpid()}", tmp_path_factory.mktemp("ffmpeg")) as made:
        yield made


@pytest.fixture(scope="session")
def small(chaos) -> Recording:
    """A clip of it is written at once."""
    return chaos.stack.upload(forms.build("static_time"))


@pytest.fixture(scope="session")
def heavy(chaos) -> Recording:
    """A clip of four seconds of it is uploaded in parts."""
    return chaos.stack.upload(forms.heavy())


@pytest.fixture(scope="session")
def wide(chaos) -> Recording:
    """A clip of four seconds of it in another codec is made in two chunks."""
    return chaos.stack.upload(forms.wide())


@pytest.fixture(scope="session")
def clips(chaos, tmp_path_factory) -> Clips:
    return Clips(chaos, tmp_path_factory.mktemp("clips"))


def pytest_terminal_summary(terminalreporter) -> None:
    tried = {label: times for label, times in sorted(RECOVERED.items()) if times}
    if not tried:
        return
    terminalreporter.section("seconds from the fault to the end (of which to the last claim), median and most")
    for label, times in tried.items():
        ends, claims = (sorted(each) for each in zip(*times))
        shown = "  ".join(f"{ends[k]:5.1f} ({claims[k]:4.1f})" for k in (len(times) // 2, -1))
        terminalreporter.line(f"{label:60} {len(times):3}x  {shown}")
