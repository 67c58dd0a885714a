"""Which samples of a clip are the recorded ones, byte by byte, and whether what was encoded in between fits to them."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from hashlib import md5
from itertools import groupby
from pathlib import Path

from . import boxes, ffmpeg, nal, ts
from .recording import Coded, Recording
from .truth import MS
from .verify import Report, spans

JOIN = 12 * MS  # half a frame of sound
TIME_BASE = re.compile(r"#tb 0: (\d+)/(\d+)")
PACKET = re.compile(r"0, *-?\d+, *(-?\d+), *\d+, *\d+, *(\w+)")


@dataclass(frozen=True)
class Sample:
    """A picture of a clip as it is stored. `pts`: composition time, which only orders."""

    pts: int
    units: list[bytes]

    @property
    def size(self) -> int:
        return sum(map(len, self.units))


def samples(clip: Path) -> list[Sample]:
    """The pictures of a progressive .mp4 or a .ts in decode order."""
    data = clip.read_bytes()
    if clip.suffix == ".ts":
        return [Sample(unit.pts or 0, nal.of_stream(unit.data)) for unit in ts.pes(data) if unit.is_video]
    tracks = dict(zip(boxes.tracks(data), boxes.find(data, b"moov", b"trak")))
    trak = next(box for track, box in tracks.items() if track.handler == b"vide")
    return [Sample(each.pts, nal.of_sample(each.data)) for each in boxes.stored(data, trak)]


@dataclass
class Joined:
    """A clip against the recording that it was cut from. `report`: what the verifier says of the clip."""

    clip: Path
    recording: Recording
    report: Report

    @property
    def codec(self) -> str:
        return self.recording.truth.codec

    @cached_property
    def recorded(self) -> dict[int, Coded]:
        """Recorded pictures by number."""
        return {picture.frame.number: picture for run in self.recording.coded for picture in run}

    @cached_property
    def shown(self) -> dict[int, Sample]:
        """The clip's samples by the number that each shows; raises ValueError if one is never shown."""
        held = sorted(samples(self.clip), key=lambda sample: sample.pts)
        if len(held) != len(self.report.pictures):
            raise ValueError(f"{len(held)} samples, {len(self.report.pictures)} pictures")
        return dict(zip(self.report.numbers, held))

    @cached_property
    def copied(self) -> set[int]:
        """Numbers of the frames whose samples are the recorded ones."""
        if self.report.video_codec != self.codec:
            return set()
        return {
            number
            for number, sample in self.shown.items()
            if number in self.recorded and nal.is_copy(self.codec, sample.units, self.recorded[number].units)
        }

    @property
    def encoded(self) -> list[int]:
        """Numbers of all other frames, in display order."""
        return [number for number in self.report.numbers if number not in self.copied]

    def summary(self) -> str:
        runs = [(was, list(run)) for was, run in groupby(self.report.numbers, self.copied.__contains__)]
        return ", ".join(f"{'copied' if was else 'encoded'} {spans(run)}" for was, run in runs)

    def problems(self) -> list[str]:
        """What is wrong with the frames that were encoded, and at the joins."""
        return self._look_problems() + self._metadata_problems() + self._size_problems()

    def _look_problems(self) -> list[str]:
        """Frames of another size, shape, layout, scan, colour or HDR metadata than was recorded."""
        allowed = self.recording.looks
        first = self.report.pictures[0].size
        found: dict[str, list[int]] = {}
        for picture in self.report.pictures:
            sizes, manners = map(set, zip(*allowed[picture.number]))
            for what, right in ((picture.size, sizes | {first}), (picture.look, manners)):
                if what not in right:
                    found.setdefault(f"{what}, not {' or '.join(right)}", []).append(picture.number)
        return [f"frames {spans(numbers)} are {what}" for what, numbers in found.items()]

    def _metadata_problems(self) -> list[str]:
        """Frames whose captions or HDR messages are not those that were recorded with them."""
        lost = [
            number
            for number, sample in self.shown.items()
            if (wanted := nal.metadata(self.codec, self.recorded[number].units))
            and not set(wanted) <= set(nal.metadata(self.codec, sample.units))
        ]
        return [f"frames {spans(lost)} lost SEI messages"] if lost else []

    def _size_problems(self) -> list[str]:
        """Encoded frames take at most three times the bits that were recorded for as many frames, and what one
        recorded key frame has for each run, because that must start with one."""
        sizes = [len(picture.data) for picture in self.recorded.values()]
        runs = [list(run) for was, run in groupby(self.report.numbers, self.copied.__contains__) if not was]
        used = sum(self.shown[number].size for run in runs for number in run)
        key = max(len(picture.data) for picture in self.recorded.values() if picture.key)
        allowed = sum(3 * len(run) * sum(sizes) // len(sizes) + key for run in runs)
        return [f"{used} bytes for encoded frames, more than {allowed}"] if used > allowed else []

    def audio_offsets_ms(self, join: Fraction = JOIN) -> list[list[float]]:
        """How late each copied sample of each audio track is against the picture that is on display with it; at a
        closed hole, against the one on that side to which it belongs: `join` is half a frame."""
        truth = {frame.number: frame.pts for frame in self.recording.truth.frames}
        known = [(picture.pts, truth[picture.number]) for picture in self.report.pictures if picture.number in truth]
        begins = [pts for pts, _ in known]

        def late(pts: Fraction, recorded: Fraction) -> float:
            near = {max(0, bisect_right(begins, pts + slip) - 1) for slip in (-join, Fraction(0), join)}
            offsets = ((pts - known[k][0]) - (recorded - known[k][1]) for k in near)
            return float(min(offsets, key=abs) / MS)

        found = []
        wanted = recorded_audio(self.recording)
        for k, track in enumerate(self.report.audio if known else ()):
            held = stored_audio(self.clip, k, track.codec)
            found.append([late(pts, wanted[digest]) for pts, digest in held if digest in wanted])
        return found


def recorded_audio(recording: Recording) -> dict[str, Fraction]:
    """Presentation time of every sample of sound by its MD5. What tracks have in common they have at the same time."""
    tracks = range(len(recording.truth.sounds))
    return {md5(data).hexdigest(): pts for k in tracks for pts, data in recording.sound(k)}


def stored_audio(clip: Path, index: int, codec: str) -> list[tuple[Fraction, str]]:
    """(presentation time, MD5) of every sample of a clip's audio track, as a player that obeys edit lists has it."""
    stream = clip.suffix == ".ts"
    bare = ["-bsf:a", "aac_adtstoasc"] if stream and codec == "aac" else []
    form = ["-f", "mpegts"] if stream else []
    args = ["-copyts", *form, "-i", str(clip), "-map", f"0:a:{index}", "-c", "copy", *bare]
    text = ffmpeg.run(*args, "-f", "framehash", "-hash", "md5", "-").stdout.decode()
    base = Fraction(*map(int, TIME_BASE.search(text).groups()))
    return [(int(m[1]) * base, m[2]) for m in PACKET.finditer(text)]


def expected_copies(recording: Recording, start: Fraction, end: Fraction) -> set[int]:
    """Numbers of the frames of [start, end) s of presentation time that need not be encoded.

    Of each run between holes that is all from the first picture on with which a decoder may start, its leading
    pictures left out, up to the longest prefix in decode order that leaves no hole on display."""
    found: set[int] = set()
    for (period, _), run in zip(recording.tracks("video", -1), recording.coded):
        limit = min(end, period.start + period.duration) if period.duration else end
        for _, pictures in groupby(run, lambda picture: picture.stored):
            found |= _prefix([picture for picture in pictures if picture.stored], start, limit)
    return found


def _prefix(run: list[Coded], start: Fraction, end: Fraction) -> set[int]:
    first = next((k for k, picture in enumerate(run) if picture.key and picture.frame.pts >= start), None)
    if first is None:
        return set()
    begin = run[first].frame.pts
    chain = [picture.frame for picture in run[first:] if picture.frame.pts >= begin]
    shown = {frame.pts: k for k, frame in enumerate(sorted(chain, key=lambda frame: frame.pts))}
    best, highest = 0, -1
    for k, frame in enumerate(chain):
        highest = max(highest, shown[frame.pts])
        if frame.pts >= end or not frame.decodable:
            break
        if highest == k:
            best = k + 1
    return {frame.number for frame in chain[:best]}
