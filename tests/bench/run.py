"""What the functions weigh, how fast they answer, what they ask of AWS and what that costs: `make bench`.

Writes results.json, results.md and cost.md beside this file. What clips cost media.py measures (`make bench-media`).
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "infra" / "ops")]

from bench import calls, cost, functions  # noqa: E402
from bench.media import machine, table  # noqa: E402
from chaos.processes import Processes  # noqa: E402
from chaos.proxy import Proxy  # noqa: E402
from e2e.stack import LAUNCHER, Stack  # noqa: E402

RESULTS, PAGE, COST = HERE / "results.json", HERE / "results.md", HERE / "cost.md"
WORKER = "media-export-worker"
# Megabytes of a zip, of an HTTP function and of a worker, and of a binary; milliseconds to a first reply.
HTTP_MB, WORKER_MB, BINARY_MB, FIRST_MS = 6, 12, 12, 20
SCALE_HEAD = ["segments", "render `guide`", "render `mre`", "whole event", "of it, rows", "replay, live join"]
SCALE_HEAD += ["replay, MRE's join"]


class Bench:
    """Release binaries and a local stack of our own, both made when they are first needed."""

    def __init__(self, binaries: Path | None, runs: int) -> None:
        self.runs = runs
        self._binaries = binaries
        self.name = "bench"

    @property
    def binaries(self) -> Path:
        if not self._binaries:
            packages = [word for name in functions.FIRST for word in ("--package", name)]
            subprocess.run(["cargo", "build", "--release", "--locked", "--bins", *packages], check=True, cwd=ROOT)
            self._binaries = _target() / "release"
        return self._binaries

    @contextmanager
    def stack(self) -> Iterator[tuple[Stack, Proxy]]:
        """A stack whose functions call AWS through a proxy."""
        proxy = Proxy()
        up = ["up", "--name", self.name, "--bin-dir", str(self.binaries), "--functions-endpoint", proxy.url]
        # As in AWS, where a clip's playlist is an option.
        up += ["--parameter", "InstantPlayback=off"]
        try:
            subprocess.run([sys.executable, str(LAUNCHER), *up], check=True, cwd=ROOT)
            env_file = ROOT / ".local" / self.name / "env"
            stack = Stack(env_file)
            proxy.upstream = int(stack.env["AWS_ENDPOINT_URL"].rpartition(":")[2])
            proxy.processes = Processes(env_file.parent, Path(stack.env["FFMPEG"]))
            yield stack, proxy
        finally:
            subprocess.run([sys.executable, str(LAUNCHER), "down", "--name", self.name], check=True, cwd=ROOT)
            proxy.close()


def _target() -> Path:
    command = ["cargo", "metadata", "--no-deps", "--format-version=1"]
    told = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return Path(json.loads(told.stdout)["target_directory"])


def scaling() -> dict[str, list[float]]:
    """Milliseconds by number of segments: see `mre_scale`."""
    command = ["cargo", "run", "--quiet", "--release", "--locked", "-p", "export-mre", "--example", "mre_scale"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    rows = re.findall(r"(?m)^\| *([\d,]+) \|(.*)\|$", told)
    return {count: [float(each) for each in re.findall(r"([\d.]+) ms", rest)] for count, rest in rows}


def measure(bench: Bench, sections: list[str], results: dict) -> None:
    """Replaces the sections asked for in `results`."""
    if "sizes" in sections:
        results["sizes"] = functions.sizes(bench.binaries)
    if {"cold", "latency", "calls"} & set(sections):
        with bench.stack() as (stack, proxy):
            env = stack.env
            if "calls" in sections:
                results["calls"] = {"media": calls.media(stack, proxy), "data": calls.data(stack, proxy)}
        # The stack is down: nothing else is to run while times are taken.
        if "cold" in sections:
            results["cold_start_ms"] = functions.cold_starts(bench.binaries, env, bench.runs)
        if "latency" in sections:
            results["latency_ms"] = functions.latencies(bench.binaries, env, bench.runs * 20)
    if "scaling" in sections:
        results["scaling_ms"] = scaling()


def targets(results: dict) -> Iterator[tuple[str, float, float]]:
    """What was wanted: name, figure and bound."""
    for name, size in results["sizes"].items():
        if name in functions.HTTP or name == WORKER:
            limit = WORKER_MB if name == WORKER else HTTP_MB
            yield f"{name}: zip, MB", size["zip_mb"], limit
            yield f"{name}: binary, MB", size["binary_mb"], BINARY_MB
    for name in functions.HTTP:
        yield f"{name}: first reply, ms", results["cold_start_ms"][name]["p50"], FIRST_MS
    polled = results["calls"]["media"]["poll"].values()
    yield "poll: calls to AWS", sum(sum(counts.values()) for counts in polled), 1


def page_text(results: dict) -> str:
    """The tables."""
    return "\n\n".join(_page(results)) + "\n"


def _page(results: dict) -> Iterator[str]:
    yield "# Measured: functions"
    yield "    make bench                     # writes this page, results.json and cost.md"
    on = f"{results['machine']['cores']} cores ({results['machine']['cpu']})"
    yield f"Release binaries for x86_64 on {on}; load before: {results['load']:.1f}."
    rows = [[name, size["binary_mb"], size["zip_mb"]] for name, size in results["sizes"].items()]
    cold = results["cold_start_ms"]
    rows = [[*row, *(cold[row[0]][key] for key in ("min", "p50", "p95"))] for row in rows]
    yield table(["function", "binary, MB", "zip, MB", "first reply, ms: min", "median", "p95"], rows)
    yield "First reply: from spawning the process to its answer to an event that needs AWS; an AWS in memory answers at once."
    rows = [
        [name, *(took[key] for key in ("min", "p50", "p95", "peak_mib")), _told(took["calls"])]
        for name, took in results["latency_ms"].items()
    ]
    yield table(["warm", "ms: min", "median", "p95", "peak MiB", "calls to AWS each"], rows)
    yield "From handing the event over to the reply, the same AWS; each call costs about half a millisecond of that."
    rows = [
        [name, function, _told(counts)]
        for kind in results["calls"].values()
        for name, asked in kind.items()
        for function, counts in (asked or {"": {}}).items()
    ]
    yield "Calls to AWS, counted on the local stack, sessions and tenants cached:"
    yield table(["what", "function", "calls"], rows)
    yield "Documents of n segments, milliseconds (`mre_scale`):"
    yield table(SCALE_HEAD, [[count, *took] for count, took in results["scaling_ms"].items()])
    rows = [[name, float(got), float(bound), "yes" if got <= bound else "no"] for name, got, bound in targets(results)]
    yield table(["target", "figure", "bound", "met"], rows)
    yield "The zip is what Lambda fetches for a cold start. Most of a binary are the clients of AWS with their TLS, which each function needs."
    yield "Binaries over their bound, by up to 13 %, hold what grew since it was set: the readers of HLS and transport streams and the playlists of clips in "\
        "the worker, the lists and documents of batches in `export-batch`, the planner in `recordings`. Compiled for size (`opt-level = \"s\"`) their own crates make "\
        "them larger: 15.08 MB the worker, 13.71 MB `export-batch`. Their zips and first replies are within their bounds."


def _told(counts: dict[str, float]) -> str:
    return ", ".join(f"{count:g} {name.rpartition(':')[2]}" for name, count in counts.items())


SECTIONS: dict[str, str] = {
    "sizes": "binaries and zips",
    "cold": "first replies",
    "latency": "submissions and polls in warm functions",
    "calls": "calls to AWS",
    "scaling": "documents by their size",
    "cost": "the price of a thousand jobs",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told = ", ".join(f"{name} ({what})" for name, what in SECTIONS.items())
    choices = [*SECTIONS, []]
    parser.add_argument("section", nargs="*", choices=choices, metavar="section", help=f"default all of: {told}")
    parser.add_argument("--bin-dir", type=Path, help="release binaries, instead of building them")
    parser.add_argument("--runs", type=int, default=40, help="first replies of each function (default 40)")
    args = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    sections = args.section or list(SECTIONS)
    if sections != ["cost"]:
        # Figures of two machines are not to stand side by side.
        here, load = machine(), os.getloadavg()[0]
        results = results if results.get("machine") == here else {}
        results |= {"machine": here, "load": load}
        measure(Bench(args.bin_dir, args.runs), sections, results)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(page_text(results))
    media, prices = (json.loads((HERE / name).read_text()) for name in ("media.json", "prices.json"))
    COST.write_text(cost.text(results, media, prices))
    print(PAGE.read_text(), COST.read_text(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
