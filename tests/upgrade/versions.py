"""The version before this one, built; and either of them, deployed."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from e2e.stack import LAUNCHER, ROOT

CACHE = ROOT / ".cache" / "previous"
TEMPLATE = Path("infra/sam/template.yaml")
# What a deployment changes.
CODE = (":(glob)functions/*/src/**", ":(glob)shared/*/src/**", "Cargo.lock")
# A worker that died is missed after seconds, not a minute.
TIMES = {"LEASE_MS": 6000, "RENEW_MS": 2000, "RESEND_MS": 2000}


class Version(NamedTuple):
    """Functions and the template that they were written for."""

    name: str
    template: Path
    binaries: Path


class NoVersionError(Exception):
    """There is no version before this one."""


@cache
def present() -> Version:
    """What is checked out here, or `STACK_BIN_DIR` has; built beforehand, so that no deployment waits for that."""
    given = os.environ.get("STACK_BIN_DIR")
    binaries = Path(given) if given else compiled(ROOT, Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")))
    return Version("present", ROOT / TEMPLATE, binaries)


def previous_reference(root: Path = ROOT) -> str:
    """`PREVIOUS`; else the newest tag before this commit; else the commit before the newest change of the functions."""
    if given := os.environ.get("PREVIOUS"):
        return given
    tags = git(root, "tag", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-creatordate").split()
    if tags:
        return tags[0]
    change = git(root, "rev-list", "--first-parent", "--max-count=1", "HEAD", "--", *CODE).strip()
    try:
        return git(root, "rev-parse", "--verify", "--quiet", f"{change}^1").strip()
    except subprocess.CalledProcessError as error:
        words = "no tag and no earlier commit to upgrade from: fetch the history, or set PREVIOUS"
        raise NoVersionError(words) from error


def previous(reference: str) -> Version:
    """A version by its tag or commit, built once."""
    commit = git(ROOT, "rev-parse", "--verify", f"{reference}^{{commit}}").strip()
    folder = CACHE / commit
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".building-") as work:
            _build(commit, Path(work, "source"), Path(work, "made"))
            Path(work, "made").rename(folder)
    return Version(reference, folder / "template.yaml", folder)


def _build(commit: str, source: Path, made: Path) -> None:
    made.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryFile() as file:
        file.write(archive)
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            tar.extractall(source, filter="data")
    binaries = compiled(source, ROOT / "target" / "previous")
    for crate in functions(source):
        shutil.copy2(binaries / crate, made)
    shutil.copy2(source / TEMPLATE, made)


def compiled(source: Path, target: Path) -> Path:
    """Compile a checkout's functions; returns the folder of the binaries."""
    packages = [argument for crate in functions(source) for argument in ("--package", crate, "--bin", crate)]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    subprocess.run(["cargo", "build", "--locked", *packages], cwd=source, check=True, env=environment)
    return target / "debug"


def functions(source: Path) -> list[str]:
    """The crates of a checkout's functions."""
    return sorted(path.parent.name for path in source.glob("functions/*/Cargo.toml"))


def deploy(version: Version, name: str) -> Path:
    """Deploy a version, into the running stack of that name if there is one; returns its env file."""
    command = [sys.executable, str(LAUNCHER), "up", "--name", name, "--enforce-iam"]
    command += ["--template", str(version.template), "--bin-dir", str(version.binaries)]
    command += [argument for key, value in TIMES.items() for argument in ("--function-env", f"{key}={value}")]
    # The local stack keeps the zips of one version only.
    zips = {"LOCAL_CODE_DIR": str(CACHE / "code" / version.name)}
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **zips})
    return ROOT / ".local" / name / "env"


def down(name: str) -> None:
    subprocess.run([sys.executable, str(LAUNCHER), "down", "--name", name], check=True, cwd=ROOT)


def git(root: Path, *arguments: str) -> str:
    """What git says of a checkout."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout
