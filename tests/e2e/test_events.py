"""Every file under events/ through `cargo lambda invoke`: the functions run as they are, each alone."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .mre import Mre, scenarios
from .stack import ROOT

EVENTS = ROOT / "events"
HTTP = {
    "media-export-submit/seed-export": (200, {1, 5}),
    "media-export-submit/seed-thumbnail": (200, {0, 1}),
    "media-export-submit/mp4": (200, {1, 5}),
    "media-export-submit/no-body": (400, {-1}),
    "media-export-submit/not-json": (400, {-1}),
    "media-export-submit/bad-base64": (400, {-1}),
    "media-export-submit/bad-live-path": (400, {-1}),
    "media-export-submit/wrong-session": (401, {-1}),
    "export-batch/clips": (202, set()),
    "export-batch/edl": (202, set()),
    "export-batch/reel": (202, set()),
    "export-batch/faults": (400, set()),
    "export-batch/list": (200, set()),
    "export-batch/unknown": (404, set()),
    "status-poll/get": (404, {-1}),
    "status-poll/post": (200, {1, 5}),
    "status-poll/unknown": (404, {-1}),
    "status-poll/edit": (404, set()),
    "status-poll/job": (404, set()),
    "status-poll/jobs": (200, set()),
    "status-poll/version": (200, set()),
    "media-read/files": (404, set()),
    "media-read/play": (404, set()),
    "media-read/video": (404, set()),
    "recordings/list": (200, set()),
    "recordings/get": (404, set()),
    "recordings/plan": (200, set()),
    "event-export/get-ok": (200, set()),
    "event-export/get-edl": (200, set()),
    "event-export/get-not-found": (404, set()),
    "replay-export/get-ok": (200, set()),
    "replay-export/get-not-found": (404, set()),
}
QUEUE = ["one", "several", "poison", "redelivered"]
TRIGGERS = ["event", "replay", "other", "poison"]

pytestmark = pytest.mark.skipif(
    not (shutil.which("cargo-lambda") or (ROOT / ".venv-tools/bin/cargo-lambda").exists()),
    reason="cargo-lambda is not installed: make setup",
)


@pytest.fixture(scope="module")
def invoke(stack, recorded, tmp_path_factory) -> Iterator[Callable[[str, Path], dict]]:
    """Sends an event file to a function that `cargo lambda watch` runs; the function's reply."""
    recorded("seed")
    mre = Mre(stack)
    mre.load(scenarios()["replay_mp4_weight"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = {**os.environ, "PATH": f"{ROOT}/.venv-tools/bin:{os.environ['PATH']}"}
    log = tmp_path_factory.mktemp("watch") / "log"
    command = [
        "cargo",
        "lambda",
        "watch",
        "--ignore-changes",
        "-A",
        "127.0.0.1",
        "-P",
        port,
        "--env-file",
        str(stack.env_file),
    ]
    with log.open("wb") as out:
        watch = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)

    def send(function: str, event: Path) -> dict:
        command = ["cargo", "lambda", "invoke", "-A", "127.0.0.1", "-P", port, function, "--data-file", str(event)]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{log.read_text()[-3000:]}"
        return json.loads(done.stdout)

    try:
        _wait_for(int(port), watch)
        yield send
    finally:
        os.killpg(watch.pid, signal.SIGTERM)
        watch.wait(timeout=20)


def _wait_for(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("cargo lambda watch does not answer")


def test_every_event_file_is_tried():
    named = {f"{name}.apigw-v2.json" for name in HTTP} | {f"media-export-worker/{name}.sqs.json" for name in QUEUE}
    named |= {f"data-export-worker/{name}.sqs.json" for name in TRIGGERS}
    files = {str(path.relative_to(EVENTS)) for path in EVENTS.glob("*/*.json") if ".schema." not in path.name}
    assert files == named | {"job-sweeper/tick.json"}


@pytest.mark.parametrize("name", HTTP)
def test_http_event_is_answered(name, invoke):
    status, codes = HTTP[name]
    reply = invoke(name.partition("/")[0], EVENTS / f"{name}.apigw-v2.json")
    assert reply["statusCode"] == status, reply
    assert isinstance(json.loads(reply["body"]), dict)
    if codes:
        assert json.loads(reply["body"])["ErrorCode"] in codes, reply


@pytest.mark.parametrize("name", QUEUE)
def test_messages_about_nothing_are_acknowledged(name, invoke):
    assert invoke("media-export-worker", EVENTS / f"media-export-worker/{name}.sqs.json") == {"batchItemFailures": []}


@pytest.mark.parametrize("name", TRIGGERS)
def test_triggers_are_acknowledged(name, invoke):
    assert invoke("data-export-worker", EVENTS / f"data-export-worker/{name}.sqs.json") == {"batchItemFailures": []}


def test_a_message_that_cannot_be_read_goes_to_the_dead_letter_queue(invoke, stack):
    event = EVENTS / "media-export-worker/poison.sqs.json"
    body = json.loads(event.read_text())["Records"][0]["body"]
    invoke("media-export-worker", event)
    queue = stack.env["CLIP_DEAD_LETTER_QUEUE_URL"]
    got = stack.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2, VisibilityTimeout=0)
    assert body in [message["Body"] for message in got.get("Messages", [])]


def test_a_tick_of_the_sweeper_succeeds(invoke):
    assert isinstance(invoke("job-sweeper", EVENTS / "job-sweeper/tick.json"), dict)
