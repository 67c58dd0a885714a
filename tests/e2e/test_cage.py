"""ffmpeg's cage: what runs in ffmpeg's place, in a worker of the stack, gets its pipes and nothing else.

One that is hostile tries what an attacker would (`hostile.py`). The friendly ones are looked at from outside as they
start. What the cage leaves, files to read, their arguments keep them from: strace watches ffmpeg with these arguments and
hostile input.
"""

import errno
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen

import pytest

from media import ffmpeg, forms
from media.recording import Recording

from . import hostile as attacker
from .conftest import RUN
from .mre import wait_for
from .stack import Stack, storage_info
from .uncageable import refusing

WORKERS = ("MediaExportClipWorker", "MediaExportBulkWorker", "MediaExportThumbnailWorker")
FUNCTIONS = (*WORKERS, "MediaExportSubmit", "ExportBatch", "StatusPoll", "MediaRead", "Recordings", "JobSweeper", "EventExport", "ReplayExport", "DataExportWorker")
NOBODY = 65534
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


def configured(stack: Stack, name: str, variables: dict[str, str]) -> None:
    function = stack.functions[name]["FunctionName"]
    stack.lambdas.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


@contextmanager
def in_place_of_ffmpeg(stack: Stack, program: Path) -> Iterator[None]:
    """Every worker of the stack runs this program in ffmpeg's place."""
    usual = {name: stack.functions[name]["Environment"]["Variables"] for name in WORKERS}
    for name, variables in usual.items():
        configured(stack, name, {**variables, "FFMPEG": str(program)})
    try:
        yield
    finally:
        for name, variables in usual.items():
            configured(stack, name, variables)


def running() -> Iterator[tuple[int, list[str]]]:
    """Every process with its arguments."""
    for entry in os.scandir("/proc"):
        with suppress(OSError):
            if entry.name.isdecimal():
                yield int(entry.name), os.fsdecode(Path(entry.path, "cmdline").read_bytes()).split("\0")[:-1]


# ---- a hostile program


@dataclass
class Attack:
    """What a hostile program reported, and what it left behind."""

    tried: dict[str, int]
    state: dict[str, int]
    survivors: list[int]
    changed: bool


def contents(folder: Path) -> dict[str, tuple]:
    found = {each.name: each.lstat() for each in folder.iterdir()}
    return {name: (found.st_mode, found.st_size, found.st_mtime_ns) for name, found in found.items()}


@pytest.fixture(scope="module")
def attack(stack: Stack, recorded, tmp_path_factory) -> Attack:
    folder = tmp_path_factory.mktemp("attack")
    program = folder / "ffmpeg"
    program.write_text(f"#!{sys.executable} -IS\n{Path(attacker.__file__).read_text()}")
    program.chmod(0o755)
    (folder / "there").write_text("there")
    (folder / "empty").mkdir()
    before = contents(folder)
    body = stack.request(recorded("static_time"), Fraction(5), 1000, f"attack-{RUN}", FetchMedia=False)
    with in_place_of_ffmpeg(stack, program):
        answer = stack.finish(body)
    assert answer.code == -1, answer
    detail = stack.job(answer.body["JobId"])["detail"]
    reported = re.search(r"tried ([\d ]+) state ([\d ]+) end", detail)
    assert reported, detail
    tried, state = ([int(each) for each in part.split()] for part in reported.groups())
    survivors = [pid for pid, arguments in running() if arguments[:1] == [attacker.SURVIVOR]]
    for pid in survivors:
        os.kill(pid, signal.SIGKILL)
    named = dict(zip(attacker.ATTEMPTS, tried, strict=True)), dict(zip(attacker.state(), state, strict=True))
    return Attack(*named, survivors, contents(folder) != before)


# What the kernel itself refuses: the function is closed to others, and there is nothing else.
BY_THE_KERNEL = {
    "read the parent's environment": errno.EACCES,
    "read anybody's environment": errno.EACCES,
    "read the parent's memory": errno.EACCES,
    "read the parent's maps": errno.EACCES,
    "open the parent's files": errno.EACCES,
    "read the parent's folder": errno.EACCES,
    "use what it inherited": errno.ENOENT,
}


@pytest.mark.parametrize("attempt", attacker.ATTEMPTS)
def test_a_hostile_ffmpeg_gets_nothing(attempt, attack):
    assert attack.tried[attempt] == BY_THE_KERNEL.get(attempt, errno.ENOSYS)


def test_a_hostile_ffmpeg_leaves_nothing_behind(attack):
    assert (attack.survivors, attack.changed) == ([], False)


def test_it_has_threads_and_no_right(attack):
    expected = {"environment": 0, "rights": 0, "filter": 2, "no new privileges": 1, "thread": 0}
    assert attack.state == expected


# ---- the functions


def binary_of(stack: Stack, name: str, folder: Path) -> Path:
    """What is deployed as this function."""
    found = stack.lambdas.get_function(FunctionName=stack.functions[name]["FunctionName"])
    with urlopen(found["Code"]["Location"]) as package, zipfile.ZipFile(BytesIO(package.read())) as files:
        binary = Path(files.extract("bootstrap", folder))
    binary.chmod(0o755)
    return binary


UNPRIVILEGED = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def starting(
    stack: Stack, name: str, folder: Path, before: list[str], user: dict, **changes: str
) -> Iterator[tuple[subprocess.Popen, socket.socket]]:
    """A function at its start, by this user: it, and the runtime API that it asks for work."""
    binary = os.open(binary_of(stack, name, folder), os.O_RDONLY)
    with socket.create_server(("127.0.0.1", 0)) as api:
        api.settimeout(60)
        variables = {
            **stack.functions[name]["Environment"]["Variables"],
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.getsockname()[1]}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "secret of the function",
            **changes,
        }
        command = [*before, f"/proc/self/fd/{binary}"]
        options = {"env": variables, "pass_fds": [binary], "cwd": "/", "text": True, **user}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)
        try:
            yield process, api
        finally:
            process.kill()
            process.communicate()
            os.close(binary)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_other_process_of_its_user_reads_a_function(name, stack, tmp_path):
    with starting(stack, name, tmp_path, [], UNPRIVILEGED) as (process, api):
        asked, _ = api.accept()
        for command in (["cat", "environ"], ["cat", "maps"], ["ls", "fd/"]):
            folder = f"/proc/{process.pid}"
            tried = subprocess.run(command, cwd=folder, capture_output=True, check=False, **UNPRIVILEGED)
            assert (tried.stdout, process.poll()) == (b"", None), command
        asked.close()


def uncaged(lines: list[str]) -> list[int]:
    """How often each start of a worker found a part of the cage missing."""
    return [line["Uncaged"] for text in lines if text.startswith("{") and "Uncaged" in (line := json.loads(text))]


def test_a_worker_counts_that_its_cage_is_whole(stack, attack):
    found = wait_for(lambda: uncaged(stack.log("media-export-thumbnail-worker")), "count of missing cages")
    assert set(found) == {0}


def test_where_the_platform_refuses_system_call_filters_a_worker_says_so_and_works_on(stack, tmp_path):
    changes = {"FFMPEG_CAGE": "preferred"}
    with starting(stack, WORKERS[0], tmp_path, refusing(), {}, **changes) as (process, api):
        asked, _ = api.accept()
        process.kill()
        asked.close()
        lines = process.stdout.read().splitlines()
    assert uncaged(lines) == [1]
    assert any("system calls" in line and "refuses a part" in line for line in lines), lines


def test_where_it_does_and_the_cage_is_required_the_worker_does_not_start(stack, tmp_path):
    changes = {"FFMPEG_CAGE": "required"}
    with starting(stack, WORKERS[0], tmp_path, refusing(), {}, **changes) as (process, _):
        assert process.wait(60) != 0
        lines = process.stdout.read().splitlines()
    assert uncaged(lines) == [1]


# ---- friendly ones, as they start

# A program that waits until somebody has looked at it, then becomes ffmpeg. It starts nothing and writes nothing.
WAITING = """#!/bin/sh
while ! [ -e {folder}/$$ ]; do :; done
exec {binary} "$@"
"""


@dataclass(frozen=True)
class Start:
    """An ffmpeg: its arguments, and what of its start is not as the worker ought to make it."""

    arguments: list[str]
    faults: list[str]


def open_files(pid: int) -> dict[int, str]:
    """What each descriptor of a process leads to; without those that it closes meanwhile."""
    links = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):
            links[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
    return links


def waits(pid: int, arguments: list[str], program: Path) -> bool:
    """Whether the shell of the program that waits has its libraries and reads the program."""
    return arguments[1:2] == [str(program)] and str(program) in open_files(pid).values()


def faults_of(pid: int, program: Path) -> list[str]:
    folder = Path("/proc", str(pid))
    status = dict(line.partition(":\t")[::2] for line in (folder / "status").read_text().splitlines())
    limits = (folder / "limits").read_text()
    files = open_files(pid)
    foreign = {link for number, link in files.items() if number > 2} - {str(program)}
    found = {
        "variables": (folder / "environ").read_bytes() != b"",
        "its directory": os.readlink(folder / "cwd") != "/",
        "a group of others": os.getpgid(pid) != pid,
        "no pipes": any(not files[number].startswith("pipe:") for number in range(3)),
        "other files": bool(foreign),
        "privileges": status["NoNewPrivs"] != "1" or int(status["CapPrm"], 16) != 0,
        "any system call": status["Seccomp"] != "2",
    }
    for name, most in LIMITS.items():
        limit = re.search(rf"^{name} +(\w+) +(\w+)", limits, re.M)
        found[name] = not limit or limit.groups() not in [(str(one), str(one)) for one in most]
    return [name for name, wrong in found.items() if wrong]


@contextmanager
def looking(program: Path, binary: str) -> Iterator[dict[int, Start]]:
    """Makes the program that waits, and looks at each that is started."""
    program.write_text(WAITING.format(folder=program.parent, binary=binary))
    program.chmod(0o755)
    starts, over = {}, threading.Event()

    def look() -> None:
        while not over.wait(0.002):
            for pid, arguments in running():
                if pid not in starts and waits(pid, arguments, program):
                    starts[pid] = Start(arguments[2:], faults_of(pid, program))
                    (program.parent / str(pid)).touch()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield starts
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def clip(stack, recorded, tmp_path_factory) -> list[Start]:
    """Those of a clip of copied and rendered pictures, as a transport stream."""
    recording, program = recorded("static_time"), tmp_path_factory.mktemp("cage") / "ffmpeg"
    body = stack.request(recording, Fraction(253, 100), 3000, f"cage-{RUN}")
    with looking(program, stack.env["FFMPEG"]) as starts, in_place_of_ffmpeg(stack, program):
        answer = stack.finish(body)
    assert answer.code == 5, answer
    assert stack.job(answer.body["JobId"])["plan"]["kind"] == "smart"
    return list(starts.values())


def kind(start: Start) -> str:
    """What an ffmpeg was for."""
    text = " ".join(start.arguments)
    for name, sign in {"render": "libx26", "check": "-f mov pipe:1", "stream": "-f mpegts pipe:1"}.items():
        if sign in text:
            return name
    return text


def test_every_ffmpeg_of_a_clip_starts_in_the_cage(clip):
    # The head and the tail, each rendered, put into a stream of its own and checked, and the stream of the clip.
    assert Counter(kind(start) for start in clip) == {"render": 2, "check": 2, "stream": 3}
    assert {fault for start in clip for fault in start.faults} == set()


def test_one_that_is_started_by_hand_is_in_no_cage(stack, tmp_path):
    program = tmp_path / "ffmpeg"
    with looking(program, stack.env["FFMPEG"]) as starts:
        given = {"capture_output": True, "cwd": tmp_path, "stdin": subprocess.DEVNULL}
        subprocess.run([program, "-version"], check=True, **given)
    (start,) = starts.values()
    expected = ["variables", "its directory", "a group of others", "no pipes", "privileges", "any system call", *LIMITS]
    assert set(expected) - set(start.faults) <= {"privileges"}


def test_it_is_told_to_keep_to_its_pipes(clip):
    for start in clip:
        given = start.arguments
        text = " ".join(given)
        assert "-nostdin" in given and "-protocol_whitelist pipe" in text, text
        assert given.count("-i") == 1 and given[given.index("-i") + 1] == "pipe:0" and given[-1] == "pipe:1", text
        before = given[: given.index("-i")]
        assert "-f" in before and before.index("-protocol_whitelist") < len(before), f"no demuxer is named: {text}"
        assert before[before.index("-f") + 1] in {"h264", "hevc", "mp4", "mpegts"}
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


WATCHED = pytest.mark.skipif(
    not shutil.which("strace") and os.environ.get("CI", "") in ("", "0", "false"), reason="strace is not installed"
)


@dataclass(frozen=True)
class Trace:
    """The calls that an ffmpeg made."""

    text: str

    def opened(self) -> set[tuple[str, str]]:
        """(path, how) of each file that it tried to open."""
        return {(re.sub("/+", "/", path), how) for path, how in OPENS.findall(self.text)}

    def breaches(self, binary: str) -> list[str]:
        """What of this ffmpeg has no reason to do."""
        odd = [path for path, _ in self.opened() if path != binary and not ALLOWED.fullmatch(path)]
        written = [path for path, how in self.opened() if re.search("WRONLY|RDWR|CREAT|TRUNC", how)]
        calls = [line for line in self.text.splitlines() if FORBIDDEN.search(line)]
        started = len(re.findall(r"\bexecve\(", self.text)) - 1
        return sorted(odd) + sorted(written) + calls + ["starts others"] * started


def fed(arguments: list[str], data: bytes, folder: Path) -> Trace:
    """ffmpeg with these arguments and this input, watched."""
    trace = folder / "trace"
    command = ["strace", "-f", "-s", "4096", "-e", f"trace={CALLS}", "-o", trace, ffmpeg.executable(), *arguments]
    subprocess.run(command, input=data, capture_output=True, env={}, cwd="/", timeout=60, check=False)
    return Trace(trace.read_text(errors="replace"))


@pytest.fixture(scope="module")
def canary(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("canary") / "canary.ts"
    path.write_bytes(b"G" + b"\0" * 187)
    return path


INPUTS = sorted(hostile(Path("/x")))


@WATCHED
@pytest.mark.parametrize("name", INPUTS)
def test_hostile_input_opens_no_file(name, clip, stack, canary, tmp_path):
    """With the very arguments that the worker gave."""
    data = hostile(canary)[name]
    for start in {kind(start): start for start in clip}.values():
        got = fed(start.arguments, data, tmp_path)
        assert str(canary) not in "".join(path for path, _ in got.opened()), kind(start)
        assert got.breaches(stack.env["FFMPEG"]) == [], kind(start)


FILES = ["-protocol_whitelist", "pipe,file"]
OUTSIDE = {
    "playlist": ["-f", "hls", *FILES, "-allowed_extensions", "ALL", "-extension_picky", "0"],
    "concat script": ["-f", "concat", *FILES, "-safe", "0"],
    "movie with its data elsewhere": ["-f", "mov", *FILES, "-enable_drefs", "1", "-use_absolute_path", "1"],
}


@WATCHED
@pytest.mark.parametrize("name", OUTSIDE)
def test_the_same_input_opens_the_file_outside_the_cage(name, canary, stack, tmp_path):
    """So it is the arguments that keep it in, and the watching that would tell."""
    data = hostile(canary)[name]
    got = fed([*OUTSIDE[name], "-i", "pipe:0", "-f", "null", "-"], data, tmp_path)
    assert str(canary) in {path for path, _ in got.opened()}, got.text[-2000:]
    assert str(canary) in got.breaches(stack.env["FFMPEG"])


@pytest.mark.parametrize("place", ["segments", "init", "all"])
def test_a_recording_of_hostile_files_ends_without_a_clip(place, stack, canary):
    """Through the worker, which says nothing of the file either."""
    bodies = [_planted(stack, place, name, data) for name, data in hostile(canary).items()]
    jobs = [stack.export(body).body["JobId"] for body in bodies]
    for job in jobs:
        answer = stack.status(job, Prefer="wait=20")
        assert answer.code == -1 or answer.body["LackLength"] > 0, answer
        assert str(canary) not in answer.text.decode()


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
