"""The layer's binary is the pinned one, or there is no layer."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import build  # noqa: E402
import news  # noqa: E402
import small  # noqa: E402

LOCK = (build.ROOT / "infra" / "local" / "requirements.txt").read_text(encoding="utf-8")


def test_a_wheel_with_another_checksum_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    forged = re.sub("sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, build.pinned(LOCK))
    with pytest.raises(subprocess.CalledProcessError):
        build.download(forged, "x86_64", tmp_path)
    assert not list(tmp_path.glob("*.whl"))


def test_the_layer_names_the_checksum_of_its_program_and_what_is_linked_into_it(tmp_path: Path) -> None:
    files = build.contents(build.download(build.pinned(LOCK), "x86_64", tmp_path), "x86_64")
    bill = json.loads(files["licenses/ffmpeg/sbom.cdx.json"][0])
    program, wheel, *linked = bill["components"]
    assert program["hashes"][0]["content"] == build.hashlib.sha256(files["bin/ffmpeg"][0]).hexdigest()
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", program["version"])
    assert f"sha256:{wheel['hashes'][0]['content']}" in LOCK
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_bytes(files["bin/ffmpeg"][0])
    ffmpeg.chmod(0o755)
    configured = subprocess.run([ffmpeg, "-buildconf"], capture_output=True, text=True, check=True).stdout
    named = {each["name"]: each.get("version") for each in linked}
    assert set(re.findall(r"--enable-(\S+)", configured)) - build.SWITCHES <= named.keys()
    encoded = ["-f", "lavfi", "-i", "color=size=64x64:duration=0.04", "-c:v", "libx265", "-f", "null", "-"]
    said = subprocess.run([ffmpeg, "-hide_banner", *encoded], capture_output=True, text=True, check=True).stderr
    assert f"HEVC encoder version {named['libx265']}\n" in said
    assert named["openssl"] and named["zlib"] and named["regex-automata"]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    files = {"bin/ffmpeg": (b"program", 0o755), "licenses/a": (b"text", 0o644)}
    zips = [tmp_path / name for name in ("one.zip", "two.zip")]
    for path in zips:
        build.write(path, dict(reversed(files.items())) if path.stem == "two" else files)
    assert zips[0].read_bytes() == zips[1].read_bytes()
    assert zipfile.ZipFile(zips[0]).getinfo("bin/ffmpeg").external_attr >> 16 == 0o100755


def test_releases_that_the_layer_lacks_are_told_of() -> None:
    names = ["n4.4.6", "n8.1.9", "n9.0.1", "n9.0.2", "n9.0.3", "n9.0.10", "n9.1", "n9.2-dev", "v0.5"]
    tags = "".join(f"0123abcd\trefs/tags/{name}\n" for name in names)
    assert news.unseen(tags, (9, 0, 2)) == [(9, 0, 10), (9, 1)]
    assert news.unseen(tags, (9, 1)) == []
    assert news.version("imageio-ffmpeg (0.8.1)\nAvailable versions: 0.8.1, 0.8.0") == (0, 8, 1)


# ---- the small ffmpeg

CALLS = (build.ROOT / "shared" / "media" / "src" / "ffmpeg.rs").read_text(encoding="utf-8").partition("#[cfg(test)]")[0]
# Options and values that filters and encoders are named like.
NO_FILTERS, NO_ENCODERS = {"colorspace", "copy", "eq", "framerate"}, {"h264", "hevc"}


def components(of: str) -> set[str]:
    """Names that the wheel's ffmpeg lists with `-of`."""
    import imageio_ffmpeg

    listed = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", f"-{of}"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines() if line.startswith(" ")]
    return {name for row in rows if len(row) > 1 and row[1] != "=" for name in row[1].split(",")}


def test_the_small_ffmpeg_has_every_filter_encoder_and_container_that_the_functions_name_and_no_other() -> None:
    words = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r'"([^"\n]*)"', CALLS))))
    parts = {kind: set(names) for kind, names in small.PARTS.items()}
    assert words & components("filters") - NO_FILTERS == parts["filter"]
    assert words & components("encoders") - NO_ENCODERS == parts["encoder"]
    # `mov` reads what is called `mp4`; what encoders are called like is none.
    containers = words & (components("demuxers") | components("muxers")) - parts["encoder"]
    assert containers == parts["demuxer"] - {"mov"} | parts["muxer"]


def test_a_source_with_another_checksum_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / small.ARCHIVE
    archive.write_bytes(b"forged")
    with pytest.raises(SystemExit, match="has the SHA-256 [0-9a-f]{64}, not " + small.FFMPEG.sha256):
        small.checked(archive, small.FFMPEG.sha256)
    assert small.checked(archive, build.hashlib.sha256(b"forged").hexdigest()) == archive


def test_the_small_ffmpeg_is_built_for_the_machines_own_processor_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for machine, foreign in (("x86_64", "arm64"), ("aarch64", "x86_64")):
        monkeypatch.setattr(small.platform, "machine", lambda machine=machine: machine)
        with pytest.raises(SystemExit, match=f"the small ffmpeg for {foreign} is built on a machine of"):
            small.built(foreign, tmp_path)


def test_the_small_layer_is_laid_out_as_the_other_and_names_its_sources(tmp_path: Path) -> None:
    wheels = build.contents(build.download(build.pinned(LOCK), "x86_64", tmp_path), "x86_64")
    for architecture, (_, debian, _) in small.MACHINES.items():
        binary = build.ELF + bytes(14) + build.MACHINE[architecture].to_bytes(2, "little")
        files = build.laid_out(binary, architecture, build.materials_of_small(binary, architecture))
        assert wheels.keys() - files.keys() == {"licenses/imageio-ffmpeg/LICENSE"} and files.keys() < wheels.keys()
        program, source, *libraries = json.loads(files["licenses/ffmpeg/sbom.cdx.json"][0])["components"]
        assert program["version"] == small.VERSION and program["hashes"][0]["content"] == build.hashlib.sha256(binary).hexdigest()
        pins = {each.name: each.sha256 for each in (small.FFMPEG, *small.LIBRARIES[debian])}
        assert {each["name"]: each["hashes"][0]["content"] for each in (source, *libraries[:3])} == pins
