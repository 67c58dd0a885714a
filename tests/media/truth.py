"""What a recording really holds, and what an export of any window of it must therefore be."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import floor

from .marks import TONE_SECONDS

MS = Fraction(1, 1000)


@dataclass(frozen=True)
class Frame:
    """A recorded picture. `decodable`: its segment is stored, and so is all that it refers to. `length`: how long it is
    on display; None: one frame."""

    number: int
    pts: Fraction
    decodable: bool = True
    length: Fraction | None = None


@dataclass(frozen=True)
class Sound:
    """One audio track: the presentation times that its stored segments cover, how late it is against its tones, and
    where its encoder was started again."""

    track: int
    language: str
    codec: str
    shift: Fraction
    spans: list[tuple[Fraction, Fraction]]
    restarts: list[Fraction] = field(default_factory=list)

    def reaches(self, start: Fraction, end: Fraction) -> bool:
        """Whether any of it sounds within [start, end)."""
        return any(a < end and b > start for a, b in self.spans)

    def is_seamless(self, start: Fraction, end: Fraction) -> bool:
        """Whether those of its spans that touch [start, end) follow upon each other, from one encoder."""
        inside = sorted(span for span in self.spans if span[0] < end and span[1] > start)
        joined = all(one[1] == two[0] for one, two in pairwise(inside))
        return joined and not any(start < at < end for at in self.restarts)


@dataclass(frozen=True)
class Expected:
    """The clip that a window must give. `times`: where its frames stand on the clip's clock, on which holes are closed.
    `whole`: picture and sound run on without a hole or a new beginning. `tracks`: those that sound in the window, and
    for each of them `tones`, the seconds of the whole tones in it."""

    frames: list[int]
    times: list[Fraction]
    whole: bool
    lack_ms: int
    tracks: list[int]
    tones: list[list[int]]
    av_offset_ms: list[float]
    languages: list[str]


@dataclass
class Truth:
    """Times are exact seconds of presentation time (the time that the MPD's periods count in); `origin` is that of
    frame number 0 and of tone second 0, before `frame_shift`, the lateness that a missing edit list causes."""

    fps: Fraction
    frames: list[Frame]
    sounds: list[Sound]
    origin: Fraction = Fraction(0)
    frame_shift: Fraction = Fraction(0)
    ast_ms: int | None = None
    codec: str = "h264"
    size: tuple[int, int] = (320, 180)
    notes: dict[str, str] = field(default_factory=dict)

    def instant(self, start_pos_ms: int) -> Fraction:
        """The presentation time of an absolute StartPos."""
        return (start_pos_ms - (self.ast_ms or 0)) * MS

    def until(self, frame: Frame) -> Fraction:
        """When a frame is no longer on display."""
        return frame.pts + (frame.length or 1 / self.fps)

    def span(self) -> tuple[Fraction, Fraction]:
        """From the first decodable picture (or sound) to the end of the last."""
        if self.frames:
            alive = [frame for frame in self.frames if frame.decodable]
            return alive[0].pts, self.until(alive[-1])
        return min(a for a, _ in self.sounds[0].spans), max(b for _, b in self.sounds[0].spans)

    def expected(self, start: Fraction, duration: Fraction) -> Expected:
        """The clip of [start, start + duration), both in seconds of presentation time."""
        end = start + duration
        alive = [frame for frame in self.frames if frame.decodable]
        inside = [frame for frame in alive if start <= frame.pts < end]
        if self.frames:
            cover = merge(((frame.pts, self.until(frame)) for frame in alive), 1 / self.fps / 2)
        else:
            cover = merge(self.sounds[0].spans)
        lack = sum((b - a for a, b in gaps(cover, start, end)), Fraction(0))
        shown = [(frame.pts, self.until(frame)) for frame in inside] if self.frames else [(start, end)]
        runs = merge(shown, 1 / self.fps / 2)
        heard = [sound for sound in self.sounds if any(sound.reaches(*run) for run in runs)]
        return Expected(
            frames=[frame.number for frame in inside],
            times=self._times(inside),
            whole=len(runs) == 1 and all(sound.is_seamless(*runs[0]) for sound in heard),
            lack_ms=floor(lack / MS + Fraction(1, 2)),
            tracks=[sound.track for sound in heard],
            tones=[self._tones(sound, shown) for sound in heard],
            av_offset_ms=[float((sound.shift - self.frame_shift) / MS) for sound in heard],
            languages=[sound.language for sound in heard],
        )

    def _times(self, inside: list[Frame]) -> list[Fraction]:
        """Frames on the clip's clock: a gap of at least half a frame behind a frame's end is closed."""
        times = [Fraction(0)] if inside else []
        for one, two in pairwise(inside):
            length, step = one.length or 1 / self.fps, two.pts - one.pts
            times.append(times[-1] + (step if step - length < length / 2 else length))
        return times

    def _tones(self, sound: Sound, shown: list[tuple[Fraction, Fraction]]) -> list[int]:
        """Seconds whose tone is wholly recorded and wholly shown, with a margin of 50 ms for a listener."""
        margin = 50 * MS
        runs = merge(sound.spans), merge(shown)
        found = []
        for second in (
            range(floor(runs[1][0][0] - self.origin) - 1, floor(runs[1][-1][1] - self.origin) + 2) if runs[1] else ()
        ):
            a = self.origin + second + sound.shift
            b = a + TONE_SECONDS
            if all(any(x <= a - margin and b + margin <= y for x, y in run) for run in runs):
                found.append(second)
        return found


def merge(spans: Iterable[tuple[Fraction, Fraction]], below: Fraction = Fraction(0)) -> list[tuple[Fraction, Fraction]]:
    """Touching and overlapping spans joined, in order; so are those with a gap shorter than `below` between them."""
    out: list[tuple[Fraction, Fraction]] = []
    for a, b in sorted(spans):
        if out and (a <= out[-1][1] or a - out[-1][1] < below):
            out[-1] = out[-1][0], max(b, out[-1][1])
        else:
            out.append((a, b))
    return out


def gaps(cover: list[tuple[Fraction, Fraction]], start: Fraction, end: Fraction) -> list[tuple[Fraction, Fraction]]:
    """The parts of [start, end) outside `cover`, which is merged."""
    out, at = [], start
    for a, b in cover:
        if a >= end:
            break
        if a > at:
            out.append((at, a))
        at = max(at, b)
    return out + ([(at, end)] if at < end else [])
