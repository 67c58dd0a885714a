"""Zips of the functions."""

import os
import zipfile

import pytest

import bundles
from instance import StackError


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


def test_a_changed_binary_replaces_its_old_zip(code, binaries, tmp_path):
    changing = tmp_path / "bin"
    changing.mkdir()
    for crate in bundles.CRATES:
        (changing / crate).write_bytes((binaries / crate).read_bytes())
    before = bundles.bundle(changing)
    (changing / "status-poll").write_text("changed")
    after = bundles.bundle(changing)
    assert {crate for crate in bundles.CRATES if before[crate] != after[crate]} == {"status-poll"}
    assert {path for path in code.glob("*.zip")} == set(after.values())


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        bundles.write_zip(tmp_path / name, {"bootstrap": (b"x" * 1000, 0o755)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_missing_binary_is_named(code, tmp_path):
    with pytest.raises(StackError, match="data-export-worker does not exist"):
        bundles.bundle(tmp_path)


def test_what_was_built_for_aws_is_zipped_to_the_same_bytes_whenever(binaries, tmp_path):
    zips = []
    for folder, age in (("one", 0), ("two", 10**9)):
        for crate in bundles.CRATES:
            bootstrap = tmp_path / folder / crate / "bootstrap"
            bootstrap.parent.mkdir(parents=True)
            bootstrap.write_bytes((binaries / crate).read_bytes())
            os.utime(bootstrap, (age, age))
        bundles.pack(tmp_path / folder)
        zips.append([(tmp_path / folder / crate / "bootstrap.zip").read_bytes() for crate in bundles.CRATES])
    assert zips[0] == zips[1]
