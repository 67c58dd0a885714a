"""Many exports under way together, as clients would ask for them, each held to what its window must give."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Semaphore
from typing import NamedTuple

import pytest
from botocore.exceptions import ClientError

from media import quality
from media.recording import Recording
from media.verify import spans

from . import checks
from .cases import CODECS, Case
from .conftest import RUN
from .stack import Answer, Stack

AT_ONCE, VERIFIERS = 16, 2
LOOKS_LIKE_DB = 33


class Outcome(NamedTuple):
    """`problem`: what is wrong with the clip, "" if nothing; `copy`: what was copied, if the codec was kept."""

    problem: str
    copy: checks.Copy | None = None


def chosen(request: pytest.FixtureRequest) -> list[Case]:
    """The cases of those tests of the module that this session runs."""
    items = [item for item in request.session.items if item.module is request.module]
    return [item.callspec.params["case"] for item in items if hasattr(item, "callspec")]


@contextmanager
def exported(
    stack: Stack, recorded: Callable[[str], Recording], cases: list[Case], folder: Callable[[str], Path]
) -> Iterator[dict[Case, Future]]:
    """An `Outcome` to come for each case."""
    turn = Semaphore(VERIFIERS)
    recordings = {form: recorded(form) for form in {case.form for case in cases}}

    def run(case: Case) -> Outcome:
        recording = recordings[case.form]
        start, duration = case.window(recording.truth)
        fields: dict[str, object] = {"export_type": case.export_type}
        if case.export_type:
            fields["storage_info"] = stack.storage(case.container)
        else:
            fields["container"] = case.container
        body = stack.request(recording, start, duration, f"window-{case}-{RUN}", **fields)
        try:
            answer = stack.finish(body, timeout=400)
            with turn:
                made = folder(str(case))
                copy = _check(stack, recording, case, answer, made)
                shutil.rmtree(made)
                return Outcome("", copy)
        except (AssertionError, TimeoutError, ValueError, RuntimeError, ClientError) as error:
            window = f"[{float(start):.3f}, +{duration} ms], StartPos {body['StartPos']}"
            return Outcome(f"{window}, E2E_SEED={case.seed}: {error}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {case: pool.submit(run, case) for case in cases}
        pool.shutdown(cancel_futures=True)


def _check(stack: Stack, recording: Recording, case: Case, answer: Answer, folder: Path) -> checks.Copy | None:
    window = case.window(recording.truth)
    expected = checks.expected_of(recording, *window)
    clip, report = checks.exact(stack, recording, answer, expected, folder)
    assert clip.suffix == f".{case.container}"
    assert [track.language for track in report.audio] == expected.languages
    if not expected.frames:
        return None
    wanted = CODECS.get(case.export_type, recording.truth.codec)
    assert report.video_codec == wanted, f"{report.video_codec}, not {wanted}"
    if wanted != recording.truth.codec:
        return None
    copy = checks.kept(stack, recording, answer, *window, clip, report)
    if copy.encoded and len(recording.manifest.periods) == 1 and expected.whole:
        like = quality.chosen_psnr(clip, recording, report.numbers, copy.encoded)
        assert like >= LOOKS_LIKE_DB, f"frames {spans(copy.encoded)} are {like:.1f} dB like the recorded ones"
    return copy
