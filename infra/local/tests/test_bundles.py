"""Zips of the functions."""

import json
import os
import re
import subprocess
import zipfile

import pytest
from samtranslator.yaml_helper import yaml_parse

import bundles
from deploy import TEMPLATE
from instance import ROOT, StackError


@pytest.fixture
def code(tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "CODE", tmp_path / "code")
    return tmp_path / "code"


def test_a_zip_is_one_executable_and_is_made_once(code, binaries):
    first = bundles.bundle(binaries)
    assert set(first) == set(bundles.CRATES)
    made = {path: path.stat().st_mtime_ns for path in first.values()}
    with zipfile.ZipFile(first["status-poll"]) as archive:
        [entry] = archive.infolist()
        assert (entry.filename, entry.external_attr >> 16) == ("bootstrap", 0o100755)
        assert archive.read(entry) == (binaries / "status-poll").read_bytes()
    again = bundles.bundle(binaries)
    assert {path: path.stat().st_mtime_ns for path in again.values()} == made


def test_a_changed_binary_has_a_zip_of_its_own_and_old_ones_go(code, binaries, tmp_path):
    changing = tmp_path / "bin"
    changing.mkdir()
    for crate in bundles.CRATES:
        (changing / crate).write_bytes((binaries / crate).read_bytes())
    before = bundles.bundle(changing)
    (changing / "status-poll").write_text("changed")
    after = bundles.bundle(changing)
    assert {crate for crate in bundles.CRATES if before[crate] != after[crate]} == {"status-poll"}
    assert set(code.glob("*.zip")) == {*before.values(), *after.values()}, "another stack may need the younger one"
    os.utime(after["status-poll"], (0, 0))
    (changing / "status-poll").write_text("changed again")
    latest = bundles.bundle(changing)
    assert set(code.glob("*.zip")) == {*before.values(), *latest.values()}


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        bundles.write_zip(tmp_path / name, {"bootstrap": (b"x" * 1000, 0o755)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_template_of_an_earlier_version_gets_the_functions_that_it_names(code, binaries, tmp_path):
    earlier = tmp_path / "template.yaml"
    earlier.write_text("CodeUri: ../../target/lambda/status-poll/bootstrap.zip\n")
    assert bundles.bundle(binaries, earlier).keys() == {"status-poll"}


def test_a_missing_binary_is_named(code, tmp_path):
    with pytest.raises(StackError, match="data-export-worker does not exist"):
        bundles.bundle(tmp_path)


def program(arch: str) -> bytes:
    """The head of a program for a processor."""
    return b"\x7fELF".ljust(18, b"\0") + bundles.MACHINES[arch].to_bytes(2, "little")


def test_make_builds_for_the_templates_processor_and_the_nightly_build_is_a_cross_build():
    """GitHub's runners are x86_64."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (built,) = re.findall(r"(?m)^ARCH \?= (\w+)$", makefile)
    assert built == yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Parameters"]["Architecture"]["Default"] == "arm64"
    assert "infra/local/bundles.py target/lambda $(ARCH)" in makefile
    nightly = (ROOT / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8")
    assert re.search(r"proof: \[.*\bbuild, layer\b", nightly) and "runs-on: ubuntu-24.04\n" in nightly


@pytest.mark.parametrize("content", [program("x86_64"), b"#!/bin/sh\n", b""])
def test_a_program_for_another_processor_than_the_templates_is_not_zipped(content, tmp_path):
    for crate in bundles.CRATES:
        (tmp_path / crate).mkdir()
        (tmp_path / crate / "bootstrap").write_bytes(content)
    with pytest.raises(StackError, match="bootstrap is no program for arm64"):
        bundles.pack(tmp_path, "arm64")


def test_what_was_built_for_aws_is_zipped_to_the_same_bytes_whenever(tmp_path):
    zips = []
    for folder, age in (("one", 0), ("two", 10**9)):
        for crate in bundles.CRATES:
            bootstrap = tmp_path / folder / crate / "bootstrap"
            bootstrap.parent.mkdir(parents=True)
            bootstrap.write_bytes(program("arm64"))
            bootstrap.with_name("sbom.cdx.json").write_text(crate)
            os.utime(bootstrap, (age, age))
        bundles.pack(tmp_path / folder, "arm64")
        zips.append([(tmp_path / folder / crate / "bootstrap.zip").read_bytes() for crate in bundles.CRATES])
    assert zips[0] == zips[1]
    with zipfile.ZipFile(tmp_path / "one" / "status-poll" / "bootstrap.zip") as archive:
        assert {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()} == {
            "bootstrap": 0o100755, "sbom.cdx.json": 0o100644,
        }
        assert archive.read("sbom.cdx.json") == b"status-poll"


def bills() -> dict[str, bytes]:
    """What `make sbom` writes, by function."""
    subprocess.run(["make", "sbom"], cwd=ROOT, check=True, capture_output=True, timeout=600)
    return {path.parent.name: path.read_bytes() for path in ROOT.glob("target/lambda/*/sbom.cdx.json")}


def crates_of(function: str) -> set[tuple[str, str]]:
    """Name and version of every crate in it, as cargo resolves them for AWS."""
    command = ["cargo", "tree", "--locked", "--package", function, "--edges", "normal", "--prefix", "none", "--no-dedupe",
               "--target", "aarch64-unknown-linux-gnu"]
    tree = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, tree.splitlines())}


def test_a_functions_bill_names_every_crate_in_it_and_nothing_of_this_machine():
    first = bills()
    assert first.keys() == set(bundles.CRATES)
    for function, bill in first.items():
        parsed = json.loads(bill)
        named = {(each["name"], each["version"]) for each in [*parsed["components"], parsed["metadata"]["component"]]}
        assert len(named) > 100 and crates_of(function) - named == set(), function
        assert str(ROOT).encode() not in bill
    assert bills() == first
