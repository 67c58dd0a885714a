"""The matrix: every form of recording with every export_type, in both containers, over windows that a seed decides."""

import random
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle

from media import forms
from media.truth import MS, Truth

CODECS = {1: "h264", 2: "hevc"}
LOSSES = {"gap_declared", "gap_silent", "gap_in_gop", "dynamic_growing", "dynamic_number"}
SEAMS = {"multi_period": 8, "gap_in_sound": 6, "audio_late": 5}  # seconds that a window had better contain


@dataclass(frozen=True)
class Case:
    form: str
    export_type: int
    container: str
    seed: int

    def __str__(self) -> str:
        return f"{self.form}-{self.export_type}-{self.container}"

    def window(self, truth: Truth) -> tuple[Fraction, int]:
        """(start in seconds of presentation time, duration in ms) of a window that can prove sound and picture."""
        chance = random.Random(f"{self.seed}/{self}")
        lossy = self.form in LOSSES and self.export_type != 1
        begin, end = (int(at / MS) for at in truth.span())
        for _ in range(10_000):
            duration = chance.randint(1200, 2000 if self.export_type == 2 else 4000)
            if lossy and self.form.startswith("gap"):
                duration += 3500
            start = Fraction(chance.randint(begin, end - (duration // 3 if lossy else duration)), 1000)
            if self._proves(truth, start, duration, lossy):
                return start, duration
        raise ValueError(f"no window of {self} proves anything")

    def _proves(self, truth: Truth, start: Fraction, duration: int, lossy: bool) -> bool:
        """Whether a clip of this window sounds each track and shows pictures, on both sides of a seam or loss."""
        expected = truth.expected(start, duration * MS)
        if not all(expected.tones) or (expected.lack_ms > 0) != lossy:
            return False
        if not truth.frames:
            return True
        seam = SEAMS.get(self.form) if self.export_type != 1 else None
        if seam and not start + Fraction(1, 5) < seam < start + duration * MS - Fraction(1, 5):
            return False
        whole = expected.frames[-1:] == [expected.frames[0] + len(expected.frames) - 1] if expected.frames else False
        return len(expected.frames) > 4 and whole != (lossy and self.form.startswith("gap"))


def matrix(seed: int) -> list[Case]:
    """All forms x all types; containers alternate so that every form and every type meets both."""
    containers = {0: cycle(("ts", "mp4")), 1: cycle(("mp4", "ts")), 2: cycle(("ts", "mp4", "mp4", "ts"))}
    return [Case(form, kind, next(containers[kind]), seed) for form in forms.FORMS for kind in (0, 1, 2)]
