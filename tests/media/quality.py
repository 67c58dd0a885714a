"""Picture quality and single pictures."""

import re
import tempfile
from pathlib import Path

from . import ffmpeg
from .marks import CODE_BYTES, READ_CODE, read_code
from .recording import Recording

FULL_TO_TV = "[0:v]scale=in_range=full:out_range=tv,format=yuv420p"
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
        shown = sorted(held)
        if numbers[0] in shown and numbers[-1] in shown:
            path = folder / "source.mp4"
            path.write_bytes(data)
            return path, shown.index(numbers[0])
    raise ValueError(f"frames {numbers[0]}..{numbers[-1]} are not in one Period")


def clip_psnr(clip: Path, recording: Recording, numbers: list[int]) -> float:
    """Y-PSNR in dB of a clip against the recorded frames that it must hold."""
    with tempfile.TemporaryDirectory(prefix="psnr-") as folder:
        source, at = _source(recording, numbers, Path(folder))
        trim = f"trim=start_frame={at}:end_frame={at + len(numbers)},settb=AVTB,setpts=N/TB"
        graph = f"[0:v]settb=AVTB,setpts=N/TB[a];[1:v]{trim}[b];[a][b]psnr=shortest=1[out]"
        return _compare(["-i", str(clip), "-i", str(source)], graph)


def jpeg_psnr(jpeg: Path, clip: Path) -> float:
    """Y-PSNR in dB of a JPEG against the first picture of a clip."""
    graph = f"{FULL_TO_TV}[a];[1:v]trim=end_frame=1,setpts=0,format=yuv420p[b];[a][b]psnr[out]"
    return _compare(["-i", str(jpeg), "-i", str(clip)], graph)


def jpeg_source_psnr(jpeg: Path, recording: Recording, number: int) -> float:
    """Y-PSNR in dB of a JPEG against a recorded frame."""
    with tempfile.TemporaryDirectory(prefix="psnr-") as folder:
        source, at = _source(recording, [number], Path(folder))
        graph = (
            f"{FULL_TO_TV}[a];[1:v]trim=start_frame={at}:end_frame={at + 1},setpts=0,format=yuv420p[b];[a][b]psnr[out]"
        )
        return _compare(["-i", str(jpeg), "-i", str(source)], graph)


def jpeg_number(jpeg: Path) -> int | None:
    """The frame number that a JPEG shows."""
    done = ffmpeg.run("-i", str(jpeg), "-vf", f"format=gray,{READ_CODE}", "-frames:v", "1", "-f", "rawvideo", "-")
    return read_code(done.stdout) if len(done.stdout) == CODE_BYTES else None
