"""The two descriptions that this product follows, sentence by sentence: `tests/data/seeds`.

Every test that holds a sentence carries it: `@clause("StartPos: in millisecond.")`. A sentence is quoted as it stands,
without markup; a sentence or the type of a table's row behind the row's name; a sample by a line that only it has.
"""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .stack import ROOT

SEEDS = ROOT / "tests" / "data" / "seeds"
MEDIA, DATA = "tvu-export-api.md", "mre-export-guide.md"
# Titles, pictures, the borders of tables.
SILENT = re.compile(r"#|\*\*[^*]*\*\*\s*$|\[!\[|\|\s*:?-+")
SENTENCE_END = re.compile(r"(?<=[.])\s+(?=[A-Z])")

clause = pytest.mark.clause


@dataclass(frozen=True)
class Unit:
    """Something a seed says: a sentence, or a sample."""

    text: str
    is_sample: bool = False


def seed(name: str) -> str:
    return (SEEDS / name).read_text(encoding="utf-8")


def plain(text: str) -> str:
    """Without markup and with single spaces; characters beyond ASCII are damaged in the seeds."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("\\*", "*").removeprefix("- ")
    return " ".join("".join(char for char in text if char.isascii()).split())


def units(text: str) -> list[Unit]:
    """All that a seed says, in its order."""
    return [*_units(iter(text.splitlines()))]


def _units(lines: Iterator[str]) -> Iterator[Unit]:
    columns = 0
    for line in lines:
        if line.strip().startswith("```"):
            yield from _samples(lines)
        elif line.startswith("|"):
            if not columns:
                columns = len(_cells(line))
            elif not SILENT.match(line):
                yield from _row(_cells(line), columns)
        else:
            columns = 0
            if line.strip() and not SILENT.match(line):
                yield from _sentences("", line)


def _cells(line: str) -> list[str]:
    return [plain(cell) for cell in line.strip().strip("|").split("|")]


def _row(cells: list[str], columns: int) -> Iterator[Unit]:
    kinds, said = cells[: columns - 1], cells[columns - 1 :]
    yield Unit(" ".join(filter(None, kinds)))
    yield from _sentences(f"{kinds[0]}: ", " ".join(said))


def _sentences(name: str, text: str) -> Iterator[Unit]:
    yield from (Unit(name + sentence) for sentence in SENTENCE_END.split(plain(text)) if sentence)


def _samples(lines: Iterator[str]) -> Iterator[Unit]:
    """The samples of a fenced block; a line that is no JSON stands between two."""
    sample: list[str] = []
    for line in lines:
        fence = line.strip().startswith("```")
        if fence or re.match(r"[A-Za-z]", line):
            yield Unit("\n".join(sample), is_sample=True)
            sample = []
            if fence:
                return
            yield from _sentences("", line)
        else:
            sample.append(line)


def sample(name: str, quote: str) -> str:
    """The sample with this line, as it stands."""
    (text,) = (unit.text for unit in units(seed(name)) if unit.is_sample and quote in unit.text)
    return text.strip()


def members(text: str) -> dict:
    """A sample whose commas are wrong, as strict JSON."""
    text = re.sub(r'(?m)"$(?=\s*")', '",', re.sub(r"(?m)\s*//.*$", "", text))
    return json.loads(re.sub(r",(?=\s*[}\]])", "", text))


def quotes() -> dict[str, list[str]]:
    """Every quote over a test, with the tests."""
    found: dict[str, list[str]] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                for quote in _quotes_over(function):
                    found.setdefault(quote, []).append(f"{path.name}::{function.name}")
    return found


def _quotes_over(function: ast.FunctionDef) -> Iterator[str]:
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "clause":
            yield from (ast.literal_eval(argument) for argument in mark.args)


def unheld(said: list[Unit], quoted: dict[str, list[str]]) -> list[str]:
    """What the seeds say and no test quotes."""
    held = {unit for quote in quoted for unit in _meant(said, quote)}
    return [unit.text for unit in said if unit not in held]


def unsaid(said: list[Unit], quoted: dict[str, list[str]]) -> dict[str, list[str]]:
    """Quotes that are in no seed, or in more than one sample, with their tests."""
    return {quote: tests for quote, tests in quoted.items() if len(_meant(said, quote)) != 1}


def _meant(said: list[Unit], quote: str) -> set[Unit]:
    """The sentence that a quote is, else the samples that it is a line of."""
    sentences = {unit for unit in said if not unit.is_sample and unit.text == quote}
    return sentences or {unit for unit in said if unit.is_sample and quote in unit.text}
