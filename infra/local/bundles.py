"""Build the functions and zip each as Lambda wants it: one executable named `bootstrap`."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from instance import ROOT, STATE, StackError

CRATES = (
    "data-export-worker", "event-export", "export-batch", "job-sweeper", "media-export-submit", "media-export-worker",
    "media-read", "recordings", "replay-export", "status-poll",
)
COMMAND_LINE = "mex"
TEMPLATE = ROOT / "infra" / "sam" / "template.yaml"
# What a package for AWS holds.
PACKAGE = {"bootstrap": 0o755, "sbom.cdx.json": 0o644}
# Where an ELF file names its processor.
MACHINES = {"arm64": 183, "x86_64": 62}
CODE = Path(os.environ.get("LOCAL_CODE_DIR", STATE / "code"))
# Seconds after which the package of another build goes.
KEPT_S = 3600


def build(release: bool) -> Path:
    """Compile the functions and the command line with cargo and return the folder of the binaries."""
    command = ["cargo", "build", *(["--release"] if release else []), "--package", "export-cli", "--bin", COMMAND_LINE]
    for crate in CRATES:
        command += ["--package", crate, "--bin", crate]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise StackError("cargo could not build the functions and the command line (see above)")
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version=1"], cwd=ROOT, check=True, capture_output=True)
    return Path(json.loads(metadata.stdout)["target_directory"]) / ("release" if release else "debug")


def bundle(binaries: Path, template: Path = TEMPLATE) -> dict[str, Path]:
    """Zip the binaries of `binaries` that the template names, those that changed, and return the zip of each crate."""
    crates = sorted({*re.findall(r"target/lambda/([a-z-]+)/bootstrap\.zip", template.read_text(encoding="utf-8"))})
    CODE.mkdir(parents=True, exist_ok=True)
    with open(CODE / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return {crate: _bundle_one(crate, binaries / crate) for crate in crates}


def _bundle_one(crate: str, binary: Path) -> Path:
    if not binary.is_file():
        raise StackError(f"{binary} does not exist: build it first, or leave out --bin-dir")
    stat = binary.stat()
    # The name carries what it was made from: a changed binary gets a new zip, an old zip in use is never rewritten.
    target = CODE / f"{crate}-{stat.st_mtime_ns:x}-{stat.st_size:x}-{stat.st_ino:x}.zip"
    if target.exists():
        return target
    scratch = CODE / f".{crate}.{os.getpid()}"
    shutil.copyfile(binary, scratch)
    _strip(scratch)
    write_zip(scratch.with_suffix(".zip"), {"bootstrap": (scratch.read_bytes(), 0o755)}, level=1)
    scratch.unlink()
    for old in CODE.glob(f"{crate}-*-*-*.zip"):
        if time.time() - old.stat().st_mtime > KEPT_S:  # Another stack may be coming up with a younger one.
            old.unlink(missing_ok=True)
    scratch.with_suffix(".zip").rename(target)
    return target


def _strip(path: Path) -> None:
    """Drop debug information: Lambda takes 250 MB at most. Panics still name file and line."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return
    if strip := shutil.which("strip"):
        subprocess.run([strip, "--strip-debug", str(path)], check=True)


def write_zip(path: Path, files: dict[str, tuple[bytes, int]], level: int = 9) -> None:
    """Write name -> (content, mode); the same content always gives the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, (content, mode) in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100000 | mode) << 16
            entry.create_system = 3
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=level)


def pack(folder: Path, arch: str) -> None:
    """Zip each function that `cargo lambda build` left in a folder of its own, with the list of what it is made of; cargo
    lambda's own zips carry the time of the build. Lambda would fail each call of code for another processor."""
    for crate in CRATES:
        with open(folder / crate / "bootstrap", "rb") as file:
            header = file.read(20)
        if header[:4] != b"\x7fELF" or int.from_bytes(header[18:20], "little") != MACHINES[arch]:
            raise StackError(f"{folder / crate / 'bootstrap'} is no program for {arch}")
        files = {name: ((folder / crate / name).read_bytes(), mode) for name, mode in PACKAGE.items()}
        write_zip(folder / crate / "bootstrap.zip", files)


if __name__ == "__main__":
    try:
        pack(Path(sys.argv[1]), sys.argv[2])
    except StackError as error:
        sys.exit(f"error: {error}")
