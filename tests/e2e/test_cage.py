"""ffmpeg's cage: what the workers start gets pipes, an empty environment and bounded resources, opens nothing but
itself and talks to nobody, whatever it is fed.

strace watches it. The worker limits it before that could write a file, so what it saw comes through a named pipe.
"""

import os
import re
import shlex
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pytest

from media import ffmpeg, forms
from media.recording import Recording

from .conftest import RUN
from .stack import Stack, storage_info

WORKERS = ("MediaExportClipWorker", "MediaExportThumbnailWorker")
# The memory of each worker, and what is reserved and not used.
SPACES = [(mib << 20) + (1 << 30) + len(os.sched_getaffinity(0)) * (1 << 29) for mib in (3008, 1769)]
LIMITS = {"Max file size": [0], "Max core file size": [0], "Max address space": SPACES, "Max cpu time": [5400]}
# Itself, its libraries, and what they ask of the system: processors and memory.
ALLOWED = re.compile(
    r"(/[\w./+-]*/)?lib[\w+.-]*\.so[.\d]*|/etc/ld\.so\.(cache|preload)|/dev/null|/dev/urandom|/etc/localtime"
    r"|/proc/(self|stat|cpuinfo|meminfo|sys|filesystems)[\w/]*|/sys/(devices/system|fs/cgroup)[\w/.-]*"
)
CALLS = "%network,%file,%process"
OPENS = re.compile(r'\b(?:open|openat|openat2|creat)\((?:AT_FDCWD, )?"([^"]*)"(?:, ([A-Z_|]+))?')
FORBIDDEN = re.compile(
    r"\b(socket|connect|bind|listen|sendto|v?fork|unlink|rename|mkdir|chmod|chown|mknod|symlink|link|truncate)\w*\("
)
# Arguments that would let it out: other protocols, files, scripts.
LOOSE = re.compile(r"(?<!\w)(file|https?|tcp|udp|concat|subfile|data|crypto):|(?:^| )/|-safe|-enable_drefs")

pytestmark = pytest.mark.skipif(
    not shutil.which("strace") and os.environ.get("CI", "") in ("", "0", "false"), reason="strace is not installed"
)


@dataclass
class Run:
    """One ffmpeg: the state it was started in, and the calls it made."""

    state: str = ""
    trace: str = ""
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def arguments(self) -> list[str]:
        """As strace quotes them."""
        started = re.search(r'execve\("[^"]*", \[(.*?)\], 0x', self.trace)
        assert started, self.trace[:300]
        return [each.encode().decode("unicode_escape") for each in re.findall(r'"((?:[^"\\]|\\.)*)"', started[1])][1:]

    def faults(self) -> list[str]:
        """What of its start is not as the worker ought to make it."""
        lines = dict(line.partition(":")[::2] for line in self.state.splitlines() if ":" in line)
        own, group = lines["group"].split()
        found = {
            "variables": lines["environ"].strip() != "",
            "its directory": lines["cwd"] != "/",
            "a group of others": own != group,
            "no pipes": not re.fullmatch(r"(pipe:\[\d+\] ){3}", lines["fds"]),
        }
        for name, most in LIMITS.items():
            limits = re.search(rf"^{name} +(\w+) +(\w+)", self.state, re.M)
            found[name] = not limits or limits.groups() not in [(str(one), str(one)) for one in most]
        return [name for name, wrong in found.items() if wrong]

    def opened(self) -> set[tuple[str, str]]:
        """(path, how) of each file that it tried to open."""
        return {(re.sub("/+", "/", path), how) for path, how in OPENS.findall(self.trace)}

    def breaches(self, binary: str) -> list[str]:
        """What of this no caged ffmpeg may do."""
        odd = [path for path, _ in self.opened() if path != binary and not ALLOWED.fullmatch(path)]
        written = [path for path, how in self.opened() if re.search("WRONLY|RDWR|CREAT|TRUNC", how)]
        calls = [line for line in self.trace.splitlines() if FORBIDDEN.search(line)]
        started = len(re.findall(r"\bexecve\(", self.trace)) - 1
        return sorted(odd) + sorted(written) + calls + ["starts others"] * started


class Watcher:
    """An ffmpeg that is watched: a script that notes how it was started, then becomes ffmpeg below strace."""

    def __init__(self, folder: Path, binary: str) -> None:
        self.folder, self.runs = folder, {}
        self.path = folder / "ffmpeg"
        shown, strace = shlex.quote(str(folder)), shutil.which("strace")
        self.path.write_text(
            f"""#!/bin/sh
fds=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 | tr '\\n' ' ')
mkfifo {shown}/$$.state {shown}/$$.trace
tries=0
while ! grep -q '^Max file size  *0 ' /proc/$$/limits && [ $tries -lt 300 ]; do tries=$((tries + 1)); done
{{ cat /proc/$$/limits; echo; echo "environ:$(tr '\\0' ' ' < /proc/$$/environ)"; echo "cwd:$(readlink /proc/$$/cwd)"
echo "group:$$ $(cut -d' ' -f5 /proc/$$/stat)"; echo "fds:$fds"
}} > {shown}/$$.state
exec env -i {strace} -f -DD -s 4096 -e trace={CALLS} -o {shown}/$$.trace {shlex.quote(binary)} "$@"
"""
        )
        self.path.chmod(0o755)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.is_set():
            for path in self.folder.glob("*.state"):
                if path.stem not in self.runs:
                    run = self.runs[path.stem] = Run()
                    for name in ("state", "trace"):
                        given = (run, name, path.with_suffix(f".{name}"))
                        reader = threading.Thread(target=self._read, args=given, daemon=True)
                        run.threads.append(reader)
                        reader.start()
            time.sleep(0.002)

    @staticmethod
    def _read(run: Run, name: str, path: Path) -> None:
        while not path.exists():
            time.sleep(0.001)
        setattr(run, name, path.read_text(errors="replace"))

    def ended(self) -> list[Run]:
        """All that were started, once each has ended."""
        for run in self.runs.values():
            for thread in run.threads:
                thread.join(30)
                assert not thread.is_alive(), f"an ffmpeg goes on: {run.state[-300:]}"
        return list(self.runs.values())

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture(scope="module")
def watched(stack: Stack, tmp_path_factory) -> Iterator[Callable[[Callable[[], None]], list[Run]]]:
    """Every ffmpeg that the stack's workers start while something is done."""
    folder = tmp_path_factory.mktemp("cage")
    watcher = Watcher(folder, stack.env["FFMPEG"])
    usual = {name: stack.functions[name]["Environment"]["Variables"] for name in WORKERS}
    for name, variables in usual.items():
        _configured(stack, name, {**variables, "FFMPEG": str(watcher.path)})

    def during(work: Callable[[], None]) -> list[Run]:
        known = set(watcher.runs)
        work()
        watcher.ended()
        return [run for pid, run in watcher.runs.items() if pid not in known]

    yield during
    for name, variables in usual.items():
        _configured(stack, name, variables)
    watcher.stop()


def _configured(stack: Stack, name: str, variables: dict[str, str]) -> None:
    function = stack.functions[name]["FunctionName"]
    stack.lambdas.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


@pytest.fixture(scope="module")
def clip(stack, recorded, watched) -> list[Run]:
    """A clip of copied and rendered pictures, as a transport stream."""
    recording = recorded("static_time")
    body = stack.request(recording, Fraction(253, 100), 3000, f"cage-{RUN}")

    def export() -> None:
        answer = stack.finish(body)
        assert answer.code == 5, answer
        assert stack.job(answer.body["JobId"])["plan"]["kind"] == "smart"

    return watched(export)


def kind(run: Run) -> str:
    """What an ffmpeg was for."""
    text = " ".join(run.arguments)
    for name, sign in {"jpeg": "mjpeg", "stream": "mpegts", "decode": "-f rawvideo pipe:1", "encode": "libx26"}.items():
        if sign in text:
            return name
    return text


def test_all_that_the_worker_starts_is_seen(clip):
    assert {kind(run) for run in clip} == {"decode", "encode", "jpeg", "stream"}


def test_it_is_started_in_its_cage(clip):
    for run in clip:
        assert run.faults() == [], run.state


def test_one_that_is_started_by_hand_is_in_no_cage(stack, tmp_path):
    watcher = Watcher(tmp_path, stack.env["FFMPEG"])
    subprocess.run([watcher.path, "-version"], capture_output=True, cwd=tmp_path, check=True, stdin=subprocess.DEVNULL)
    (run,) = watcher.ended()
    watcher.stop()
    assert run.faults() == ["variables", "its directory", "a group of others", "no pipes", *LIMITS]


def test_it_opens_nothing_but_itself_and_talks_to_nobody(clip, stack):
    for run in clip:
        assert run.breaches(stack.env["FFMPEG"]) == [], kind(run)


def test_it_is_told_to_keep_to_its_pipes(clip):
    for run in clip:
        given = run.arguments
        text = " ".join(given)
        assert "-nostdin" in given and "-protocol_whitelist pipe" in text, text
        assert given.count("-i") == 1 and given[given.index("-i") + 1] == "pipe:0" and given[-1] == "pipe:1", text
        before = given[: given.index("-i")]
        assert "-f" in before and before.index("-protocol_whitelist") < len(before), f"no demuxer is named: {text}"
        assert before[before.index("-f") + 1] in {"h264", "hevc", "rawvideo", "mp4", "mpegts"}
        assert not LOOSE.search(text), text


# ---- hostile recordings


def box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + name + content


def full(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", flags), *parts)


def hostile(canary: Path) -> dict[str, bytes]:
    """Files that make an ffmpeg that guesses what they are open `canary`."""
    path = str(canary)
    described = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=x", "c=IN IP4 127.0.0.1", "t=0 0", f"a=control:file://{path}"]
    described += ["m=video 9999 RTP/AVP 96", "a=rtpmap:96 H264/90000", ""]
    segment = f'<Representation id="0"><BaseURL>file://{path}</BaseURL><SegmentBase/></Representation>'
    manifest = f'<MPD type="static"><Period><AdaptationSet>{segment}</AdaptationSet></Period></MPD>'
    return {
        "playlist": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{path}\n#EXT-X-ENDLIST\n".encode(),
        "concat script": f"ffconcat version 1.0\nfile 'file:{path}'\n".encode(),
        "session description": "\n".join(described).encode(),
        "manifest": manifest.encode(),
        "address": f"file:{path}".encode(),
        "movie with its data elsewhere": movie(path),
    }


def movie(path: str) -> bytes:
    """An MP4 whose only track's data reference is an alias of another file (QuickTime's `alis`)."""
    name, leaf = path.encode(), Path(path).name.encode()[:63]
    absolute = struct.pack(">hh", 2, len(name)) + name + b"\0" * (len(name) % 2) + struct.pack(">hh", -1, 0)
    alias = b"\0" * 50 + bytes([len(leaf)]) + leaf.ljust(63, b"\0") + b"\0" * 36 + absolute
    entry = box(b"avc1", b"\0" * 6, struct.pack(">H", 1), b"\0" * 16, struct.pack(">HH", 64, 64), b"\0" * 50)
    tables = box(
        b"stbl",
        full(b"stsd", struct.pack(">I", 1), entry),
        full(b"stts", struct.pack(">III", 1, 1, 1)),
        full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        full(b"stsz", struct.pack(">II", 16, 1)),
        full(b"stco", struct.pack(">II", 1, 0)),
    )
    references = box(b"dinf", full(b"dref", struct.pack(">I", 1), full(b"alis", alias)))
    media = box(b"minf", full(b"vmhd", b"\0" * 8, flags=1), references, tables)
    handler = full(b"hdlr", b"mhlrvide", b"\0" * 13)
    track = box(
        b"trak",
        full(b"tkhd", struct.pack(">IIIII", 0, 0, 1, 0, 1), b"\0" * 60, flags=3),
        box(b"mdia", full(b"mdhd", struct.pack(">IIIII", 0, 0, 25, 1, 0)), handler, media),
    )
    header = full(b"mvhd", struct.pack(">IIII", 0, 0, 25, 1), b"\0" * 80)
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"moov", header, track)


def fed(arguments: list[str], data: bytes, folder: Path) -> Run:
    """ffmpeg with these arguments and this input, watched."""
    trace = folder / "trace"
    command = ["strace", "-f", "-s", "4096", "-e", f"trace={CALLS}", "-o", trace, ffmpeg.executable(), *arguments]
    subprocess.run(command, input=data, capture_output=True, env={}, cwd="/", timeout=60, check=False)
    return Run(trace=trace.read_text(errors="replace"))


@pytest.fixture(scope="module")
def canary(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("canary") / "canary.ts"
    path.write_bytes(b"G" + b"\0" * 187)
    return path


INPUTS = sorted(hostile(Path("/x")))


@pytest.mark.parametrize("name", INPUTS)
def test_hostile_input_opens_no_file(name, clip, stack, canary, tmp_path):
    """With the very arguments that the worker gave."""
    data = hostile(canary)[name]
    for run in {kind(run): run for run in clip}.values():
        got = fed(run.arguments, data, tmp_path)
        assert str(canary) not in "".join(path for path, _ in got.opened()), kind(run)
        assert got.breaches(stack.env["FFMPEG"]) == [], kind(run)


FILES = ["-protocol_whitelist", "pipe,file"]
OUTSIDE = {
    "playlist": ["-f", "hls", *FILES, "-allowed_extensions", "ALL", "-extension_picky", "0"],
    "concat script": ["-f", "concat", *FILES, "-safe", "0"],
    "movie with its data elsewhere": ["-f", "mov", *FILES, "-enable_drefs", "1", "-use_absolute_path", "1"],
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_same_input_opens_the_file_outside_the_cage(name, canary, stack, tmp_path):
    """So it is the arguments that keep it in, and the watching that would tell."""
    data = hostile(canary)[name]
    got = fed([*OUTSIDE[name], "-i", "pipe:0", "-f", "null", "-"], data, tmp_path)
    assert str(canary) in {path for path, _ in got.opened()}, got.trace[-2000:]
    assert str(canary) in got.breaches(stack.env["FFMPEG"])


@pytest.mark.parametrize("place", ["segments", "init", "all"])
def test_a_recording_of_hostile_files_ends_without_a_clip(place, stack, canary, watched):
    """Through the worker: whatever of it reaches ffmpeg opens nothing."""
    bodies = [_planted(stack, place, name, data) for name, data in hostile(canary).items()]

    def export() -> None:
        jobs = [stack.export(body).body["JobId"] for body in bodies]
        for job in jobs:
            answer = stack.status(job, Prefer="wait=20")
            assert answer.code == -1 or answer.body["LackLength"] > 0, answer
            assert str(canary) not in answer.text.decode()

    for run in watched(export):
        assert run.breaches(stack.env["FFMPEG"]) == [], kind(run)


def _planted(stack: Stack, place: str, name: str, data: bytes) -> dict:
    """A request for a recording of which a part is not what it says."""
    recording = forms.build("static_time")

    def replaced(file: str) -> bool:
        return not file.endswith(".mpd") and (place == "all" or file.startswith("init") == (place == "init"))

    files = {file: data if replaced(file) else content for file, content in recording.files.items()}
    path = f"mp4/hostile-{place}-{name.replace(' ', '-')}-{RUN}/1/stream.mpd"
    stack.upload(Recording(recording.name, path, files, recording.truth, recording.manifest))
    moved = Recording(recording.name, path, files, recording.truth, recording.manifest)
    info = storage_info([stack.entry("mp4")])
    return stack.request(moved, Fraction(1), 1500, f"hostile-{RUN}", storage_info=info)
