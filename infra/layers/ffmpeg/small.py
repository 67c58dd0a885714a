"""The layer's other ffmpeg: compiled here from the source of Debian's package, with what the functions use and nothing else.

FFmpeg's source and the encoders' static libraries come through apt, whose signed lists name their checksums; these must also be the
pinned ones. The program is static, since this machine's C library may be newer than Lambda's. It is for the processor of this machine.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TOOLS = ("apt-get", "ar", "dpkg-deb", "gcc", "g++", "make", "nasm", "pkg-config", "strip", "tar", "xz")


@dataclass(frozen=True)
class Package:
    """A package of Debian, and the checksum of the file that is taken of it."""

    name: str
    version: str
    licence: str
    sha256: str


# Of unstable, whose FFmpeg is as new as that of the wheel.
SOURCE_SUITE, LIBRARY_SUITE = "sid", "bookworm"
FFMPEG = Package("ffmpeg", "7:9.0.2-4", "GPL-3.0-or-later", "8c3850283eb25fa026482078a04051e0be17347b09ef81a0849bec15a96e002e")
ARCHIVE, VERSION = "ffmpeg_9.0.2.orig.tar.xz", "9.0.2"
# By architecture as Debian calls it. Of a release whose C library is older than that of the machines that link to it.
LIBRARIES = {
    "amd64": (
        Package("libx264-dev", "2:0.164.3095+gitbaee400-3", "GPL-2.0-or-later", "d884b8961502263879ca0fd9e16fbd4527405fcb1a58a9eb1235e81381f6f4f0"),
        Package("libx265-dev", "3.5-2+b1", "GPL-2.0-or-later", "f23c7797a85fac88b7e894898e7137d2b452e9a1226f2b5ad2ee55bef8056b7d"),
        Package("libnuma-dev", "2.0.16-1", "LGPL-2.1-only", "5893d10043918ed5d730ac1c6a54dd4e3f781166b809cbd43e43b2e576e4a5db"),
    ),
    "arm64": (
        Package("libx264-dev", "2:0.164.3095+gitbaee400-3", "GPL-2.0-or-later", "ec6a88835263d14dd63620b2be829ce2592fe17d9449517f67820dd3a6f76f3f"),
        Package("libx265-dev", "3.5-2+b1", "GPL-2.0-or-later", "0234798a4bc53e229cf6894b60bd09e54b08f13c237dba0f030dc239342cecf3"),
        Package("libnuma-dev", "2.0.16-1", "LGPL-2.1-only", "9e5574c38c85afffb11d76b56d6bb67b4f84aa14b96034506bf893fa49f32a84"),
    ),
}
# Machines, and their architecture and folder of libraries as Debian calls them.
MACHINES = {"arm64": ("aarch64", "arm64", "aarch64-linux-gnu"), "x86_64": ("x86_64", "amd64", "x86_64-linux-gnu")}

# What `shared/media/src/ffmpeg.rs` names. Audio may be of any codec that MP4 holds and FFmpeg itself decodes.
PARTS = {
    "demuxer": ("h264", "hevc", "mov", "mpegts"),
    "decoder": ("h264", "hevc", "aac", "ac3", "alac", "dca", "eac3", "flac", "mp1float", "mp2float", "mp3float", "opus",
                "pcm_*", "truehd", "vorbis"),
    "parser": ("h264", "hevc", "aac", "ac3", "dca", "flac", "mpegaudio", "opus", "vorbis"),
    "bsf": ("extract_extradata", "h264_mp4toannexb", "hevc_mp4toannexb"),
    "filter": ("aformat", "aresample", "bwdif", "extractplanes", "format", "hflip", "pad", "scale", "select", "setfield", "setparams",
               "setpts", "setsar", "settb", "sidedata", "split", "transpose", "vflip"),
    "encoder": ("aac", "libx264", "libx265", "mjpeg", "rawvideo"),
    "muxer": ("framecrc", "mov", "mp4", "mpegts"),
    "protocol": ("pipe",),
}


def configuration() -> list[str]:
    """Options of FFmpeg's `configure`."""
    parts = [f"--enable-{kind}={','.join(names)}" for kind, names in PARTS.items()]
    without = ["autodetect", "avdevice", "debug", "doc", "everything", "ffplay", "ffprobe", "network"]
    return [
        "--enable-gpl", "--enable-version3", "--enable-libx264", "--enable-libx265", *(f"--disable-{each}" for each in without), *parts,
        "--pkg-config-flags=--static", "--extra-ldflags=-static",
    ]


def built(architecture: str, scratch: Path) -> bytes:
    """The program; exits where this machine cannot build it."""
    machine, debian, folder = MACHINES[architecture]
    if platform.machine() not in (machine, architecture):
        sys.exit(f"the small ffmpeg for {architecture} is built on a machine of {machine}; this one is of {platform.machine()}")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        sys.exit(f"the small ffmpeg needs {', '.join(missing)}: apt-get install build-essential nasm pkg-config xz-utils")
    archive, libraries = downloaded(scratch / "apt", debian)
    root, source = scratch / "root", scratch / "ffmpeg"
    source.mkdir()
    run(["tar", "--extract", "--strip-components=1", "--file", archive], source)
    for library in libraries:
        run(["dpkg-deb", "--extract", library, root], scratch)
    return compiled(source, root, f"usr/lib/{folder}/pkgconfig")


def downloaded(scratch: Path, debian: str) -> tuple[Path, list[Path]]:
    """FFmpeg's source and the libraries, from the mirror that this machine's apt is set up with."""
    told = "$(ORIGIN) $(LABEL) $(REPO_URI)"
    targets = said(["apt-get", "indextargets", "--format", told, "Created-By: Packages"])
    mirrors = [line.split()[2] for line in targets.splitlines() if line.startswith("Debian Debian ")]
    if not mirrors:
        sys.exit("apt knows no mirror of Debian: see sources.list(5), then apt-get update")
    for folder in ("lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    lists = scratch / "sources.list"
    suites = (("deb-src", SOURCE_SUITE), ("deb", LIBRARY_SUITE))
    lists.write_text("".join(f"{kind} [signed-by={KEYRING}] {mirrors[0]} {suite} main\n" for kind, suite in suites))
    settings = {"Etc::SourceList": lists, "Etc::SourceParts": "-", "State::Lists": scratch / "lists", "Cache": scratch / "cache"}
    # The user that apt would become cannot reach this folder.
    options = ["--option=APT::Sandbox::User=root", *(f"--option=Dir::{name}={value}" for name, value in settings.items())]
    run(["apt-get", "--quiet=2", *options, "update"], scratch)
    run(["apt-get", "--quiet=2", *options, "source", "--download-only", "--tar-only", f"{FFMPEG.name}={FFMPEG.version}"], scratch)
    wanted = LIBRARIES[debian]
    run(["apt-get", "--quiet=2", *options, "download", *(f"{each.name}={each.version}" for each in wanted)], scratch)
    libraries = [checked(next(scratch.glob(f"{each.name}_*.deb")), each.sha256) for each in wanted]
    return checked(scratch / ARCHIVE, FFMPEG.sha256), libraries


def checked(archive: Path, sha256: str) -> Path:
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != sha256:
        sys.exit(f"{archive.name} has the SHA-256 {found}, not {sha256}")
    return archive


def compiled(source: Path, root: Path, descriptions: str) -> bytes:
    """FFmpeg, linked to the libraries below `root`; `descriptions` are those of pkg-config."""
    for description in (root / descriptions).glob("*.pc"):
        text = description.read_text().replace("/usr", f"{root}/usr")
        # The compiler's own library has another name where it is static.
        description.write_text(text.replace("-lgcc_s", "-lgcc_eh"))
    found = {"PKG_CONFIG_LIBDIR": str(root / descriptions)}
    # No path of this machine gets into the program.
    flags = f"--extra-cflags=-ffile-prefix-map={source}=."
    run(["./configure", *configuration(), flags], source, found)
    run(["make", f"-j{os.environ.get('JOBS') or os.cpu_count()}", "ffmpeg"], source)
    run(["strip", "ffmpeg"], source)
    return (source / "ffmpeg").read_bytes()


def system_libraries() -> list[tuple[str, str]]:
    """Packages of this machine whose static libraries are in the program, with their versions; without dpkg, none is known."""
    found = {}
    for library in ("libc.a", "libstdc++.a"):
        path = os.path.realpath(said(["gcc", f"-print-file-name={library}"]))
        owner = said(["dpkg", "--search", path]).partition(":")[0]
        if owner:
            found[owner] = said(["dpkg-query", "--show", "--showformat=${Version}", owner])
    return sorted(found.items())


def said(command: list[str]) -> str:
    """What a command prints; nothing if it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def run(command: list[str | Path], folder: Path, environment: dict[str, str] | None = None) -> None:
    """Exits with the end of what a command that failed has printed."""
    fixed = {**os.environ, "LC_ALL": "C", "SOURCE_DATE_EPOCH": "315532800", **(environment or {})}
    done = subprocess.run(command, cwd=folder, env=fixed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command[:3]))} ended with {done.returncode}: {done.stdout[-3000:]}")
