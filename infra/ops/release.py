#!/usr/bin/env python3
"""Puts a version together that deploys without a compiler; `make release` calls it, and `make build` for the commit.

  release.py version       print the version
  release.py commit        print the commit of this checkout or source archive
  release.py begin         empty dist/, or say why this version cannot be released
  release.py pack ARCH     put what was built for a processor into dist/media-export-VERSION-ARCH.tar.gz
  release.py finish        put the command line, the construct, the API's document and the rest into dist/, then the checksums

The same files give the same bytes: archives have fixed times, owners and order.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# By the names of their files: Lambda's words, and those of Linux.
ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
NAME = "media-export"
# What an unpacked release says of itself.
MARK = "release.json"
CHECKSUMS = "SHA256SUMS"
TEMPLATE = "infra/sam/template.yaml"
# Digits of a commit's name, and the time of everything in an archive: 1980-01-01, the first that a zip can say.
DIGITS, EPOCH = 12, 315532800
# The program in a zip, and where an ELF file names its processor.
PROGRAMS, MACHINES = {"bootstrap", "bin/ffmpeg"}, {183: "arm64", 62: "x86_64"}
Files = dict[str, tuple[bytes, int]]


class ReleaseError(Exception):
    """Why there is no release, a line for each reason."""


@dataclass(frozen=True)
class Release:
    """A release that was unpacked: a checkout of its commit in which everything is built."""

    folder: Path
    version: str
    commit: str
    architecture: str

    @property
    def template(self) -> Path:
        """The template, whose paths lead to the zips of the release, and which takes their processor only."""
        return self.folder / TEMPLATE

    def __str__(self) -> str:
        return f"release {self.version} ({self.commit}) for {self.architecture}"


def version(root: Path = ROOT) -> str:
    """The version that the workspace states."""
    return re.search(r'(?m)^version = "(.+)"$', (root / "Cargo.toml").read_text(encoding="utf-8"))[1]


def commit(root: Path = ROOT) -> str:
    """The first digits of the commit, with `-dirty` if files that git knows have changed; "" if nothing tells it. In an archive of
    the sources git has put it into `commit.txt`."""
    told = (root / "infra" / "ops" / "commit.txt").read_text(encoding="utf-8").strip()
    if re.fullmatch("[0-9a-f]{40}", told):
        return told[:DIGITS]
    # No other repository that the folder may lie in.
    if not (root / ".git").exists():
        return ""
    described = ["git", "-C", str(root), "describe", "--always", "--dirty", f"--abbrev={DIGITS}", "--exclude=*"]
    try:
        done = subprocess.run(described, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    found = done.stdout.strip()
    return found if re.fullmatch(rf"[0-9a-f]{{{DIGITS},}}(-dirty)?", found) else ""


def changes_of(number: str, changelog: str) -> str:
    """The section of the changelog about a version, with its heading."""
    found = re.search(rf"(?ms)^## {re.escape(number)} - \d{{4}}-\d\d-\d\d\n.*?(?=^## |\Z)", changelog)
    if not found:
        raise ReleaseError(f"infra/CHANGELOG.md has no section `## {number} - YYYY-MM-DD`")
    return found[0].rstrip() + "\n"


def built_for(template: str, arch: str) -> str:
    """A template whose Architecture is the one that its code is built for, and no other."""
    block = re.compile(r"(?m)^  Architecture:\n(?:    .*\n)+")
    found = block.search(template)
    if not found:
        raise ReleaseError("the template has no parameter Architecture")
    parameter = f"  Architecture:\n    Type: String\n    Default: {arch}\n    AllowedValues:\n    - {arch}\n" \
        "    Description: Processor that code and layer were built for.\n"
    return template[:found.start()] + parameter + template[found.end():]


def archive(files: Files, folder: str) -> bytes:
    """A `.tar.gz` of name -> (content, mode) in one folder."""
    packed = io.BytesIO()
    with (gzip.GzipFile("", "wb", compresslevel=6, fileobj=packed, mtime=0) as stream,
          tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar):
        for name, (content, mode) in sorted(files.items()):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode, entry.mtime = len(content), mode, EPOCH
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def folder_of(root: Path, at: str, mode: int = 0o644) -> Files:
    """All files below a folder of the checkout; none if there is no such folder."""
    found = (path for path in (root / at).rglob("*") if path.is_file())
    return {str(path.relative_to(root / at)): (path.read_bytes(), mode) for path in found}


def sources(root: Path) -> Files:
    """The files of the commit, as git gives them away."""
    done = subprocess.run(["git", "-C", str(root), "archive", "--format=tar", "HEAD"], capture_output=True, check=False)
    if done.returncode:
        raise ReleaseError(f"git archive: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        return {each.name: (tar.extractfile(each).read(), 0o755 if each.mode & 0o100 else 0o644) for each in tar if each.isfile()}


def built(root: Path, arch: str) -> Files:
    """What the template's paths lead to, and the bills of what is in there."""
    template = (root / TEMPLATE).read_text(encoding="utf-8")
    paths = sorted({*re.findall(r"(?:CodeUri|ContentUri): \.\./\.\./(target/\S+\.zip)", template)})
    missing = [path for path in paths if not (root / path).is_file()]
    if missing:
        raise ReleaseError(f"missing: {', '.join(missing)}; `make build layer ARCH={arch}` makes them")
    # In a checkout the zips for one processor replace those for the other.
    foreign = [path for path in paths if processor(root / path) != arch]
    if foreign:
        raise ReleaseError(f"not for {arch}: {', '.join(foreign)}; `make build layer ARCH={arch}` makes them")
    listed = [f"{Path(path).parent}/sbom.cdx.json" for path in paths if "lambda" in path]
    return {path: ((root / path).read_bytes(), 0o644) for path in [*paths, *listed]}


def processor(packed: Path) -> str:
    """The processor of the program in a zip, by its ELF header; "" if it has none."""
    with zipfile.ZipFile(packed) as held:
        (program,) = PROGRAMS & set(held.namelist()) or {""}
        header = held.open(program).read(20) if program else b""
    return MACHINES.get(int.from_bytes(header[18:20], "little"), "") if header[:4] == b"\x7fELF" else ""


def pack(root: Path, dist: Path, arch: str) -> Path:
    """Write the archive that deploys: the commit's files with what was built from them, laid out as a checkout is."""
    files = sources(root)
    template = built_for(files[TEMPLATE][0].decode(), arch)
    mark = {"version": version(root), "commit": commit(root), "architecture": arch}
    console = {f"target/console/{name}": file for name, file in folder_of(root, "target/console").items()}
    files |= built(root, arch) | console | {TEMPLATE: (template.encode(), 0o644), MARK: (json.dumps(mark, indent=1).encode() + b"\n", 0o644)}
    name = f"{NAME}-{mark['version']}-{arch}"
    return written(dist / f"{name}.tar.gz", archive(files, name))


def written(path: Path, content: bytes) -> Path:
    """Write a file of the release and say so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    print(f"{path.name}: {len(content) / 1e6:.1f} MB", flush=True)
    return path


def command_line(root: Path, arch: str) -> Files:
    """mex for a processor, with its pages and completions, which are the same for each."""
    program = root / "target" / "cli" / arch / "mex"
    completions = {path.name: (path.read_bytes(), 0o644) for path in (root / "target" / "cli").glob("mex.*")}
    pages = {f"man/{name}": file for name, file in folder_of(root, "target/cli/man").items()}
    if not (program.is_file() and completions and pages):
        raise ReleaseError(f"mex for {arch} or its pages are missing; `make release` makes them")
    bill = program.with_name("sbom.cdx.json").read_bytes()
    more: Files = {"LICENSE": ((root / "LICENSE").read_bytes(), 0o644), "README.md": ((root / "infra/cli/README.md").read_bytes(), 0o644),
                   "sbom.cdx.json": (bill, 0o644)}
    return {"mex": (program.read_bytes(), 0o755)} | completions | pages | more


def construct(root: Path) -> bytes:
    """The package of the CDK construct, which takes an unpacked release as its checkout."""
    with tempfile.TemporaryDirectory() as folder:
        packing = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder]
        subprocess.run(packing, cwd=root / "infra" / "cdk", check=True, capture_output=True)
        return next(Path(folder).glob("*.tgz")).read_bytes()


def bills(dist: Path) -> Files:
    """The bills of materials of all programs in the archives, by archive."""
    found: Files = {}
    for packed in sorted(dist.glob("*.tar.gz")):
        of = packed.name.removesuffix(".tar.gz")
        with tarfile.open(packed) as tar:
            for each in tar:
                folder, _, name = each.name.rpartition("/")
                if name == "sbom.cdx.json":
                    program = "mex" if folder == of else Path(folder).name
                    found[f"{of}/{program}.cdx.json"] = (tar.extractfile(each).read(), 0o644)
                elif name == "ffmpeg.zip":
                    with zipfile.ZipFile(io.BytesIO(tar.extractfile(each).read())) as layer:
                        found[f"{of}/ffmpeg.cdx.json"] = (layer.read("licenses/ffmpeg/sbom.cdx.json"), 0o644)
    return found


def finish(root: Path, dist: Path, packed: Callable[[Path], bytes] = construct) -> None:
    """Write everything that is not a processor's own, then the checksums of all."""
    number = version(root)
    for arch, linux in ARCHITECTURES.items():
        name = f"mex-{number}-{linux}-linux"
        written(dist / f"{name}.tar.gz", archive(command_line(root, arch), name))
    written(dist / f"{NAME}-{number}-sbom.tar.gz", archive(bills(dist), f"{NAME}-{number}-sbom"))
    if console := folder_of(root, "target/console"):
        written(dist / f"{NAME}-{number}-console.tar.gz", archive(console, f"{NAME}-{number}-console"))
    written(dist / f"{NAME}-cdk-{number}.tgz", packed(root))
    written(dist / "export.v1.json", (root / "infra/openapi/export.v1.json").read_bytes())
    changelog = (root / "infra/CHANGELOG.md").read_text(encoding="utf-8")
    written(dist / "CHANGES.md", changes_of(number, changelog).encode())
    paths = sorted(path for path in dist.iterdir() if path.name != CHECKSUMS)
    written(dist / CHECKSUMS, "".join(f"{checksum(path)}  {path.name}\n" for path in paths).encode())


def begin(root: Path, dist: Path) -> None:
    """Start with an empty folder, and only from a commit whose version has its section in the changelog."""
    changes_of(version(root), (root / "infra/CHANGELOG.md").read_text(encoding="utf-8"))
    origin = commit(root)
    if not origin:
        raise ReleaseError("there is no commit to release: this is no checkout of git")
    if origin.endswith("-dirty"):
        print(f"warning: files have changed since {origin.removesuffix('-dirty')}; this is a trial, no release", file=sys.stderr)
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    print(f"{version(root)} ({origin})", flush=True)


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def opened(place: Path, arch: str | None, cache: Path) -> Release:
    """A release by its archive, by the folder that archives are in, or by an unpacked one; an archive is held to the checksums beside it
    and unpacked in `cache`."""
    if (place / MARK).is_file():
        return of_folder(place.resolve(), arch)
    packed = place
    if place.is_dir():
        found = sorted(place.glob(f"{NAME}-*-{arch or 'arm64'}.tar.gz"))
        if len(found) != 1:
            raise ReleaseError(f"RELEASE: {place} has {len(found)} archives of {NAME} for {arch or 'arm64'}; name the one that is meant")
        packed = found[0]
    if not packed.is_file():
        raise ReleaseError(f"RELEASE: there is no {packed}")
    return of_folder(unpacked(packed, cache), arch)


def unpacked(packed: Path, cache: Path) -> Path:
    """The folder of an archive, which is unpacked once."""
    digest = checksum(packed)
    verify(packed, digest)
    at = cache / digest[:16]
    if not at.exists():
        scratch = at.with_suffix(f".{os.getpid()}")
        try:
            with tarfile.open(packed) as tar:
                tar.extractall(scratch, filter="data")
        except (tarfile.TarError, EOFError, OSError) as error:
            shutil.rmtree(scratch, ignore_errors=True)
            raise ReleaseError(f"RELEASE: {packed} cannot be unpacked: {error}") from error
        scratch.rename(at)
    folders = [path for path in at.iterdir() if (path / MARK).is_file()]
    if len(folders) != 1:
        raise ReleaseError(f"RELEASE: {packed} is no release of {NAME}: it has no {MARK}")
    return folders[0]


def verify(packed: Path, digest: str) -> None:
    """Hold an archive to the checksums beside it, if there are any."""
    beside = packed.with_name(CHECKSUMS)
    if not beside.is_file():
        print(f"warning: no {CHECKSUMS} beside {packed.name}: it is not verified", file=sys.stderr)
        return
    sums = dict(reversed(line.split(maxsplit=1)) for line in beside.read_text(encoding="utf-8").splitlines() if line)
    if sums.get(packed.name) != digest:
        raise ReleaseError(f"RELEASE: {packed} has not the checksum of {beside}: download it again")


def of_folder(folder: Path, arch: str | None) -> Release:
    """The release in a folder."""
    told = json.loads((folder / MARK).read_text(encoding="utf-8"))
    release = Release(folder, told["version"], told["commit"], told["architecture"])
    if arch and arch != release.architecture:
        raise ReleaseError(f"RELEASE: {folder.name} is for {release.architecture}, but ARCH={arch} is asked for")
    return release


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["version", "commit", "begin", "pack", "finish"])
    parser.add_argument("arch", nargs="?", choices=ARCHITECTURES)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    if (options.command == "pack") != bool(options.arch):
        parser.error("pack, and it alone, wants a processor")
    return options


def main() -> None:
    options = arguments()
    try:
        if options.command in ("version", "commit"):
            print({"version": version, "commit": commit}[options.command]())
        elif options.command == "pack":
            pack(ROOT, options.dist, options.arch)
        else:
            {"begin": begin, "finish": finish}[options.command](ROOT, options.dist)
    except ReleaseError as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


if __name__ == "__main__":
    os.umask(0o022)
    main()
