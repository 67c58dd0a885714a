"""Holds the deciders of `shared/media` to their own tests: changes them one place at a time, and counts who notices.

Which files: `.cargo/mutants.toml`. Ends with an error if fewer than LEAST of the changes make a test fail.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEAST = 0.95
# Exit statuses of cargo-mutants: all caught, some missed, some did not end.
ENDS = (0, 2, 3)


def verdict(outcomes: list[dict]) -> tuple[float, str]:
    """The share of the changes that were noticed, and a table: a line a file, then what nobody noticed."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    missed = []
    for outcome in outcomes:
        mutant = outcome["scenario"]
        # The baseline, and what does not compile.
        if mutant == "Baseline" or outcome["summary"] not in ("CaughtMutant", "Timeout", "MissedMutant"):
            continue
        noticed = outcome["summary"] != "MissedMutant"
        counts[mutant["Mutant"]["file"]][0] += noticed
        counts[mutant["Mutant"]["file"]][1] += 1
        if not noticed:
            missed.append(mutant["Mutant"]["name"])
    noticed, all_of_them = (sum(count[n] for count in counts.values()) for n in (0, 1))
    lines = [f"{file}: {caught} of {number}" for file, (caught, number) in sorted(counts.items())]
    lines += ["nobody noticed:", *sorted(missed)] if missed else []
    return (noticed / all_of_them if all_of_them else 0.0), "\n".join(lines)


def main() -> int:
    folder = ROOT / "target"
    command = ["cargo", "mutants", "--package", "export-media", "--output", str(folder), "--no-shuffle", "--colors", "never"]
    status = subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, check=False).returncode
    if status not in ENDS:
        return status
    outcomes = json.loads((folder / "mutants.out" / "outcomes.json").read_text(encoding="utf-8"))["outcomes"]
    share, table = verdict(outcomes)
    print(f"{table}\nmutants: {share:.1%} noticed, {LEAST:.0%} wanted")
    return 0 if share >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
