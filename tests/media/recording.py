"""A recording as it lies in S3, with its truth; put there whole or segment by segment."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from itertools import islice
from pathlib import Path

from . import captions, dash, encode, ffmpeg, marks, nal
from .truth import MS, Expected, Frame, Sound, Truth
from .verify import looks

ROOT = Path(__file__).resolve().parents[2]
PEER = "4D7446C8141EE167"
PLAIN_CLOCK_MS = 1_562_253_600_000  # StartPos of an MPD that names no clock: only StartTime counts then
MANIFESTS = (".mpd", ".m3u8")
TYPES = {
    ".mpd": "application/dash+xml",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
}


def cached(key: object, make: Callable[[Path], None], suffix: str = "") -> Path:
    """The path that `make` fills once for all processes: named by its parameters, the generator's source and ffmpeg."""
    sources = b"".join(Path(module.__file__).read_bytes() for module in (encode, marks, captions))
    name = sha256(sources + ffmpeg.version().encode() + repr(key).encode()).hexdigest()[:20] + suffix
    folder = ROOT / ".cache" / "recordings"
    target = folder / name
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder, prefix=".making-"))
        try:
            make(work / name)
            os.rename(work / name, target)
        except OSError:
            if not target.exists():
                raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def encoded(spec: encode.Video | encode.Audio) -> bytes:
    """The fragmented file of one track."""

    def make(out: Path) -> None:
        if isinstance(spec, encode.Audio):
            return encode.audio(spec, out)
        encode.video(spec, out)
        if spec.captions:
            out.write_bytes(captions.captioned(out.read_bytes(), spec.codec, spec.first))

    return cached(spec, make, ".mp4").read_bytes()


@dataclass(frozen=True)
class Coded:
    """A recorded picture as it was coded. `key`: a decoder may start with it."""

    frame: Frame
    data: bytes
    units: list[bytes]
    key: bool
    stored: bool


@dataclass
class Recording:
    """`live_path` as a client names it; `files` by their name beside the MPD."""

    name: str
    live_path: str
    files: dict[str, bytes]
    truth: Truth
    manifest: dash.Manifest

    @property
    def folder(self) -> str:
        return self.live_path.rpartition("/")[0]

    def request(self, start: Fraction, duration_ms: int) -> dict:
        """The timing fields of an export request for a window that starts `start` s of presentation time in."""
        position = start / MS
        if position.denominator != 1:
            raise ValueError("a window starts at a whole millisecond")
        first = (
            self.manifest.periods[0].start
            if self.truth.ast_ms
            else self.truth.span()[0]
            if self.truth.ast_ms == 0
            else Fraction(0)
        )
        return {
            "StartPos": int(position) + (PLAIN_CLOCK_MS if self.truth.ast_ms is None else self.truth.ast_ms),
            "StartTime": str(int((start - first) / MS)),
            "Duration": duration_ms,
            "LivePath": self.live_path,
        }

    def expected(self, start_pos_ms: int, duration_ms: int) -> Expected:
        """What the export of a window must be."""
        return self.truth.expected(self.truth.instant(start_pos_ms), duration_ms * MS)

    def size(self) -> int:
        return sum(map(len, self.files.values()))

    def write(self, folder: Path) -> Path:
        """Store it in a directory; returns the MPD's path."""
        for name, data in self.files.items():
            path = folder / self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder / self.live_path

    def upload(self, s3, bucket: str, prefix: str) -> None:
        """Put every object under `prefix`, the manifests last, as a recorder does."""
        for name in sorted(self.files, key=lambda name: name.endswith(MANIFESTS)):
            put(s3, bucket, f"{prefix}{self.folder}/{name}", self.files[name])

    def tracks(self, kind: str, index: int) -> list[tuple[dash.Period, dash.Track]]:
        """The track at an index among those of its kind, in each Period that has one. A clip's picture is the last."""
        held = [[track for track in period.tracks if track.kind == kind] for period in self.manifest.periods]
        return [(period, tracks[index]) for period, tracks in zip(self.manifest.periods, held) if tracks]

    def sound(self, index: int) -> list[tuple[Fraction, bytes]]:
        """(presentation time, bytes) of every stored sample of an audio track."""
        return [
            (_presented(period, track, sample.pts), segment.data[sample.at : sample.at + sample.size])
            for period, track in self.tracks("audio", index)
            for segment in track.segments
            if segment.stored
            for sample in segment.samples
        ]

    def size_of(self, number: int) -> tuple[int, int]:
        """Width and height of a recorded frame."""
        held = zip(self.tracks("video", -1), self.coded)
        return next(track.size for (_, track), run in held if any(each.frame.number == number for each in run))

    @cached_property
    def coded(self) -> list[list[Coded]]:
        """Every recorded picture in decode order, by Period."""
        frames = iter(self.truth.frames)
        out = []
        for period, track in self.tracks("video", -1):
            held = [(segment, sample) for segment in track.segments for sample in segment.samples]
            at = {frame.pts: frame for frame in islice(frames, len(held))}
            run = []
            for segment, sample in held:
                data = segment.data[sample.at : sample.at + sample.size]
                units = nal.of_sample(data)
                key = nal.starts_anew(self.truth.codec, units)
                run.append(Coded(at[_presented(period, track, sample.pts)], data, units, key, segment.stored))
            out.append(run)
        return out

    @cached_property
    def looks(self) -> dict[int, set[tuple[str, str]]]:
        """By number, every (size, look) that the frames of the same Period have."""
        found = {}
        with tempfile.TemporaryDirectory(prefix="looks-") as folder:
            for data, held in self.pictures():
                path = Path(folder, "period.mp4")
                path.write_bytes(data)
                found |= dict.fromkeys(held, set(looks(path)))
        return found

    def pictures(self) -> Iterator[tuple[bytes, list[int]]]:
        """(playable video file, the numbers of its frames in display order) for each Period."""
        for (_, track), run in zip(self.tracks("video", -1), self.coded):
            data = track.init + b"".join(segment.data for segment in track.segments if segment.stored)
            yield data, sorted(picture.frame.number for picture in run if picture.stored)


def put(s3, bucket: str, key: str, data: bytes) -> None:
    """PutObject with the content type of the name."""
    s3.put_object(
        Bucket=bucket, Key=key, Body=data, ContentType=TYPES.get(Path(key).suffix, "application/octet-stream")
    )


def iso(ms: int) -> str:
    """An instant as availabilityStartTime writes it."""
    text = datetime.fromtimestamp(ms // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ms % 1000:03d}Z" if ms % 1000 else f"{text}Z"


def recorded(
    name: str, manifest: dash.Manifest, *, first: int, fps: Fraction, live_path: str = "", **truth
) -> Recording:
    """The recording of a manifest whose first picture has number `first`."""
    path = live_path or f"mp4/{PEER}/{name}/1/stream.mpd"
    return Recording(name, path, dash.files(manifest), read_truth(manifest, first, fps, **truth), manifest)


def read_truth(manifest: dash.Manifest, first: int, fps: Fraction, **truth) -> Truth:
    """The truth of a manifest, from its samples. Pictures are numbered in display order."""
    frames: list[Frame] = []
    for period in manifest.periods:
        videos = [track for track in period.tracks if track.kind == "video"]
        if videos:
            frames += _frames(period, videos[-1], frames[-1].number + 1 if frames else first, fps)
    shift = truth.get("frame_shift", Fraction(0))
    origin = truth.pop("origin", None)
    if origin is None:
        origin = frames[0].pts - Fraction(first) / fps - shift if frames else Fraction(0)
    return Truth(fps=fps, frames=frames, sounds=_sounds(manifest), origin=origin, **truth)


def _presented(period: dash.Period, track: dash.Track, pts: int) -> Fraction:
    return period.start + Fraction(pts - track.edit_shift - track.offset, track.timescale)


def _frames(period: dash.Period, track: dash.Track, first: int, fps: Fraction) -> list[Frame]:
    """The pictures of a track in display order, those that cannot be decoded marked. Their numbers count frames of
    1 / fps, whether or not there is a picture for each."""
    samples = [(sample, segment.stored) for segment in track.segments for sample in segment.samples]
    shown = sorted(sample.pts for sample, _ in samples)
    rank = {pts: k for k, pts in enumerate(shown)}
    if len(rank) != len(samples):
        raise ValueError("two pictures share a time")
    good: set[int] = set()
    run: list[int] = []
    key = None
    for sample, stored in samples:
        if not stored:
            good |= _shown(run)
            run, key = [], None
        elif sample.key and key is None:
            key = sample.pts
        if stored and key is not None and sample.pts >= key:
            run.append(rank[sample.pts])
    good |= _shown(run)
    last = next(sample.duration for sample, _ in samples if sample.pts == shown[-1])
    lengths = [after - pts for pts, after in zip(shown, [*shown[1:], shown[-1] + last])]
    return [
        Frame(
            first + round(Fraction(pts - shown[0], track.timescale) * fps),
            _presented(period, track, pts),
            k in good,
            Fraction(length, track.timescale),
        )
        for k, (pts, length) in enumerate(zip(shown, lengths))
    ]


def _shown(run: list[int]) -> set[int]:
    """The pictures up to the first hole in display order."""
    return {rank for k, rank in enumerate(sorted(run)) if rank == min(run) + k}


def _sounds(manifest: dash.Manifest) -> list[Sound]:
    """The audio tracks of the first Period, over all Periods."""
    heard = [[track for track in period.tracks if track.kind == "audio"] for period in manifest.periods]
    sounds = []
    for k, track in enumerate(heard[0]):
        spans = []
        for period, tracks in zip(manifest.periods, heard):
            for segment in (s for s in tracks[k].segments if s.stored):
                last = segment.samples[-1]
                begin = max(period.start, _presented(period, tracks[k], segment.samples[0].pts))
                spans.append((begin, _presented(period, tracks[k], last.pts + last.duration)))
        restarts = [period.start for period in manifest.periods[1:]]
        sounds.append(Sound(k, track.language, track.codecs, Fraction(0), spans, restarts))
    return sounds


class Live:
    """A recording that grows: `publish(n)` stores all segments that end by n seconds of presentation time."""

    def __init__(self, recording: Recording, s3, bucket: str, prefix: str) -> None:
        self.recording, self._s3, self._bucket, self._prefix = recording, s3, bucket, prefix
        self._stored: set[str] = set()

    def publish(self, until: Fraction) -> None:
        manifest = replace(
            self.recording.manifest, periods=[self._grown(period, until) for period in self.recording.manifest.periods]
        )
        files = self._files(manifest)
        for name in sorted(files, key=lambda name: name.endswith(MANIFESTS)):
            if name not in self._stored or name.endswith(MANIFESTS):
                put(self._s3, self._bucket, f"{self._prefix}{self.recording.folder}/{name}", files[name])
                self._stored.add(name)

    def _files(self, manifest: dash.Manifest) -> dict[str, bytes]:
        return dash.files(manifest)

    @staticmethod
    def _grown(period: dash.Period, until: Fraction) -> dash.Period:
        tracks = []
        for track in period.tracks:
            limit = (until - period.start) * track.timescale + track.offset
            late = [k for k, segment in enumerate(track.segments) if segment.time + segment.duration > limit]
            tracks.append(track.without(late, listed=False))
        return replace(period, tracks=tracks)
