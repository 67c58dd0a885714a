"""A stack of stand-in functions, for tests of the emulator, the deployment and the template."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

LOCAL = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(LOCAL), str(LOCAL.parent / "ops")]

import bundles  # noqa: E402
from instance import Instance  # noqa: E402


# Of pages that may call the API of the fixture's stack.
ORIGINS = ("https://app.example.com", "http://localhost:3000")


class Stack:
    """A stack of its own for a test, and how to talk to it."""

    def __init__(self, name: str, binaries: Path) -> None:
        self.instance = Instance(name)
        self._binaries = binaries

    def command(self, *arguments: str) -> str:
        """Run stack.py and return what it printed."""
        command = [sys.executable, str(LOCAL / "stack.py"), arguments[0], "--name", self.instance.name, *arguments[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self, *arguments: str) -> None:
        self.command("up", "--bin-dir", str(self._binaries), *arguments)
        lines = self.instance.env_file.read_text().splitlines()
        self.env = dict(line.split("=", 1) for line in lines)

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, dict, bytes]:
        request = urllib.request.Request(self.env["API_URL"] + path, data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, dict(reply.headers), reply.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def get(self, path: str) -> dict:
        """What the function that serves `path` was given."""
        status, _, body = self.request("GET", path)
        assert status == 200, body
        return json.loads(body)


@pytest.fixture(scope="session")
def binaries(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bin")
    source = Path(__file__).with_name("standin.py").read_text()
    for crate in bundles.CRATES:
        (folder / crate).write_text(f"#!{sys.executable}\n{source}")
    return folder


@pytest.fixture(scope="session")
def stack(binaries, tmp_path_factory):
    # Stand-ins must not take the place of the real functions' zips.
    os.environ["LOCAL_CODE_DIR"] = str(tmp_path_factory.mktemp("code"))
    made = Stack(f"infra-test-{os.getpid()}", binaries)
    try:
        made.up("--enforce-iam", "--parameter", f"CorsAllowOrigins={','.join(ORIGINS)}")
        yield made
    finally:
        made.command("down")
