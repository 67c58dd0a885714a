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

from deployment import Deployment, DeploymentError, add_arguments  # noqa: E402
from smoke.checks import CHECKS, Skipped  # noqa: E402
from smoke.subject import Subject  # noqa: E402


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    options = parser.parse_args()
    # However it is broken off, and also where a shell ignores Ctrl-C for it: what was made is taken away.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    left: list[str] = []
    failed = 0
    try:
        with contextlib.ExitStack() as made:
            subject = Subject(Deployment(options.stack, options.env), made, left)
            os.environ.setdefault("FFMPEG", subject.ffmpeg)
            print(f"stack {options.stack}, {subject.env['API_URL']}, as {subject.name}", flush=True)
            failed = run(subject)
    except DeploymentError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        failed = 130
    for each in left:
        print(f"LEFT    {each}")
    print("nothing is left" if not left else f"{len(left)} things are left")
    return failed if failed == 130 else int(bool(failed or left))


if __name__ == "__main__":
    sys.exit(main())
