"""Ask a deployed stack for everything once, with a tenant of its own, and leave nothing behind: `make smoke`.

One line a check; the exit code is 0 only if none failed and all that was made is gone again.
"""

import argparse
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "infra" / "ops")]

from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402

from deployment import Deployment, DeploymentError, add_arguments  # noqa: E402
from directory import RowError  # noqa: E402
from smoke.checks import CHECKS, Skipped  # noqa: E402
from smoke.subject import Subject  # noqa: E402

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(subject: Subject) -> int:
    """Every check in turn; returns how many failed."""
    failed = 0
    for check in CHECKS:
        began = time.monotonic()
        try:
            check(subject)
            verdict, why = "ok", ""
        except Skipped as reason:
            verdict, why = "skipped", f": {reason}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are made
            verdict, why = "FAILED", f": {error or type(error).__name__}"
            failed += 1
        title = check.__doc__.splitlines()[0].rstrip(".")
        print(f"{verdict:8}{title}{why}  ({time.monotonic() - began:.1f} s)", flush=True)
    return failed


def ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def break_off(*_: object) -> None:
    """The first signal ends the checks; no further one ends what takes away."""
    ignore_signals()
    raise KeyboardInterrupt


def ask(deployment: Deployment, url: str | None, left: list[str]) -> int:
    """All checks on a deployment; `left` gets what could not be taken away. Returns how many failed."""
    with contextlib.ExitStack() as made:
        try:
            subject = Subject(deployment, made, left, url)
            os.environ.setdefault("FFMPEG", subject.ffmpeg)
            print(f"stack {deployment.stack}, {subject.env['API_URL']}, as {subject.name}", flush=True)
            return run(subject)
        finally:
            ignore_signals()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--url", help="base URL of the API, where the stack's own does not resolve here, as an emulator's")
    options = parser.parse_args()
    # However it is broken off, and also where a shell ignores Ctrl-C for it: what was made is taken away.
    for number in SIGNALS:
        signal.signal(number, break_off)
    left: list[str] = []
    code = 1
    try:
        code = int(bool(ask(Deployment(options.stack, options.env), options.url, left)))
    except (DeploymentError, RowError, BotoCoreError, ClientError) as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        code = 130
    finally:
        for each in left:
            print(f"LEFT    {each}")
        print("nothing is left" if not left else f"{len(left)} things are left", flush=True)
    return code or int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
