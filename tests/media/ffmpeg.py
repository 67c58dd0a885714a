"""Find and run ffmpeg (there is no ffprobe in the wheel that brings it)."""

import os
import re
import subprocess
from functools import cache

LOG_LINE = re.compile(r"^(?:\[(?P<who>[^\]]+)\] )?\[(?P<level>\w+)\] (?P<text>.*)$")
COMPLAINTS = {"warning", "error", "fatal", "panic"}


@cache
def executable() -> str:
    """`FFMPEG`, else the binary of the imageio-ffmpeg wheel."""
    if path := os.environ.get("FFMPEG"):
        return path
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


@cache
def version() -> str:
    """First line of `ffmpeg -version`: part of every cache key."""
    return subprocess.run([executable(), "-version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def run(*args: str, stdin: bytes | None = None, check: bool = True) -> subprocess.CompletedProcess:
    """Run ffmpeg with levelled log lines; raises with its log when it fails and `check` is set."""
    done = subprocess.run(
        [
            executable(),
            "-hide_banner",
            "-nostdin" if stdin is None else "-stdin",
            "-loglevel",
            "level+info",
            "-nostats",
            "-y",
            *args,
        ],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
    )
    if check and done.returncode:
        raise RuntimeError(f"ffmpeg {' '.join(args)}\n{done.stderr.decode('utf-8', 'replace')[-4000:]}")
    return done


def log_lines(done: subprocess.CompletedProcess) -> list[tuple[str, str, str]]:
    """(who, level, text) of every line that ffmpeg logged."""
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    return [(m["who"] or "", m["level"], m["text"]) for m in map(LOG_LINE.match, lines) if m]
