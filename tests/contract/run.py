"""One run of schemathesis against a stack."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from e2e.mre import Mre, scenarios
from e2e.stack import ROOT, Stack

HERE = Path(__file__).parent
DOCUMENT = ROOT / "infra" / "openapi" / "export.v1.json"
SCENARIO = "replay_mp4_weight"
ARCHIVE = ("mma-video-archive", "us-west-1")
# Far more jobs than a run stores: that a tenant has a limit is tested elsewhere.
MANY = 1_000_000


@dataclass(frozen=True)
class Report:
    """What a run found."""

    cases: int
    failures: list[str]
    text: str
    raw: dict


class Caller:
    """A tenant of its own, and an event with a replay that it can ask for."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        targets = [(stack.env["EXPORT_BUCKET"], stack.env["AWS_REGION"]), ARCHIVE]
        self.session = stack.add_tenant("contract", targets, max_active=MANY)
        names = Mre(stack).add(scenarios()[SCENARIO])
        self.names = {"event": names.event, "program": names.program, "id": names.replay}

    def run(self, folder: Path, *options: str, document: Path = DOCUMENT, timeout: float = 3600) -> Report:
        """Hold the stack to a document, with further options of `schemathesis run`."""
        report = folder / "report.json"
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "--no-color",
            "--config-file", str(HERE / "schemathesis.toml"), "run", str(document),
            "--url", self.stack.env["API_URL"], "--header", f"X-Session-Id: {self.session}",
            "--report", "json", "--report-json-path", str(report), *options,
        ]  # fmt: skip
        bucket, region = ARCHIVE
        env = {
            **os.environ,
            "PYTHONPATH": str(HERE.parent),
            "SCHEMATHESIS_HOOKS": "contract.hooks",
            "CONTRACT_NAMES": json.dumps(self.names),
            "CONTRACT_BUCKET": bucket,
            "CONTRACT_REGION": region,
        }
        ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=timeout, check=False)
        text = ran.stdout + ran.stderr
        if not report.exists():
            raise RuntimeError(text)
        raw = json.loads(report.read_text())
        found = [each["title"] for each in (*raw["failures"], *raw["errors"])]
        return Report(raw["test_cases"]["generated"], found, text, raw)
