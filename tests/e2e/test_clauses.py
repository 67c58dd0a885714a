"""Every sentence of the seeds is quoted over a test that holds it, and every quote is a sentence of theirs."""

import pytest

from .clauses import DATA, MEDIA, SEEDS, Unit, members, quotes, sample, seed, units, unheld, unsaid
from .mre import DATA as GOLDEN

SAID = [unit for name in (MEDIA, DATA) for unit in units(seed(name))]


def test_every_sentence_is_held_by_a_test():
    assert unheld(SAID, quotes()) == []


def test_every_quote_is_a_sentence():
    assert unsaid(SAID, quotes()) == {}


def test_a_sentence_without_a_test_and_a_quote_without_a_sentence_are_found():
    one, two = Unit("Clips are exact."), Unit('{"a": 1,\n"b": 2}', is_sample=True)
    assert unheld([one, two], {"Clips are exact.": ["t"]}) == [two.text]
    assert unsaid([one, two], {"Clips are": ["t"], '"b": 2': ["t"]}) == {"Clips are": ["t"]}
    assert unsaid([two, Unit('["b": 2]', is_sample=True)], {'"b": 2': ["t"]}) == {'"b": 2': ["t"]}, "of which sample?"


def test_a_seed_is_read_to_its_last_sentence():
    table = "|A|B|C|\n|:--|--|:-|\n|n|\\*|in ms. Or not|\n"
    text = f"# Title\n**Names**\n- One thing. Another, `x`\n\n{table}```\n{{\n}}\nthen\n[\n]\n```\nEnd"
    assert [unit.text for unit in units(text)] == [
        "One thing.", "Another, `x`", "n *", "n: in ms.", "n: Or not", "{\n}", "then", "[\n]", "End",
    ]  # fmt: skip


@pytest.mark.parametrize("name, file", [('"export_type": 1,', "export"), ('"FetchThumb": true,', "thumbnail")])
def test_the_sample_requests_of_other_tests_are_the_seeds(name, file):
    assert (SEEDS / f"{file}.json").read_text(encoding="utf-8").strip() == sample(MEDIA, name)


@pytest.mark.parametrize("line, kind", [('"Start": 222.2,', "event"), ('"ReplayFormat": "Mp4",', "replay")])
def test_the_sample_documents_of_other_tests_are_the_seeds(line, kind):
    assert members((GOLDEN / f"guide_{kind}_sample.json").read_text()) == members(sample(DATA, line))
