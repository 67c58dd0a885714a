"""Reels: many windows in one file. What each must hold, random ones, and a judge of what the engine's command makes."""

import json
import random
import subprocess
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from . import ffmpeg, forms
from .copied import Joined
from .marks import TONES
from .recording import Recording
from .truth import MS, Expected
from .verify import EXACT_MS, FRAMED_MS, READING_MS, UNEVEN, Report, spans, verify

CODECS = {"h264": "h264", "h265": "hevc"}
HALF_A_FRAME = 17 * MS  # of the longest, those of AC-3
LASTS = 250 * MS  # a picture that is longer on display ends with its window
LONGEST_MS = {None: 36_000, "h264": 16_000, "h265": 5000}
# Recordings whose pictures cannot be copied, or whose numbers cannot be read in a form of another size or shape.
ALONE = {"audio_only", "interlaced", "open_gop", "multi_period_sizes", "seed", "tagged"}


@dataclass(frozen=True)
class Window:
    """A part of a recording, by its form: start in seconds of presentation time, duration in ms."""

    form: str
    start: Fraction
    duration_ms: int

    @property
    def recording(self) -> Recording:
        return RECORDINGS(self.form)

    @property
    def expected(self) -> Expected:
        return self.recording.truth.expected(self.start, self.duration_ms * MS)

    @property
    def length(self) -> Fraction:
        """The time that its pictures are on display in a clip."""
        expected, truth = self.expected, self.recording.truth
        last = next(frame for frame in reversed(truth.frames) if frame.number == expected.frames[-1])
        length = last.length or 1 / truth.fps
        if length > LASTS:
            length = min(length, self.start + self.duration_ms * MS - last.pts)
        return expected.times[-1] + length

    def option(self) -> str:
        """As the command takes it: counted from the recording's start."""
        manifest = self.recording.manifest
        zero = manifest.periods[0].start if self.recording.truth.ast_ms == 0 else Fraction(0)
        return f"{seconds(int((self.start - zero) / MS))}+{seconds(self.duration_ms)}"


@dataclass(frozen=True)
class Reel:
    """Windows in their order, and how they are made into one file."""

    windows: tuple[Window, ...]
    container: str
    codec: str | None = None

    def __str__(self) -> str:
        kind = f"{self.container}, {self.codec or 'as recorded'}"
        return f"{kind}: " + " ".join(f"{window.form}@{window.option()}" for window in self.windows)


_BUILT: dict[str, Recording] = {}


def RECORDINGS(form: str) -> Recording:  # noqa: N802
    """The recording of a form, built once."""
    if form not in _BUILT:
        _BUILT[form] = forms.build(form)
    return _BUILT[form]


def seconds(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03d}"


def reel(container: str, *windows: tuple[str, int, int]) -> Reel:
    """A reel of windows by their form, their start behind the recording's, and their duration, both in ms."""
    return Reel(tuple(Window(form, RECORDINGS(form).truth.span()[0] + at * MS, ms) for form, at, ms in windows), container)


def random_reel(seed: int, index: int, several: bool | None = None) -> Reel:
    """A reel that the seed and the index decide: of one recording, or of `several` that can share a track or not."""
    chance = random.Random(f"reel/{seed}/{index}")
    codec = chance.choices((None, "h264", "h265"), (86, 8, 6))[0]
    pictured = [form for form in forms.FORMS if form != "audio_only"]
    if several is None:
        several = chance.random() < 0.2
    if several:
        held = chance.sample([form for form in pictured if form not in ALONE], chance.randint(2, 3))
    else:
        held = [chance.choice(pictured)]
    count = int(2 * 20 ** chance.random())
    most = max(60, LONGEST_MS[codec] // count)
    windows: list[Window] = []
    while len(windows) < count:
        window = _window(chance, chance.choice(held), most, windows)
        if window.duration_ms > 0 and window.expected.frames:
            windows.append(window)
    return Reel(tuple(windows), chance.choice(("mp4", "ts")), codec)


def _window(chance: random.Random, form: str, most: int, before: Sequence[Window]) -> Window:
    """One anywhere; or one that touches the last one, overlaps it or is the same once more."""
    truth = RECORDINGS(form).truth
    begin, end = (int(at / MS) for at in truth.span())
    duration = int(40 * (most / 40) ** chance.random())
    start = chance.randint(begin, end - 1)
    if before and before[-1].form == form and chance.random() < 0.3:
        last = before[-1]
        first = int(last.start / MS)
        start = chance.choice((first + last.duration_ms, first + last.duration_ms // 2, first))
    start = min(max(start, begin), end - 1)
    return Window(form, Fraction(start, 1000), min(duration, end - start))


def make(driver: Path, reel: Reel, folder: Path) -> tuple[Path, dict]:
    """The reel as the command makes it, and what it says of that."""
    clip = folder / f"reel.{reel.container}"
    first = reel.windows[0].recording
    command = [driver, first.write(folder), "--measure", "-o", clip, "--ffmpeg", ffmpeg.executable()]
    command += ["--codec", reel.codec] if reel.codec else []
    at = first
    for window in reel.windows:
        if window.recording is not at:
            at = window.recording
            command += ["--recording", at.write(folder)]
        command += ["--window", window.option()]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if not done.stdout:
        raise ValueError(done.stderr)
    told = json.loads(done.stdout)
    if told["failure"] is not None:
        raise ValueError(f"{told['failure']} {done.stderr}")
    return clip, told


def judge(reel: Reel, clip: Path, told: dict) -> tuple[Report, list[str]]:
    """What a reel's file really holds, and every way in which it is not the reel."""
    truth = reel.windows[0].recording.truth
    report = verify(clip, truth.fps, truth.size)
    found = [f"decoder: {line}" for line in report.complaints[:3]] + report.faults
    wanted = [window.expected for window in reel.windows]
    frames = [number for expected in wanted for number in expected.frames]
    if report.numbers != frames:
        return report, [*found, f"frames {spans(report.numbers)}, not {spans(frames)}"]
    starts = _starts(reel)
    times = [start + at for start, expected in zip(starts, wanted) for at in expected.times]
    found += _off_time(report, times) + _said(told, starts, wanted)
    for k, limit in enumerate(_limits(report, wanted)):
        found += _tones(report, reel, k, limit)
    if len({window.form for window in reel.windows}) == 1:
        limit = EXACT_MS if clip.suffix == ".mp4" else FRAMED_MS
        for k, offsets in enumerate(Joined(clip, reel.windows[0].recording, report).audio_offsets_ms(HALF_A_FRAME)):
            if late := [offset for offset in offsets if abs(offset) > limit]:
                found.append(f"{len(late)} samples of audio {k} are {min(late):.1f} to {max(late):.1f} ms late")
    return report, found


def _starts(reel: Reel) -> list[Fraction]:
    """The start of each window in the file, from its first picture on."""
    starts = [Fraction(0)]
    for window in reel.windows:
        starts.append(starts[-1] + window.length)
    return starts[:-1]


def _off_time(report: Report, times: list[Fraction]) -> list[str]:
    """Pictures that are not where the windows before them end, or not as far from one another as they were recorded."""
    if not report.pictures:
        return []
    zero = report.pictures[0].pts
    off = [(p.number, float((p.pts - zero - at) / MS)) for p, at in zip(report.pictures, times)]
    late = [(number, ms) for number, ms in off if abs(ms) > UNEVEN / MS]
    return [f"{len(late)} pictures are off their time, frame {late[0][0]} by {late[0][1]:.2f} ms"] if late else []


def _said(told: dict, starts: list[Fraction], wanted: list[Expected]) -> list[str]:
    """What the command says of the windows' places and of what they lack."""
    parts = told["parts"]
    if len(parts) != len(wanted):
        return [f"{len(parts)} parts are told of, not {len(wanted)}"]
    wrong = [k for k, (part, at) in enumerate(zip(parts, starts)) if abs(part["start_us"] * MS / 1000 - at) > UNEVEN]
    lacks = [
        f"window {k + 1} lacks {part['lack_ms']} ms, not {expected.lack_ms}"
        for k, (part, expected) in enumerate(zip(parts, wanted))
        if abs(part["lack_ms"] - expected.lack_ms) > 1
    ]
    return ([f"windows {wrong} are told to be elsewhere"] if wrong else []) + lacks


def _limits(report: Report, wanted: list[Expected]) -> list[list[int]]:
    """For each audio track, how late or early its tones may be in each window."""
    exact = report.clip.suffix == ".mp4"
    each = [(EXACT_MS if exact and expected.whole else FRAMED_MS) + READING_MS for expected in wanted]
    return [each for _ in report.audio]


def _tones(report: Report, reel: Reel, k: int, limits: list[int]) -> list[str]:
    """Tones of an audio track that are missing, late, early or another track's. Each is judged by the picture that is
    on display when it starts, and the window that this is in."""
    pictures = report.pictures
    begins = [picture.pts for picture in pictures]
    of = [n for n, window in enumerate(reel.windows) for _ in window.expected.frames]
    track, found, heard = report.audio[k], [], {}
    wanted = [window.expected for window in reel.windows]
    names = {expected.tracks[k] for expected in wanted if len(expected.tracks) == len(report.audio)}
    if strangers := {tone.track for tone in track.tones} - names:
        found.append(f"audio {k} sounds as track {strangers}")
    for tone in track.tones:
        at = max(0, bisect_right(begins, Fraction(tone.start)) - 1)
        fps = reel.windows[of[at]].recording.truth.fps
        source = float(pictures[at].number / fps) + tone.start - float(pictures[at].pts)
        second = tone.second + TONES * round((source - tone.second) / TONES)
        heard[of[at], second] = (source - second) * 1000
    for n, expected in enumerate(wanted):
        if len(expected.tracks) != len(report.audio):
            continue
        for second in expected.tones[k]:
            off = heard.get((n, second))
            if off is None:
                found.append(f"audio {k} lacks the tone of second {second} in window {n + 1}")
            elif abs(off - expected.av_offset_ms[k]) > limits[n]:
                found.append(f"audio {k} is {off:.1f} ms late at second {second} in window {n + 1}")
    return found


