#!/usr/bin/env python3
"""news.py: tell of a newer imageio-ffmpeg than the pinned one (exit status 1), and of FFmpeg releases that no wheel has yet (a
warning of GitHub's kind). Asks the package index through pip, and FFmpeg's repository through git."""

from __future__ import annotations

import re
import subprocess
import sys

from build import ROOT, pinned

REPOSITORY = "https://git.ffmpeg.org/ffmpeg.git"
Version = tuple[int, ...]


def main() -> None:
    pin = version(pinned((ROOT / "infra" / "local" / "requirements.txt").read_text(encoding="utf-8")))
    wheel = version(asked(sys.executable, "-m", "pip", "index", "versions", "--disable-pip-version-check", "imageio-ffmpeg"))
    try:
        tags = asked("git", "ls-remote", "--tags", "--refs", REPOSITORY, "n*")
    except subprocess.CalledProcessError as error:
        print(f"::warning::FFmpeg's repository does not answer: {error.stderr.strip()}")
        tags = ""
    for release in unseen(tags, bundled()):
        print(f"::warning::FFmpeg {shown(release)} is out; the layer has {shown(bundled())}")
    if wheel > pin:
        sys.exit(f"imageio-ffmpeg {shown(wheel)} is out, {shown(pin)} is pinned: edit infra/local/requirements.in, make lock")
    print(f"imageio-ffmpeg {shown(pin)} is the newest")


def asked(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def bundled() -> Version:
    """The FFmpeg release in the installed wheel, which is the pinned one."""
    import imageio_ffmpeg

    return version(imageio_ffmpeg.get_ffmpeg_exe().rpartition("-v")[2])


def version(text: str) -> Version:
    """The first version in a text."""
    match = re.search(r"\d+(?:\.\d+)+", text)
    if not match:
        sys.exit(f"there is no version in {text!r}")
    return tuple(map(int, match.group().split(".")))


def unseen(tags: str, than: Version) -> list[Version]:
    """The newest release of each branch from that of `than` on, if it is newer."""
    found = sorted(version(tag) for tag in re.findall(r"refs/tags/n(\d+(?:\.\d+)+)$", tags, re.MULTILINE))
    newest = {release[:2]: release for release in found if release > than}
    return list(newest.values())


def shown(release: Version) -> str:
    return ".".join(map(str, release))


if __name__ == "__main__":
    main()
