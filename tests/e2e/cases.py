"""What is asked of the worker: the matrix of forms, types and containers, and random windows, decided by a seed."""

import random
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle

from media import forms
from media.truth import MS, Truth

CODECS = {1: "h264", 2: "hevc"}
LOSSES = {"hls_gap", "gap_declared", "gap_silent", "gap_in_gop", "dynamic_growing", "dynamic_number"}
# Seconds that a window had better contain.
SEAMS = {"multi_period": 8, "multi_period_sizes": 8, "hls_sections": 8, "gap_in_audio": 6, "audio_late": 5}
# Nothing but the copy of their samples is special about these.
COPIES = {
    "surround",
    "slices",
    "all_keys",
    "long_gop",
    "gops_in_segment",
    "flagged_interlaced",
    "captions",
    "tagged",
    "hevc_radl",
}
# Their pictures are those of `static_time`, which is encoded; what is special about them, how they are listed or which audio goes
# with them, is in their copies in both containers.
LISTED = {"static_number", "segment_list", "epoch", "ladder", "multi_audio", "mono_44100", "ac3"}
# Recordings of other forms under other manifests, or in one file.
HLS = {
    "hls_dated",
    "hls_undated",
    "hls_rounded",
    "hls_sections",
    "hls_open_gop",
    "hls_gap",
    "hls_ranges",
    "hls_ts",
    "hls_ts_open_gop",
    "file_mp4",
    "file_mp4_index",
    "file_ts",
}
# Encoded anew as a whole: pictures that refer over H.264's recovery points, fields, pictures whose size changes.
ENCODED = {"open_gop", "interlaced", "multi_period_sizes"}


@dataclass(frozen=True)
class Case:
    form: str
    export_type: int
    container: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.form}-{self.export_type}-{self.container}"

    def __str__(self) -> str:
        return self.name

    def window(self, truth: Truth) -> tuple[Fraction, int]:
        """(start in seconds of presentation time, duration in ms) of a window that can prove sound and picture."""
        chance = random.Random(f"{self.seed}/{self}")
        lossy = self.form in LOSSES and self.export_type != 1
        begin, end = (int(at / MS) for at in truth.span())
        for _ in range(10_000):
            duration = chance.randint(1200, 2000 if self.export_type == 2 else 4000)
            if lossy and "gap" in self.form:
                duration += 3500
            start = Fraction(chance.randint(begin, end - (duration // 3 if lossy else duration)), 1000)
            if self._proves(truth, start, duration, lossy):
                return start, duration
        raise ValueError(f"no window of {self} proves anything")

    def _proves(self, truth: Truth, start: Fraction, duration: int, lossy: bool) -> bool:
        """Whether a clip of this window sounds each track and shows pictures, on both sides of a seam or loss."""
        expected = truth.expected(start, duration * MS)
        if len(expected.tracks) < len(truth.sounds) or not all(expected.tones):
            return False
        if (expected.lack_ms > 0) != lossy:
            return False
        if not truth.frames:
            return True
        seam = SEAMS.get(self.form) if self.export_type != 1 else None
        if seam and not start + Fraction(1, 5) < seam < start + duration * MS - Fraction(1, 5):
            return False
        if len(expected.frames) < 5:
            return False
        return _has_hole(truth, start, start + duration * MS) == (lossy and "gap" in self.form)


def _has_hole(truth: Truth, start: Fraction, end: Fraction) -> bool:
    """Whether frames are lost between others of the window."""
    alive = [frame.decodable for frame in truth.frames if start <= frame.pts < end]
    return True in alive and False in alive[alive.index(True) : len(alive) - alive[::-1].index(True)]


def matrix(seed: int) -> list[Case]:
    """Each form as recorded in both containers, and those with pictures of their own in each codec; those containers alternate, so
    that every such form and every type meets both."""
    recorded = [Case(form, 0, container, seed) for form in forms.FORMS for container in ("ts", "mp4")]
    containers = {1: cycle(("mp4", "ts")), 2: cycle(("ts", "mp4", "mp4", "ts"))}
    coded = [form for form in forms.FORMS if form not in COPIES | LISTED | HLS]
    return recorded + [Case(form, kind, next(containers[kind]), seed) for form in coded for kind in (1, 2)]


@dataclass(frozen=True)
class Anywhere(Case):
    """A window of any length anywhere; `index` and the seed decide all of it."""

    index: int

    def __str__(self) -> str:
        return f"{self.index}-{self.name}"

    def window(self, truth: Truth) -> tuple[Fraction, int]:
        """(start, duration in ms) of a window with at least one frame, or some sound where there is no picture."""
        chance = random.Random(f"{self.seed}/{self}")
        begin, end = (int(at / MS) for at in truth.span())
        longest = 2000 if CODECS.get(self.export_type) == "hevc" else 9000
        while True:
            start = Fraction(chance.randint(begin, end - 1), 1000)
            # As many short windows as long ones.
            duration = min(int(40 * (longest / 40) ** chance.random()), int((end * MS - start) / MS))
            if duration and (not truth.frames or truth.expected(start, duration * MS).frames):
                return start, duration


def anywhere(seed: int, count: int) -> list[Anywhere]:
    """Random windows of random forms, nine of ten as recorded. The first ones are the same whatever the count."""

    def case(index: int) -> Anywhere:
        chance = random.Random(f"{seed}/{index}")
        kind = chance.choices((0, 1, 2), (90, 5, 5))[0]
        return Anywhere(chance.choice(list(forms.FORMS)), kind, chance.choice(("ts", "mp4")), seed, index)

    return [case(index) for index in range(count)]
