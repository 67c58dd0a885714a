"""Every clip is exact: frames, sound, LackLength, JPEG, container, codec; and what can be copied is."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from media import forms

from .cases import ENCODED, LISTED, Case, matrix
from .conftest import SEED
from .exports import chosen, exported

CASES = matrix(SEED)


@pytest.fixture(scope="module")
def exports(request, stack, recorded, tmp_path_factory) -> Iterator[dict[Case, Future]]:
    with exported(stack, recorded, chosen(request), tmp_path_factory.mktemp) as futures:
        yield futures


@pytest.mark.parametrize("case", CASES, ids=str)
def test_clip_is_exact(case, exports):
    if problem := exports[case].result(timeout=600).problem:
        pytest.fail(problem, pytrace=False)


def test_the_pictures_of_forms_that_are_only_copied_are_those_of_a_form_that_is_encoded():
    def pictures(form: str) -> set:
        tracks = [track for period in forms.build(form).manifest.periods for track in period.tracks]
        return {track.spec for track in tracks if track.kind == "video"}

    assert {case.export_type for case in CASES if case.form == "static_time"} == {0, 1, 2}
    for form in LISTED:
        assert pictures("static_time") <= pictures(form), form


def test_a_clip_is_a_copy_wherever_it_can_be(exports):
    copies = {case: copy for case, future in exports.items() if (copy := future.result(timeout=600).copy)}
    if not any(copy.is_copy for copy in copies.values()):
        pytest.skip("this worker encodes every frame")
    anew = {str(case): copy.plan["reason"] for case, copy in copies.items() if copy.due and not copy.is_copy}
    assert {case for case in anew if case.partition("-")[0] not in ENCODED} == set(), anew
