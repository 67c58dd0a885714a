"""What the system's ffmpeg shows and plays of a file."""

import json
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np

from .programs import run, system

EAR = 16_000  # samples a second that sound is compared at


def probe(path: Path, *wanted: object) -> dict:
    return json.loads(run([system("ffprobe"), "-v", "quiet", "-of", "json", *wanted, path]))


@dataclass(frozen=True)
class Pictures:
    """As displayed: turned by the display matrix. `times` in s; `planes`: a row of yuv420p bytes a picture; `flags`:
    (interlaced, top field first) of each; `log`: what the demuxer and the decoder complained about."""

    times: list[Fraction]
    planes: np.ndarray
    size: tuple[int, int]
    flags: list[tuple[int, int]]
    stream: dict
    log: list[str]

    @cached_property
    def luma(self) -> np.ndarray:
        w, h = self.size
        return self.planes[:, : w * h].reshape(-1, h, w)

    @cached_property
    def small(self) -> np.ndarray:
        """Each picture as 40 x 24 averages: to find what a picture is."""
        return (
            np.stack([shrunk(picture, 24, 40) for picture in self.luma])
            if len(self.luma)
            else np.zeros((0, 24, 40), np.float32)
        )

    @property
    def rotation(self) -> int:
        return _rotation(self.stream)


def shrunk(picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Averages over equal areas (to a pixel), whatever the size."""
    h, w = picture.shape
    sums = np.add.reduceat(picture.astype(np.float32), np.arange(rows) * h // rows, axis=0)
    sums = np.add.reduceat(sums, np.arange(columns) * w // columns, axis=1)
    high = np.diff(np.append(np.arange(rows) * h // rows, h))[:, None]
    wide = np.diff(np.append(np.arange(columns) * w // columns, w))[None, :]
    return sums / (high * wide)


def _rotation(stream: dict) -> int:
    return next((int(each["rotation"]) for each in stream.get("side_data_list", []) if "rotation" in each), 0)


def _base(stream: dict) -> Fraction:
    return Fraction(stream["time_base"])


def pictures(path: Path) -> Pictures | None:
    """Every picture of the first video track, None without one."""
    told = probe(
        path,
        "-select_streams",
        "v:0",
        "-show_streams",
        "-show_frames",
        "-show_entries",
        "frame=pts,best_effort_timestamp,interlaced_frame,top_field_first:frame_side_data=rotation:stream",
    )
    if not told.get("streams"):
        return None
    stream = told["streams"][0]
    frames = told.get("frames", [])
    w, h = int(stream["width"]), int(stream["height"])
    # A transport stream says it in its pictures.
    if (_rotation(stream) or next((_rotation(frame) for frame in frames), 0)) % 180:
        w, h = h, w
    done = subprocess.run(
        [
            system("ffmpeg"),
            "-v",
            "error",
            "-i",
            str(path),
            "-map",
            "0:v:0",
            "-fps_mode",
            "passthrough",
            "-pix_fmt",
            "yuv420p",
            "-f",
            "rawvideo",
            "-",
        ],
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    raw = np.frombuffer(done.stdout, np.uint8)
    w, h = w - w % 2, h - h % 2  # the judge's recordings are even
    each = w * h * 3 // 2
    planes = raw[: len(raw) // each * each].reshape(-1, each)
    times = [frame.get("pts", frame.get("best_effort_timestamp")) for frame in frames]
    log = [
        line
        for line in done.stderr.decode("utf-8", "replace").splitlines()
        if line and "rawvideo" not in line and "muxer" not in line
    ]
    if len(times) != len(planes):
        log.append(f"{len(times)} pictures probed, {len(planes)} decoded")
    kept = [n for n, time in enumerate(times[: len(planes)]) if time is not None]
    return Pictures(
        [times[n] * _base(stream) for n in kept],
        planes[kept],
        (w, h),
        [(frames[n].get("interlaced_frame", 0), frames[n].get("top_field_first", 0)) for n in kept],
        stream,
        log,
    )


@dataclass(frozen=True)
class Sound:
    """Mono at `EAR` on one clock: `wave[0]` sounds at `start` s; NaN where there is none. `frame`: s of its longest."""

    start: float
    wave: np.ndarray
    stream: dict
    frame: float

    def at(self, begin: float, count: int) -> np.ndarray:
        """`count` samples from `begin` on, NaN outside."""
        first = round((begin - self.start) * EAR)
        out = np.full(count, np.nan, np.float32)
        low, high = max(first, 0), min(first + count, len(self.wave))
        if low < high:
            out[low - first : high - first] = self.wave[low:high]
        return out

    @property
    def end(self) -> float:
        return self.start + len(self.wave) / EAR

    @property
    def language(self) -> str:
        return self.stream.get("tags", {}).get("language", "und")


def sounds(path: Path) -> list[Sound]:
    """Every audio track, each sample where its frame's time says."""
    streams = probe(path, "-select_streams", "a", "-show_streams").get("streams", [])
    return [each for index, stream in enumerate(streams) if (each := _sound(path, index, stream))]


def _sound(path: Path, index: int, stream: dict) -> Sound | None:
    select = f"a:{index}"
    frames = probe(
        path, "-select_streams", select, "-show_frames", "-show_entries", "frame=pts,best_effort_timestamp,nb_samples"
    ).get("frames", [])
    done = subprocess.run(
        [system("ffmpeg"), "-v", "quiet", "-i", str(path), "-map", f"0:{select}", "-ac", "1", "-f", "f32le", "-"],
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    wave = np.frombuffer(done.stdout, np.float32)
    frames = [
        each
        for each in frames
        if each.get("nb_samples") and each.get("pts", each.get("best_effort_timestamp")) is not None
    ]
    if not frames or not len(wave):
        return None
    rate = int(stream["sample_rate"])
    starts = [float(each.get("pts", each.get("best_effort_timestamp")) * _base(stream)) for each in frames]
    counts = [int(each["nb_samples"]) for each in frames]
    first, last = min(starts), max(s + c / rate for s, c in zip(starts, counts))
    out = np.full(int((last - first) * EAR) + 1, np.nan, np.float32)
    at, expected, run_start, run_at = 0, starts[0], starts[0], 0
    for start, size in zip([*starts, None], [*counts, 0]):
        # Frames that follow each other are laid as one run, so that rounded times do not tear them.
        if start is None or abs(start - expected) > 0.004:
            _lay(out, wave[run_at:at], run_start - first, rate)
            run_at, run_start, expected = at, start, start
        if start is not None:
            at += size
            expected += size / rate
    return Sound(first, out, stream, max(counts) / rate)


def _lay(out: np.ndarray, samples: np.ndarray, begin: float, rate: int) -> None:
    """Samples of a rate onto the clock of `out`, from `begin` s on."""
    if not len(samples):
        return
    low = max(int(np.ceil(begin * EAR)), 0)
    high = min(int((begin + (len(samples) - 1) / rate) * EAR) + 1, len(out))
    if low < high:
        at = (np.arange(low, high) / EAR - begin) * rate
        out[low:high] = np.interp(at, np.arange(len(samples)), samples)


def packets(path: Path) -> dict[int, list[tuple[int, int]]]:
    """(dts, pts) of each packet of each stream, in file order."""
    found: dict[int, list[tuple[int, int]]] = {}
    for each in probe(path, "-show_packets", "-show_entries", "packet=stream_index,pts,dts").get("packets", []):
        if "dts" in each and "pts" in each:
            found.setdefault(each["stream_index"], []).append((each["dts"], each["pts"]))
    return found


def stream_pictures(kind: str, data: bytes, size: int) -> np.ndarray:
    """Pictures of an elementary stream, `size` bytes each."""
    form = "hevc" if kind.startswith(("hvc", "hev")) else "h264"
    command = [system("ffmpeg"), "-v", "quiet", "-f", form, "-i", "-", "-map", "0:v:0", "-fps_mode", "passthrough"]
    raw = np.frombuffer(run([*command, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"], data), np.uint8)
    return raw[: len(raw) // size * size].reshape(-1, size)


def first_colours(path: Path, size: tuple[int, int]) -> np.ndarray:
    """The first picture of a clip, or a JPEG, as RGB: each turned by its own matrix and range."""
    w, h = size
    command = [system("ffmpeg"), "-v", "quiet", "-i", path, "-map", "0:v:0", "-frames:v", "1", "-vf", f"scale={w}:{h}"]
    return np.frombuffer(run([*command, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]), np.uint8)
