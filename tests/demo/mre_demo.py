#!/usr/bin/env python3
"""Load a tennis event and its replay into the local stack, let the bus ask for the replay's export, show both documents."""

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from e2e.mre import Mre, scenarios  # noqa: E402
from e2e.stack import Answer, Stack  # noqa: E402

SCENARIO = "replay_mp4_weight"
HEAD_LINES = 14


def show(mre: Mre, title: str, path: str, answer: Answer, document: dict, part: str) -> None:
    """Print a request, what its headers say, and the head of one part of its document."""
    print(f"{title:12}curl '{mre.env['API_URL']}{path}'")
    about = {"source": "x-export-source", "profile": "x-export-profile-source", "etag": "etag"}
    print(f"            {answer.status}  " + "  ".join(f"{name} {answer.headers.get(key)}" for name, key in about.items()))
    lines = json.dumps({part: document[part]}, indent=2, ensure_ascii=False).splitlines()
    print("\n".join(f"            {line}" for line in lines[:HEAD_LINES]))
    print(f"            … {len(document['Segments'])} segments, {len(answer.text)} bytes in all")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", type=Path, default=ROOT / ".local" / "env", help="the stack's env file")
    args = parser.parse_args()
    if not args.env.exists():
        sys.exit(f"{args.env} is not there: run `make up` first")
    scenario = scenarios()[SCENARIO]
    with Mre(Stack(args.env)).listening() as mre:
        replay = mre.add(scenario)
        event = replay.of_event()
        print(f"rows        event '{event.event}' of '{event.program}' and replay {replay.replay}")

        answer = mre.get(event.path())
        show(mre, "event", event.path(), answer, answer.body, "Event")

        begun = time.perf_counter()
        told = mre.export(scenario, replay)
        print(f"bus         {scenario['trigger']['detail']['State']} -> {told['detail']['State']}, {time.perf_counter() - begun:.1f} s")
        print(f"            {told['detail']['Event']['ReplayExportS3Location']}")

        answer = mre.get(replay.path())
        show(mre, "replay", replay.path(), answer, answer.body, "Replay")
        stored = mre.get(replay.mre_path())
        text = stored.body["BlobContent"]
        show(mre, "MRE's own", replay.mre_path(), stored, json.loads(text), "Segments")
    ok = answer.status == stored.status == 200 and stored.headers["x-export-source"] == "stored"
    print("ok" if ok else "FAILED")
    return not ok


if __name__ == "__main__":
    sys.exit(main())
