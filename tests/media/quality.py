"""Picture quality and single pictures."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import dash, ffmpeg
from .marks import CODE_BYTES, READ_CODE, read_code
from .recording import Recording

FULL_TO_TV = "[0:v]scale=in_range=full:out_range=tv,format=yuv420p"
AS_JPEG = "scale=out_color_matrix=bt601:out_range=tv,format=yuv420p"
AVERAGE = re.compile(r"PSNR y:(inf|[\d.]+)")


def _compare(inputs: list[str], graph: str) -> float:
    done = ffmpeg.run(*inputs, "-filter_complex", graph, "-map", "[out]", "-f", "null", "-")
    found = [m[1] for _, _, text in ffmpeg.log_lines(done) for m in [AVERAGE.search(text)] if m]
    if not found:
        raise RuntimeError("ffmpeg compared no picture")
    return float(found[-1])


def _source(recording: Recording, numbers: list[int], folder: Path) -> tuple[Path, int]:
    """A playable file with these consecutive frames, and the index of the first among its decoded pictures."""
    for data, held in recording.pictures():
        if numbers[0] in held and numbers[-1] in held:
            path = folder / "source.mp4"
            path.write_bytes(data)
            return path, held.index(numbers[0])
    raise ValueError(f"frames {numbers[0]}..{numbers[-1]} are not in one Period")


def clip_psnr(clip: Path, recording: Recording, numbers: list[int]) -> float:
    """Y-PSNR in dB of a clip against the recorded frames that it must hold."""
    with tempfile.TemporaryDirectory(prefix="psnr-") as folder:
        source, at = _source(recording, numbers, Path(folder))
        trim = f"trim=start_frame={at}:end_frame={at + len(numbers)},settb=AVTB,setpts=N/TB"
        graph = f"[0:v]settb=AVTB,setpts=N/TB[a];[1:v]{trim}[b];[a][b]psnr=shortest=1[out]"
        return _compare(["-i", str(clip), "-i", str(source)], graph)


@dataclass(frozen=True)
class Likeness:
    """Y-PSNR in dB over the same frames. `source`: clip against recording; `pristine` and `recorded`: clip and
    recording against what the recording was made from."""

    source: float
    pristine: float
    recorded: float


def chosen_psnr(clip: Path, recording: Recording, numbers: list[int], chosen: list[int]) -> float:
    """Y-PSNR in dB of the `chosen` frames of a clip that shows `numbers` against the recorded ones."""
    track, data, held, _ = _period(recording, chosen)
    pixels = track.spec.pixels
    graph = f"[0:v]{_picked(numbers, chosen, pixels)}[c];[1:v]{_picked(held, chosen, pixels)}[r];[c][r]psnr@source[out]"
    return _measure(clip, data, graph)["source"]


def likeness(clip: Path, recording: Recording, numbers: list[int], chosen: list[int]) -> Likeness:
    """How like the recording, and what it was made from, the `chosen` frames of a clip are that shows `numbers`."""
    track, data, held, made = _period(recording, chosen)
    pixels = track.spec.pixels
    graph = (
        f"[0:v]{_picked(numbers, chosen, pixels)},split[c0][c1];[1:v]{_picked(held, chosen, pixels)},split[r0][r1];"
        f"{track.spec.graph()};[v]{_picked(made, chosen, pixels)},split[p0][p1];"
        "[c0][r0]psnr@source,nullsink;[c1][p0]psnr@pristine,nullsink;[r1][p1]psnr@recorded[out]"
    )
    return Likeness(**_measure(clip, data, graph))


def _period(recording: Recording, chosen: list[int]) -> tuple[dash.Track, bytes, list[int], list[int]]:
    """(track, its playable file, the numbers in it, the numbers that were encoded) of the Period with these frames."""
    for (_, track), run, (data, held) in zip(recording.tracks("video", -1), recording.coded, recording.pictures()):
        if set(chosen) <= set(held):
            return track, data, held, sorted(picture.frame.number for picture in run)
    raise ValueError("frames of several Periods")


def _measure(clip: Path, source: bytes, graph: str) -> dict[str, float]:
    """What each named psnr filter of a graph over clip and source found."""
    with tempfile.TemporaryDirectory(prefix="psnr-") as folder:
        path = Path(folder, "source.mp4")
        path.write_bytes(source)
        inputs = ["-i", str(clip), "-i", str(path)]
        done = ffmpeg.run(*inputs, "-filter_complex", graph, "-map", "[out]", "-f", "null", "-")
    found = {}
    for who, _, text in ffmpeg.log_lines(done):
        if who.startswith("psnr@") and (m := AVERAGE.search(text)):
            found[who.partition("@")[2].partition(" ")[0]] = float(m[1])
    return found


def _picked(order: list[int], chosen: list[int], pixels: str) -> str:
    """A filter that keeps the chosen frames of those that come in this order, at a steady rate."""
    index = {number: k for k, number in enumerate(order)}
    runs: list[list[int]] = []
    for k in sorted(index[number] for number in chosen):
        if runs and k == runs[-1][1] + 1:
            runs[-1][1] = k
        else:
            runs.append([k, k])
    kept = "+".join(f"between(n,{a},{b})" for a, b in runs)
    return f"select='{kept}',settb=AVTB,setpts=N/TB,format={pixels}"


def jpeg_psnr(jpeg: Path, clip: Path) -> float:
    """Y-PSNR in dB of a JPEG against the first picture of a clip."""
    graph = f"{FULL_TO_TV}[a];[1:v]trim=end_frame=1,setpts=0,{AS_JPEG}[b];[a][b]psnr[out]"
    return _compare(["-i", str(jpeg), "-i", str(clip)], graph)


def jpeg_source_psnr(jpeg: Path, recording: Recording, number: int) -> float:
    """Y-PSNR in dB of a JPEG against a recorded frame."""
    with tempfile.TemporaryDirectory(prefix="psnr-") as folder:
        source, at = _source(recording, [number], Path(folder))
        graph = f"{FULL_TO_TV}[a];[1:v]trim=start_frame={at}:end_frame={at + 1},setpts=0,{AS_JPEG}[b];[a][b]psnr[out]"
        return _compare(["-i", str(jpeg), "-i", str(source)], graph)


def jpeg_number(jpeg: Path, drawn: tuple[int, int] | None = None) -> int | None:
    """The frame number that a JPEG shows; `drawn`: the size at which it was drawn, if that may be another."""
    scale = f"scale={drawn[0]}:{drawn[1]}," if drawn else ""
    chain = f"{scale}format=gray,{READ_CODE}"
    done = ffmpeg.run("-i", str(jpeg), "-vf", chain, "-frames:v", "1", "-f", "rawvideo", "-")
    return read_code(done.stdout) if len(done.stdout) == CODE_BYTES else None
