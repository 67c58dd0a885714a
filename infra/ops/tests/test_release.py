"""A release is put together from what was built, says what it is of, and is opened only if it is whole."""

import argparse
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import release  # noqa: E402
import rollout  # noqa: E402

ROOT = release.ROOT
COMMITTED = "infra/ops/commit.txt"
CHANGELOG = "# Changes\n\n## Unreleased\n\n## 1.2.3 - 2026-01-02\n\n- New.\n\n## 1.2.2 - 2026-01-01\n\n- Old.\n"
PROGRAM = "target/lambda/a-b/bootstrap.zip"
TEMPLATE = f"""Parameters:
  Architecture:
    Type: String
    AllowedValues: [arm64, x86_64]
  LogLevel: {{Type: String}}
Resources:
  One:
    CodeUri: ../../{PROGRAM}
  Layer:
    ContentUri: ../../target/layer/ffmpeg.zip
"""


def run(folder: Path, *command: str) -> None:
    told = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", str(folder), *told, *command], check=True, capture_output=True)


def zipped(path: Path, program: str, arch: str) -> None:
    """A zip with the head of a program for a processor."""
    machine = next(number for number, name in release.MACHINES.items() if name == arch)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(program, b"\x7fELF".ljust(18, b"\0") + machine.to_bytes(2, "little"))
        archive.writestr("licenses/ffmpeg/sbom.cdx.json", "{}")


def build(folder: Path, arch: str) -> None:
    """What `make build layer portable-cli` leaves."""
    zipped(folder / PROGRAM, "bootstrap", arch)
    zipped(folder / "target/layer/ffmpeg.zip", "bin/ffmpeg", arch)
    (folder / PROGRAM).with_name("sbom.cdx.json").write_text("{}")
    for name in ("mex", "sbom.cdx.json"):
        path = folder / "target/cli" / arch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{arch} {name}")


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout of version 1.2.3 in which nothing is built."""
    folder = tmp_path / "checkout"
    files = {
        "Cargo.toml": '[workspace.package]\nversion = "1.2.3"\n', "LICENSE": "yours", "infra/CHANGELOG.md": CHANGELOG, release.TEMPLATE: TEMPLATE,
        "infra/cli/README.md": "# mex\n", "infra/openapi/export.v1.json": "{}", COMMITTED: "$Format:%H$\n",
        "infra/ops/.gitattributes": "commit.txt export-subst\n", ".gitignore": "/target/\n/dist/\n", "tool.sh": "#!/bin/sh\n"}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "tool.sh").chmod(0o755)
    run(folder, "init")
    run(folder, "add", ".")
    run(folder, "commit", "-m", "first")
    return folder


def made(folder: Path, dist: Path) -> dict[str, bytes]:
    """A whole release, by the names of its files."""
    release.begin(folder, dist)
    for arch in release.ARCHITECTURES:
        build(folder, arch)
        release.pack(folder, dist, arch)
    (folder / "target/cli/man").mkdir(exist_ok=True)
    (folder / "target/cli/man/mex.1").write_text("page")
    (folder / "target/cli/mex.bash").write_text("completion")
    release.finish(folder, dist, lambda _: b"construct")
    return {path.name: path.read_bytes() for path in dist.iterdir()}


def test_a_release_is_whole_and_the_same_bytes_each_time(checkout, tmp_path):
    first = made(checkout, tmp_path / "dist")
    assert first.keys() == {
        "media-export-1.2.3-arm64.tar.gz", "media-export-1.2.3-x86_64.tar.gz", "mex-1.2.3-aarch64-linux.tar.gz", "mex-1.2.3-x86_64-linux.tar.gz",
        "media-export-1.2.3-sbom.tar.gz", "media-export-cdk-1.2.3.tgz", "export.v1.json", "CHANGES.md", "SHA256SUMS"}
    assert first["CHANGES.md"] == b"## 1.2.3 - 2026-01-02\n\n- New.\n"
    sums = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "dist", check=True, capture_output=True, text=True)
    assert sums.stdout.count(": OK") == len(first) - 1
    assert made(checkout, tmp_path / "dist") == first
    (checkout / "target/console").mkdir()
    (checkout / "target/console/index.html").write_text("console")
    assert made(checkout, tmp_path / "dist").keys() - first.keys() == {"media-export-1.2.3-console.tar.gz"}


def test_an_archive_is_a_checkout_in_which_everything_is_built_for_one_processor(checkout, tmp_path):
    made(checkout, tmp_path / "dist")
    found = release.opened(tmp_path / "dist", "x86_64", tmp_path / "cache")
    commit = release.commit(checkout)
    assert (found.version, found.commit, found.architecture) == ("1.2.3", commit, "x86_64") and str(found) == f"release 1.2.3 ({commit}) for x86_64"
    template = found.template.read_text()
    assert "    Default: x86_64\n    AllowedValues:\n    - x86_64\n" in template and "LogLevel" in template
    assert release.processor(found.template.parent / "../.." / PROGRAM) == "x86_64"
    assert (found.folder / "tool.sh").stat().st_mode & 0o111 and not (found.folder / "LICENSE").stat().st_mode & 0o111
    # Without git the sources still know their commit.
    assert (found.folder / COMMITTED).read_text().startswith(commit) and release.commit(found.folder) == commit
    assert release.opened(found.folder, None, tmp_path / "cache") == found
    with tarfile.open(tmp_path / "dist" / "media-export-1.2.3-sbom.tar.gz") as bills:
        names = {name.partition("/")[2] for name in bills.getnames()}
    assert {"media-export-1.2.3-arm64/a-b.cdx.json", "media-export-1.2.3-x86_64/ffmpeg.cdx.json", "mex-1.2.3-aarch64-linux/mex.cdx.json"} < names


def test_a_commit_is_told_by_git_or_by_the_archive_or_not_at_all(checkout, tmp_path):
    commit = release.commit(checkout)
    assert re.fullmatch("[0-9a-f]{12}", commit)
    (checkout / "LICENSE").write_text("mine")
    assert release.commit(checkout) == f"{commit}-dirty"
    (tmp_path / "plain" / COMMITTED).parent.mkdir(parents=True)
    (tmp_path / "plain" / COMMITTED).write_text("$Format:%H$\n")
    assert release.commit(tmp_path / "plain") == ""


def test_what_was_built_for_another_processor_or_not_at_all_is_no_part_of_a_release(checkout, tmp_path):
    with pytest.raises(release.ReleaseError, match=r"missing: target/lambda/a-b/bootstrap.zip, .*`make build layer ARCH=arm64`"):
        release.pack(checkout, tmp_path, "arm64")
    build(checkout, "x86_64")
    with pytest.raises(release.ReleaseError, match="not for arm64: target/lambda/a-b/bootstrap.zip, target/layer/ffmpeg.zip"):
        release.pack(checkout, tmp_path, "arm64")
    (checkout / "Cargo.toml").write_text('version = "1.2.4"\n')
    with pytest.raises(release.ReleaseError, match="no section `## 1.2.4 - "):
        release.begin(checkout, tmp_path / "dist")


def test_a_release_that_is_damaged_or_another_is_not_deployed(checkout, tmp_path):
    made(checkout, tmp_path / "dist")
    packed, cache = tmp_path / "dist" / "media-export-1.2.3-arm64.tar.gz", tmp_path / "cache"
    for place, arch, reason in [
        (packed, "x86_64", "is for arm64, but ARCH=x86_64 is asked for"),
        (tmp_path / "nowhere.tar.gz", None, "there is no "),
        (tmp_path, None, "has 0 archives of media-export for arm64"),
        (packed.with_name("mex-1.2.3-x86_64-linux.tar.gz"), None, "is no release of media-export"),
    ]:
        with pytest.raises(release.ReleaseError, match=reason):
            release.opened(place, arch, cache)
    packed.write_bytes(packed.read_bytes()[:-100])
    with pytest.raises(release.ReleaseError, match="has not the checksum of .*download it again"):
        release.opened(packed, None, cache)
    (tmp_path / "dist" / release.CHECKSUMS).unlink()
    with pytest.raises(release.ReleaseError, match="cannot be unpacked"):
        release.opened(packed, None, cache)


def test_a_deployment_takes_template_and_processor_of_the_release_and_looks_for_no_compiler(checkout, tmp_path, monkeypatch):
    made(checkout, tmp_path / "dist")
    monkeypatch.setattr(rollout, "ROOT", tmp_path)
    options = argparse.Namespace(release=tmp_path / "dist" / "media-export-1.2.3-x86_64.tar.gz", arch=None, run=rollout.apply)
    rollout.settle(options)
    assert options.arch == "x86_64" and "- x86_64" in options.template.read_text()
    options = argparse.Namespace(release=None, arch=None, template=Path("t"))
    rollout.settle(options)
    assert (options.arch, options.template) == ("arm64", Path("t"))


def stated() -> dict[str, str]:
    """The version, by each place that states it."""
    found = {"Cargo.toml": release.version()}
    for name in ("infra/cdk", "infra/apidocs", "infra/console"):
        for file in ("package.json", "package-lock.json"):
            if (path := ROOT / name / file).is_file():
                found[f"{name}/{file}"] = json.loads(path.read_text(encoding="utf-8"))["version"]
                if file == "package-lock.json":
                    found[f"{name}/{file} packages"] = json.loads(path.read_text(encoding="utf-8"))["packages"][""]["version"]
    found["the API's document"] = json.loads((ROOT / "infra/openapi/export.v1.json").read_text(encoding="utf-8"))["info"]["version"]
    changelog = (ROOT / "infra/CHANGELOG.md").read_text(encoding="utf-8")
    found["the changelog's newest section"] = re.findall(r"(?m)^## (\d\S*) - ", changelog)[0]
    for page in ("README.md", "infra/FIRST-DEPLOYMENT.md", "infra/cdk/README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        named = re.findall(r"(?:media-export-(?:cdk-)?|download v)(\d+\.\d+\.\d+)", text)
        found |= {f"{page} {n}": number for n, number in enumerate(named)}
    lock = (ROOT / "Cargo.lock").read_text(encoding="utf-8")
    # Crates of the workspace have no source.
    own = re.findall(r'(?m)^name = "(.+)"\nversion = "(.+)"\n(?!source)', lock)
    return found | {f"Cargo.lock {name}": number for name, number in own}


def test_every_place_states_the_same_version():
    found = stated()
    assert len(found) > 20 and set(found.values()) == {release.version()}, found


def test_a_tag_publishes_what_make_release_makes_and_attests_it():
    workflow = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    assert "tags: ['v*']" in workflow and "make release" in workflow and "subject-checksums: dist/SHA256SUMS" in workflow
    uses = re.findall(r"uses: (\S+)", workflow)
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each) for each in uses) and any("attest-build-provenance" in each for each in uses)
    # Who compiles may not publish, and who publishes runs no code of the checkout.
    compiling, publishing = workflow.split("\n  publish:\n")
    assert "write" not in compiling.partition("\njobs:")[2] and "make " not in publishing and "actions/checkout" not in publishing
