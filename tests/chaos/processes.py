"""The function processes of a stack and their ffmpegs, as /proc shows them."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FUNCTION = re.compile(rb"\0AWS_LAMBDA_FUNCTION_NAME=[a-z-]*-([A-Z][A-Za-z]+)-")


@dataclass(frozen=True)
class Sender:
    """A process of a function."""

    pid: int
    function: str


@dataclass(frozen=True)
class Usage:
    """What a process holds."""

    rss_kib: int
    files: int


class Processes:
    """Those of one stack: what it started has its `folder` in the environment, and its ffmpegs run as `ffmpeg`."""

    def __init__(self, folder: Path, ffmpeg: Path) -> None:
        self._marker = f"\0MEDIA_EXPORT_STACK={folder}\0".encode()
        self._ffmpeg = os.fsencode(ffmpeg)

    def functions(self) -> dict[int, str]:
        """Which function each process belongs to."""
        found = {}
        for pid in _pids():
            environment = b"\0" + _read(pid, "environ")
            if self._marker in environment and (named := FUNCTION.search(environment)):
                found[pid] = named[1].decode()
        # A child is a copy of its parent until it has become another program.
        return {pid: name for pid, name in found.items() if int((_stat(pid) or "00")[1]) not in found}

    def ffmpegs(self) -> list[int]:
        """The ffmpegs that run now, whoever is their parent."""
        return [pid for pid in _pids() if self._ffmpeg in _read(pid, "cmdline").split(b"\0")[:2]]

    def zombies(self) -> list[int]:
        """Children of functions that ended and that nobody waited for."""
        functions = self.functions()
        stats = {pid: _stat(pid) for pid in _pids()}
        return [pid for pid, stat in stats.items() if stat[:1] == ["Z"] and int(stat[1]) in functions]

    def sender(self, client_port: int, server_port: int) -> Sender | None:
        """Who is at the other end of a connection."""
        ends = [f"0100007F:{port:04X}" for port in (client_port, server_port)]
        rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        inode = next((row[9] for row in rows if row[1:3] == ends), None)
        for pid, function in self.functions().items() if inode else ():
            if f"socket:[{inode}]" in _open_files(pid):
                return Sender(pid, function)
        return None


def signal_tree(pid: int, number: int) -> None:
    """Signal a process and all that it started, as a sandbox is frozen, thawed and ended."""
    parents = {each: int(stat[1]) for each in _pids() if (stat := _stat(each))}
    for each in parents:
        if pid in _ancestors(each, parents):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, number)


def usage(pid: int) -> Usage | None:
    """What a process holds; None once it is gone."""
    fields = dict(line.split(":", 1) for line in _read(pid, "status").decode().splitlines())
    if "VmRSS" not in fields:
        return None
    with contextlib.suppress(OSError):
        return Usage(int(fields["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")))
    return None


def _pids() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdecimal()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _stat(pid: int) -> list[str]:
    """State, parent and the rest; the name before them may hold spaces and brackets."""
    return _read(pid, "stat").decode(errors="replace").rpartition(")")[2].split()


def _ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    """A process itself, its parent and so on."""
    while pid > 1:
        yield pid
        pid = parents.get(pid, 0)


def _open_files(pid: int) -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(entry.path))
    return found
