"""Every clip is exact: frames, sound, LackLength, JPEG, container, codec."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore

import pytest
from botocore.exceptions import ClientError

from . import checks
from .cases import CODECS, Case, matrix
from .conftest import RUN, SEED

AT_ONCE, VERIFIERS = 16, 2
CASES = matrix(SEED)


@pytest.fixture(scope="module")
def exports(stack, recorded, tmp_path_factory) -> Iterator[dict[Case, Future]]:
    """All exports under way together, as clients would ask for them."""
    turn = Semaphore(VERIFIERS)
    recordings = {case.form: recorded(case.form) for case in CASES}

    def run(case: Case) -> str:
        """What is wrong with the case's clip."""
        recording = recordings[case.form]
        start, duration = case.window(recording.truth)
        fields = {"export_type": case.export_type, "storage_info": stack.storage(case.container)}
        body = stack.request(recording, start, duration, f"matrix-{case}-{RUN}", **fields)
        try:
            answer = stack.finish(body, timeout=400)
            with turn:
                _check(
                    stack,
                    recording,
                    case,
                    answer,
                    checks.expected_of(recording, start, duration),
                    tmp_path_factory.mktemp(str(case)),
                )
        except (AssertionError, TimeoutError, ClientError) as error:
            return f"[{float(start):.3f}, +{duration} ms], StartPos {body['StartPos']}, E2E_SEED={SEED}: {error}"
        return ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {case: pool.submit(run, case) for case in CASES}
        pool.shutdown(cancel_futures=True)


def _check(stack, recording, case, answer, expected, folder) -> None:
    clip, report = checks.exact(stack, recording, answer, expected, folder)
    assert clip.suffix == f".{case.container}"
    if expected.frames:
        wanted = CODECS.get(case.export_type, recording.truth.codec)
        assert report.video_codec == wanted, f"{report.video_codec}, not {wanted}"
    assert [track.language for track in report.audio] == expected.languages


@pytest.mark.parametrize("case", CASES, ids=str)
def test_clip_is_exact(case, exports):
    if problem := exports[case].result(timeout=600):
        pytest.fail(problem, pytrace=False)
