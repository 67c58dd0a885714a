"""A clip that is joined of chunks is the clip that is rendered as a whole. `make soak-chunks WINDOWS=100 SEED=7` tries many.

`CHUNK_WINDOWS` says how many windows. One is decided by the seed and its index alone, so that
`E2E_SEED=7 CHUNK_WINDOWS=13` with `-k '[12-'` replays the last of them.
"""

import json
import os
import random
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from media import ffmpeg, forms
from media.truth import MS, Truth
from media.verify import verify

from .conftest import SEED

ROOT = Path(__file__).resolve().parents[2]
# Each way to list and to code pictures that chunks could be cut wrongly by; the first ones are tried in every run.
FORMS = ["open_gop", "hevc_open", "interlaced", "gap_silent", "hls_ts_open_gop", "ntsc", "uneven", "multi_period_sizes"]
SILENT = {"audio_only"}


@dataclass(frozen=True)
class Chunked:
    """A window in chunks of `length` ms; `index` and the seed decide all of it."""

    form: str
    codec: str | None
    container: str
    length: int
    seed: int
    index: int

    def __str__(self) -> str:
        return f"{self.index}-{self.form}-{self.codec}-{self.container}-{self.length}"

    def window(self, truth: Truth) -> tuple[Fraction, int]:
        """(start in seconds, duration in ms) of a window of at least two chunks."""
        chance = random.Random(f"{self.seed}/{self}")
        begin, end = (int(at / MS) for at in truth.span())
        while True:
            start = Fraction(chance.randint(begin, end - 1), 1000)
            duration = chance.randint(2 * self.length, max(2 * self.length, end - begin))
            if start + duration * MS <= end + 2 and truth.expected(start, duration * MS).frames:
                return start, duration


def chunked(seed: int, count: int) -> list[Chunked]:
    """Random windows of random forms, each encoded as a whole. The first ones are the same whatever the count."""

    def case(index: int) -> Chunked:
        chance = random.Random(f"chunks/{seed}/{index}")
        form = FORMS[index] if index < len(FORMS) else chance.choice([form for form in forms.FORMS if form not in SILENT])
        recorded = forms.build(form).truth.codec
        other = {"h264": "h265", "hevc": "h264"}[recorded]
# Pictures of fields are rendered in their own codec too; of the others some windows are copied.
        codec = None if form == "interlaced" else other
        return Chunked(form, codec, chance.choice(("ts", "mp4")), chance.choice((1500, 2000, 3000)), seed, index)

    return [case(index) for index in range(count)]


CASES = chunked(SEED, int(os.environ.get("CHUNK_WINDOWS") or 6))


@pytest.fixture(scope="module")
def driver() -> Path:
    """The clip engine as a command."""
    build = ["cargo", "build", "--quiet", "--locked", "--package", "export-clip", "--bin", "clip"]
    subprocess.run(build, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "clip"


def cut(driver: Path, case: Chunked, folder: Path, chunks: float | None) -> tuple[Path, dict]:
    """The clip of a window, and what the command says of it."""
    recording = forms.build(case.form)
    start, duration = case.window(recording.truth)
    clip = folder / f"{'chunks' if chunks else 'whole'}.{case.container}"
    # Time counts from the first Period where the recording names the epoch.
    begin = start - (recording.truth.span()[0] if recording.truth.ast_ms == 0 else 0)
    command = [driver, recording.write(folder / "source"), "--start", float(begin), "--duration", duration / 1000]
    command += ["--measure", "-o", clip, "--ffmpeg", ffmpeg.executable(), "--cage", "required"]
    command += ["--codec", case.codec] if case.codec else []
    command += ["--chunks", chunks] if chunks else []
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert report["failure"] is None, report
    return clip, report


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_join_of_chunks_has_exactly_the_frames_and_the_sound_of_the_window(case, driver, tmp_path):
    recording = forms.build(case.form)
    start, duration = case.window(recording.truth)
    expected = recording.truth.expected(start, duration * MS)
    clip, told = cut(driver, case, tmp_path, case.length / 1000)
    report = verify(clip, recording.truth.fps, recording.truth.size)
    problems = report.problems(expected)
    if told["lack_ms"] != expected.lack_ms:
        problems.append(f"lacks {told['lack_ms']} ms, not {expected.lack_ms}")
    if told["plan"]["chunks"] < 2 or told["plan"]["kind"] != "reencode":
        problems.append(f"made as {told['plan']}")
    if told["plan"]["frames_encoded"] != len(expected.frames):
        problems.append(f"{told['plan']['frames_encoded']} frames encoded, not {len(expected.frames)}")
    replay = f"E2E_SEED={case.seed} CHUNK_WINDOWS={case.index + 1} pytest tests/e2e/test_chunks.py -k '[{case.index}-'"
    assert not problems, f"{report.summary()}: {problems}\nreplay: {replay}"
