"""Export random windows of real packagers' recordings from a running stack and judge each clip: see tests/README.md.

Prints a table and exits with 1 if a clip is wrong, or a window refused that can be served.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e.stack import Stack  # noqa: E402

from packagers import programs, recordings  # noqa: E402
from packagers.judge import MS, Original, judge  # noqa: E402

NO_CLOCK_MS = 1_562_253_600_000
CODECS = {0: "", 1: "h264", 2: "hevc"}
JUDGES = threading.Semaphore(2)
RUN = f"{time.time_ns():x}"


@dataclass(frozen=True)
class Window:
    index: int
    recording: str
    start_ms: int
    length_ms: int
    export_type: int
    container: str

    def __str__(self) -> str:
        return f"{self.recording} {self.start_ms}+{self.length_ms} type {self.export_type} {self.container}"


@dataclass
class Outcome:
    """`kind`: right, wrong or refused; `plan`: how the clip was made, and why."""

    window: Window
    kind: str
    what: str = ""
    plan: str = ""
    reason: str = ""
    frames: int = 0
    seconds: float = 0
    worst_db: float = 99.0
    warnings: tuple[str, ...] = ()


class Store:
    """The recordings, each made, stored and read once, and forgotten when its last window is judged."""

    def __init__(self, stack: Stack, windows_left: Counter) -> None:
        self.stack, self.left = stack, windows_left
        self.locks = {name: threading.Lock() for name in windows_left}
        self.held: dict[str, tuple[Original, str]] = {}

    def get(self, name: str) -> tuple[Original, str]:
        with self.locks[name]:
            if name not in self.held:
                folder = recordings.made(recordings.CATALOGUE[name])
                place = f"mp4/packagers/{name}-{folder.name[:8]}/1"
                files = [path for path in folder.rglob("*") if path.is_file() and path.name != "source.mp4"]
                for path in sorted(files, key=lambda path: path.suffix in (".mpd", ".m3u8")):
                    key = f"{self.stack.env['SOURCE_PREFIX']}{place}/{path.relative_to(folder)}"
                    self.stack.s3.put_object(Bucket=self.stack.env["SOURCE_BUCKET"], Key=key, Body=path.read_bytes())
                listing = next(name for name in ("stream.mpd", "stream.m3u8") if (folder / name).exists())
                self.held[name] = Original(folder / listing), f"{place}/{listing}"
            return self.held[name]

    def done(self, name: str) -> None:
        with self.locks[name]:
            self.left[name] -= 1
            if not self.left[name]:
                self.held.pop(name, None)


def request(stack: Stack, original: Original, live_path: str, window: Window) -> dict:
    held = original.manifest
    clock = NO_CLOCK_MS if held.ast_ms is None else held.ast_ms
    return {
        "ServiceCaller": "mma",
        "FetchMedia": True,
        "SessionId": stack.session_id,
        "FileName": f"p{window.index}-{RUN}",
        "StartPos": clock + window.start_ms,
        "StartTime": str(window.start_ms - int(held.periods[0].start / MS)),
        "Duration": window.length_ms,
        "LivePath": live_path,
        "export_type": window.export_type,
        "storage_info": stack.storage(window.container),
    }


def chosen(names: list[str], count: int, seed: int) -> list[tuple[str, random.Random, int, str, int]]:
    """(recording, its chance, export type, container, index) of each window; a longer list begins with the same."""
    found = []
    for index in range(count):
        chance = random.Random(f"{seed}/{index}")
        round_ = names[:]
        random.Random(f"{seed}/round/{index // len(names)}").shuffle(round_)
        kind = chance.choices((0, 1, 2), (60, 20, 20))[0]
        found.append((round_[index % len(names)], chance, kind, chance.choice(("ts", "mp4")), index))
    return sorted(found, key=lambda each: each[0])


def placed(original: Original, chance: random.Random, name: str, kind: int, container: str, index: int) -> Window:
    if isinstance(chance, Fixed):
        return Window(index, name, *chance.window, kind, container)
    shown = original.shown(CODECS[kind])
    if not shown:
        return Window(index, name, 1000, 2000, kind, container)
    begin, end = int(shown[0].at / MS) + 1, int(shown[-1].until / MS)
    length = int(300 * ((2500 if kind == 2 else 6000) / 300) ** chance.random())
    start = chance.randint(begin, max(begin, end - length))
    way = chance.random()
    if way < 0.1:  # at a picture, to the millisecond rounded down as clients do
        start = int(shown[chance.randrange(max(1, len(shown) * 3 // 4))].at / MS)
    elif way < 0.14:  # past the end
        start = max(begin, end - length // 2)
    start = max(start, begin - 1)
    if original.manifest.ast_ms == 0 and any(
        abs(each.at / MS - at) < 2 for each in shown for at in (start, start + length)
    ):
        start += 5  # a date is right to the millisecond: which side of it a picture is on is not to be told
    return Window(index, name, start, length, kind, container)


def export(stack: Stack, store: Store, made: tuple, timeout: float) -> Outcome:
    name, chance, kind, container, index = made
    window = Window(index, name, 0, 0, kind, container)
    try:
        original, live_path = store.get(name)
        with JUDGES:
            window = placed(original, chance, name, kind, container, index)
        began = time.monotonic()
        body = request(stack, original, live_path, window)
        answer = stack.finish(body, timeout)
        took = time.monotonic() - began
        refused = recordings.CATALOGUE[name].refused
        if answer.code != 5:
            said = answer.body["ErrorMessage"]
            detail = stack.job(answer.body["JobId"]).get("detail", "") if "JobId" in answer.body else ""
            return Outcome(
                window,
                "right" if refused and said == refused else "refused",
                f"{said} {detail or ''}".strip(),
                seconds=took,
            )
        job = stack.job(answer.body["JobId"])
        plan = job.get("plan", {})
        with JUDGES, tempfile.TemporaryDirectory() as work:
            clip = stack.fetch(answer.body["VideoPath"], Path(work))
            jpeg = stack.fetch(answer.body["ImagePath"], Path(work)) if "ImagePath" in answer.body else None
            length = window.length_ms * MS
            verdict = judge(original, clip, window.start_ms * MS, length, CODECS[kind], answer.body["LackLength"], jpeg)
            if verdict.problems and KEEP:
                KEEP.mkdir(parents=True, exist_ok=True)
                (KEEP / f"{index}-{name}{clip.suffix}").write_bytes(clip.read_bytes())
        return Outcome(
            window,
            "wrong" if verdict.problems else "right",
            "; ".join(verdict.problems),
            plan.get("kind", ""),
            plan.get("reason", ""),
            verdict.frames,
            took,
            verdict.worst_db,
            tuple(each.get("code", str(each)) for each in plan.get("warnings", [])),
        )
    except TimeoutError as error:
        return Outcome(window, "refused", f"no end: {str(error)[:200]}", seconds=timeout)
    except Exception as error:  # noqa: BLE001 - a judge that breaks is told as such, and the others go on
        return Outcome(window, "wrong", f"the judge broke: {error!r} {traceback.format_exc()[-600:]}")
    finally:
        store.done(name)


KEEP: Path | None = None


def table(outcomes: list[Outcome], names: list[str]) -> str:
    kinds = Counter(each.kind for each in outcomes)
    lines = [
        f"recordings {len(names)}, windows {len(outcomes)}, "
        + ", ".join(f"{key} {kinds[key]}" for key in ("right", "refused", "wrong")),
        "",
    ]
    lines += ["| plan | reason | type | windows |", "|---|---|---|---|"]
    plans = Counter((each.plan, each.reason, each.window.export_type) for each in outcomes if each.plan)
    lines += [
        f"| {plan} | {reason[:150]} | {kind} | {count} |" for (plan, reason, kind), count in sorted(plans.items())
    ]
    warnings = Counter((each.window.recording.split("_")[0], code) for each in outcomes for code in each.warnings)
    lines += ["", *(f"warning {code} on {who}: {count}" for (who, code), count in sorted(warnings.items()))]
    for kind in ("refused", "wrong"):
        chosen_ = [each for each in outcomes if each.kind == kind]
        lines += ["", f"{kind}:" if chosen_ else f"{kind}: none"]
        lines += [
            f"  {each.window} [{each.plan or '-'}]: {each.what[:400]}"
            for each in sorted(chosen_, key=lambda each: str(each.window))
        ]
    slow = sorted(outcomes, key=lambda each: -each.seconds)[:3]
    lines += ["", "slowest: " + ", ".join(f"{each.seconds:.0f} s {each.window}" for each in slow)]
    return "\n".join(lines)


def main() -> int:
    global KEEP
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", type=Path, required=True, help="the environment file of a running stack")
    parser.add_argument("--windows", type=int, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", default="", help="recordings whose names begin so, separated by commas")
    parser.add_argument(
        "--window",
        default="",
        help="one window as START+LENGTH,TYPE,CONTAINER in ms, of each recording that --only names",
    )
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--timeout", type=float, default=180)
    parser.add_argument("--keep", type=Path, help="a folder for the clips that are wrong")
    parser.add_argument("--json", type=Path, help="a file for all outcomes")
    args = parser.parse_args()
    KEEP = args.keep
    stack = Stack(args.env)
    names = [
        kind.name for kind in recordings.able() if not args.only or kind.name.startswith(tuple(args.only.split(",")))
    ]
    absent = ", ".join(programs.missing()) or "none"
    print(
        f"packagers: SEED={args.seed}, {len(names)} recordings; not installed: {absent}",
        flush=True,
    )
    if args.window:
        times, kind, container = args.window.split(",")
        start, length = map(int, times.split("+"))
        made = [(name, Fixed(start, length), int(kind), container, index) for index, name in enumerate(names)]
    else:
        made = chosen(names, args.windows, args.seed)
    store = Store(stack, Counter(each[0] for each in made))
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(args.at_once) as pool:
        for outcome in pool.map(lambda each: export(stack, store, each, args.timeout), made):
            outcomes.append(outcome)
            if outcome.kind != "right" or args.window:
                print(
                    f"{outcome.kind}: {outcome.window} [{outcome.plan or '-'}: {outcome.reason}] {outcome.what}",
                    flush=True,
                )
    print(table(outcomes, sorted({each.window.recording for each in outcomes})))
    if args.json:
        args.json.write_text(json.dumps([asdict(each) for each in outcomes], indent=1))
    return 0 if all(each.kind == "right" for each in outcomes) else 1


class Fixed(random.Random):
    """A window that is asked for."""

    def __init__(self, start: int, length: int) -> None:
        super().__init__(0)
        self.window = (start, length)


if __name__ == "__main__":
    sys.exit(main())
