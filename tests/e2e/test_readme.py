"""Every command of every page is executed: here, by `make test`, by a nightly run, or it says that it needs AWS."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from .stack import ROOT

NAME = f"readme-{os.getpid()}"
COMMANDS = ("make", "cargo", "curl", "npm", "npx", "aws", "cd", "export", "ffmpeg", "FFMPEG=...", ".venv/bin/python")
NEEDS_AWS = re.compile(r"needs? AWS", re.IGNORECASE)
# Goals of make that this file executes.
HERE = ("demo", "up", "down", "ps", "logs", "tenant", "session", "smoke")
PASTED = (
    ".venv/bin/python tests/bench/media.py --help",
    ".venv/bin/python tests/media make OUT [FORM...]",
    ".venv/bin/python tests/media verify CLIP --first 33 --count 75 --tracks 1",
    ".venv/bin/python tests/media verify CLIP --form hevc_open",
)
# Executed by another file of ours, which has these words.
ELSEWHERE = {
    "make setup": (".ci/run", "make setup"),
    "make test": (".ci/run", "make test"),
    "cargo run --release -p export-domain --example mre_scale": ("tests/bench/run.py", '"--example", "mre_scale"'),
    "FFMPEG=... cargo run --release -p media-export-worker --example clip": ("tests/bench/media.py", '"--example"'),
    "make watch": ("tests/e2e/test_events.py", '"watch"'),
    "export PATH=$PWD/.venv-tools/bin:$PATH": ("tests/e2e/test_events.py", ".venv-tools/bin:"),
    "cargo lambda invoke": ("tests/e2e/test_events.py", '"cargo", "lambda", "invoke"'),
    "cd infra/cdk && npm ci && npm run build": ("Makefile", "npm ci"),
    "npm ci && npm test": ("Makefile", "npm test"),
    "npm run snapshot": ("infra/cdk/package.json", '"snapshot"'),
}


class Command(NamedTuple):
    """A line that a reader would paste. `around`: the text of its section."""

    page: str
    line: str
    around: str


def pages() -> dict[str, str]:
    """The project's, without those that say how test data was made."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    ours = [name for name in listed.split() if "tests/data/" not in name]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in ours}


def commands(page: str, text: str) -> Iterator[Command]:
    """Indented lines that are commands; fenced scripts are executed as a whole."""
    for section in re.split(r"(?m)^(?=#)", text):
        for line in re.findall(r"(?m)^    (\S.*)$", section):
            if line.split()[0] in COMMANDS:
                yield Command(page, re.split(r"\s+#", line)[0].strip(), section)


def scripts() -> list[tuple[str, str]]:
    """Fenced scripts with their pages."""
    return [(page, script) for page, text in pages().items() for script in re.findall(r"(?ms)^```sh\n(.*?)^```", text)]


def made_somewhere() -> set[str]:
    """What `make test`, this file and the nightly workflow make."""
    phases = re.search(r"(?m)^TEST_PHASES := (.*)$", (ROOT / "Makefile").read_text())[1].split()
    nightly = re.search(r"proof: \[(.*)\]", (ROOT / ".github/workflows/nightly.yml").read_text())[1].split(", ")
    return {*phases, *nightly, *HERE}


def is_executed(command: Command) -> bool:
    words = command.line.split()
    goals = {word for word in words[1:] if re.fullmatch("[a-z0-9-]+", word)}
    if words[0] == "make" and goals and goals <= made_somewhere():
        return True
    files = [where for said, where in ELSEWHERE.items() if command.line.startswith(said)]
    if any(words in (ROOT / file).read_text(encoding="utf-8") for file, words in files):
        return True
    return command.line in PASTED or bool(NEEDS_AWS.search(command.around))


def test_every_command_is_executed_or_needs_aws():
    written = [command for page, text in pages().items() for command in commands(page, text)]
    assert len(written) > 30
    assert [command[:2] for command in written if not is_executed(command)] == []
    assert [page for page, _ in scripts()] == ["README.md"]


def test_a_command_that_nobody_executes_is_found():
    lost = [*commands("README.md", "# A\n\n    make nothing\n\n# B\n\nThis needs AWS.\n\n    aws s3 ls\n")]
    assert [is_executed(command) for command in lost] == [False, True]


def make(*words: str) -> str:
    done = subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """What `make demo` prints; it leaves its stack up."""
    try:
        yield make("demo", f"NAME={NAME}")
    finally:
        make("down", f"NAME={NAME}")


def test_the_demo_is_ok(demo):
    assert len(re.findall(r"(?m)^ok\b", demo)) == 2, demo


def test_the_example_answers_as_the_page_says(demo):
    ((_, script),) = scripts()
    done = subprocess.run(
        ["bash", "-eu", "-c", script.replace(". .local/env", f". .local/{NAME}/env")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    first, second, asked, still, listed = [json.loads(line) for line in done.stdout.splitlines()]
    assert (first["ErrorCode"], second["ErrorCode"], still["ErrorCode"]) == (1, 5, 0), done.stdout
    assert asked == second and second["VideoPath"].endswith("/readme.ts")
    assert {second["JobId"], still["JobId"]} <= {job["id"] for job in listed["jobs"]}


def test_the_running_stack_is_listed_and_has_logged(demo):
    assert NAME in make("ps")
    log = subprocess.run(
        [ROOT / ".venv/bin/python", "infra/local/stack.py", "logs", "--name", NAME],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "media-export" in log.stdout.lower()


def test_a_tenant_is_added_and_let_in(demo):
    added = make("tenant", f"NAME={NAME}", "TENANT=acme")
    session = make("session", f"NAME={NAME}", "TENANT=acme", "HOURS=1").split()[-1]
    assert "acme" in added and re.fullmatch(r"[0-9A-F]{32}", session)


def test_the_recordings_tool_makes_and_verifies(tmp_path):
    python, tool = str(ROOT / ".venv/bin/python"), "tests/media"
    for line in PASTED[:2]:
        words = line.replace("OUT [FORM...]", f"{tmp_path} static_time").split()
        subprocess.run([python, *words[1:]], cwd=ROOT, check=True, capture_output=True, timeout=300)
    assert [*tmp_path.rglob("*.mpd")]
    asked = [python, tool, "verify", "--help"]
    told = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for option in shlex.split(" ".join(PASTED[2:])):
        assert not option.startswith("--") or option in told, option
