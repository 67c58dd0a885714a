"""One emulator process: where its files are, how it is started, found again and stopped."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local"
MARKER = "MEDIA_EXPORT_STACK"
# The API reference that `make apidocs` builds.
API_DOCS = ROOT / "target" / "apidocs" / "index.html"
# The console that `make console` builds, and the headers that it is served with.
CONSOLE = ROOT / "target" / "console"
CONSOLE_POLICY = ROOT / "infra" / "console" / "headers.json"
RESERVED = {"code", "demo", "env", "lock"}


class StackError(Exception):
    """What went wrong, in words for the person at the terminal."""


class Instance:
    """A named emulator; several may run side by side."""

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", name) or name in RESERVED:
            raise StackError(f"bad name {name!r}: up to 32 of a-z 0-9 -, and none of {', '.join(sorted(RESERVED))}")
        self.name = name
        self.dir = STATE / name
        self.log = self.dir / "emulator.log"
        self.env_file = self.dir / "env"
        self.api_id_file = self.dir / "api-id"
        self._state_file = self.dir / "state.json"

    def state(self) -> dict | None:
        """The running emulator's state, or None when it is not running (never started, stopped or killed)."""
        try:
            state = json.loads(self._state_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        # Process ids are used again; the start time tells a later process apart.
        return state if _started_at(state["pid"]) == state["started_at"] else None

    def start(self, enforce_iam: bool, functions_endpoint: str | None = None, function_env: dict[str, str] | None = None) -> dict:
        """Start the emulator with an empty state and return its state once it answers.

        Functions call AWS at `functions_endpoint`, if it is given, and see `function_env` besides what the template gives them.
        """
        self.stop()
        (self.dir / "tmp").mkdir(parents=True)
        for attempt in range(3):
            gateway, api = _free_ports(2)
            with open(self.log, "w", encoding="utf-8") as log:
                process = subprocess.Popen(
                    [sys.executable, str(Path(__file__).with_name("emulator.py"))],
                    env={**self._environment(gateway, api, enforce_iam, functions_endpoint), **(function_env or {})},
                    cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )
            state = {"pid": process.pid, "started_at": _started_at(process.pid), "gateway_port": gateway,
                     "api_port": api, "enforce_iam": enforce_iam, "functions_endpoint": functions_endpoint,
                     "function_env": function_env or {}}
            self._state_file.write_text(json.dumps(state))
            if _wait_until_ready(process, gateway):
                return state
            # Another program may have taken a port between the choice and the start.
            if "address already in use" not in self.log.read_text().lower() or attempt == 2:
                break
        self._kill_leftovers()
        raise StackError(f"the emulator did not start; its log ({self.log}) ends with:\n{_tail(self.log)}")

    def stop(self) -> bool:
        """Stop the emulator and every process it started, and remove its files; tell whether it was running."""
        state = self.state()
        if state:
            os.kill(state["pid"], signal.SIGTERM)
            deadline = time.monotonic() + 5
            while self.state() and time.monotonic() < deadline:
                time.sleep(0.02)
        # What a killed emulator left behind, and an emulator that ignored the signal.
        self._kill_leftovers()
        shutil.rmtree(self.dir, ignore_errors=True)
        return state is not None

    def _environment(self, gateway: int, api: int, enforce_iam: bool, functions_endpoint: str | None) -> dict[str, str]:
        """Functions inherit the emulator's environment: nothing of the caller's may reach them."""
        settings = {
            "GATEWAY_PORT": str(gateway),
            "API_PORT": str(api),
            "API_ID_FILE": str(self.api_id_file),
            "API_DOCS_FILE": str(API_DOCS),
            "CONSOLE_DIR": str(CONSOLE),
            "CONSOLE_POLICY_FILE": str(CONSOLE_POLICY),
            "DECISIONS_FILE": str(self.dir / "decisions.jsonl"),
            "BIND_HOST": "127.0.0.1",
            # In queue URLs; the default, localhost, may resolve to ::1, where nothing listens.
            "MINISTACK_HOST": "127.0.0.1",
            "S3_DATA_DIR": str(self.dir / "s3"),
            "STATE_DIR": str(self.dir / "state"),
            "AUTH": "true" if enforce_iam else "false",
            # Stock ends the surplus instances of a burst after five minutes: a test could not tell that from a crash.
            "LAMBDA_WARM_TTL_SECONDS": "86400",
            "PYTHONUNBUFFERED": "1",
        }
        return {
            **settings,
            "EMULATOR_SETTINGS": ",".join([*settings, "EMULATOR_SETTINGS"]),
            MARKER: str(self.dir),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "HOME": str(self.dir / "tmp"),
            "TMPDIR": str(self.dir / "tmp"),
            "AWS_ENDPOINT_URL": functions_endpoint or f"http://127.0.0.1:{gateway}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def _kill_leftovers(self) -> None:
        """Kill this instance's process groups until none is left."""
        for _ in range(50):
            groups = _groups_of(self.dir)
            if not groups:
                return
            for group in groups:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
            time.sleep(0.02)


@contextlib.contextmanager
def locked():
    """Let one `up` or `down` at a time change what is running."""
    STATE.mkdir(exist_ok=True)
    with open(STATE / "lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def running() -> list[tuple[Instance, dict]]:
    """All instances that are up, with their state."""
    found = []
    for path in sorted(STATE.glob("*/state.json")):
        instance = Instance(path.parent.name)
        if state := instance.state():
            found.append((instance, state))
    return found


def _started_at(pid: int) -> str | None:
    """The start time of a process in clock ticks since boot; None if there is none, or only a zombie."""
    try:
        # The second field, the name, may hold spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _groups_of(folder: Path) -> set[int]:
    """The process groups of an instance: they carry its marker, or run a function's code below its folder. Functions show
    their environment to root alone."""
    marker, code, groups = f"{MARKER}={folder}".encode(), f"{folder}/".encode(), set()
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            environment = b""
            with contextlib.suppress(PermissionError):
                environment = (path / "environ").read_bytes()
            if marker in environment.split(b"\0") or (path / "cmdline").read_bytes().startswith(code):
                groups.add(os.getpgid(int(path.name)))
    return groups - {os.getpgrp()}


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_until_ready(process: subprocess.Popen, port: int) -> bool:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/ready", timeout=2):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    return False


def _tail(path: Path, lines: int = 20) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
