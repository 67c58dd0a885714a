"""The version before this one, built; and either of them, deployed."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from e2e.stack import LAUNCHER, ROOT

CACHE = ROOT / ".cache" / "previous"
TEMPLATE = Path("infra/sam/template.yaml")
# A worker that died is missed after seconds, not a minute.
TIMES = {"LEASE_MS": 6000, "RENEW_MS": 2000, "RESEND_MS": 2000}


class Version(NamedTuple):
    """Functions and the template that they were written for; without `binaries` they are built."""

    name: str
    template: Path
    binaries: Path | None


def present() -> Version:
    """What is checked out here; `STACK_BIN_DIR` has its binaries, if given."""
    given = os.environ.get("STACK_BIN_DIR")
    return Version("present", ROOT / TEMPLATE, Path(given) if given else None)


def previous_reference() -> str | None:
    """`PREVIOUS`, or the newest tag before this commit."""
    if given := os.environ.get("PREVIOUS"):
        return given
    tags = _git("tag", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-creatordate").split()
    return tags[0] if tags else None


def previous(reference: str) -> Version:
    """A version by its tag or commit, built once."""
    commit = _git("rev-parse", "--verify", f"{reference}^{{commit}}").strip()
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
    target = ROOT / "target" / "previous"
    crates = sorted(path.parent.name for path in source.glob("functions/*/Cargo.toml"))
    packages = [argument for crate in crates for argument in ("--package", crate, "--bin", crate)]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    subprocess.run(["cargo", "build", "--locked", *packages], cwd=source, check=True, env=environment)
    for crate in crates:
        shutil.copy2(target / "debug" / crate, made)
    shutil.copy2(source / TEMPLATE, made)


def deploy(version: Version, name: str) -> Path:
    """Deploy a version, into the running stack of that name if there is one; returns its env file."""
    command = [sys.executable, str(LAUNCHER), "up", "--name", name, "--enforce-iam"]
    command += ["--template", str(version.template)]
    command += ["--bin-dir", str(version.binaries)] if version.binaries else []
    command += [argument for key, value in TIMES.items() for argument in ("--function-env", f"{key}={value}")]
    # The local stack keeps the zips of one version only.
    zips = {"LOCAL_CODE_DIR": str(CACHE / "code" / version.name)}
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **zips})
    return ROOT / ".local" / name / "env"


def down(name: str) -> None:
    subprocess.run([sys.executable, str(LAUNCHER), "down", "--name", name], check=True, cwd=ROOT)


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout
