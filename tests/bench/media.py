"""What clips and pictures cost, as ratios measured in one run: `python tests/bench/media.py --help`.

The clip engine runs as a command (shared/clip/src/bin/clip), without a stack and without a network.
CPU seconds are user and system time of a process and of all that it started; the runs to be compared take turns, so
that whatever else the machine does falls on all of them.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from media import boxes, dash, ffmpeg, forms, verify  # noqa: E402
from media.encode import Video  # noqa: E402

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "bench"

FPS, GOP_FRAMES, SECONDS = 25, 50, 90
GOP_MS = GOP_FRAMES * 1000 // FPS
BITS_A_SECOND = 6_000_000
AUDIO_RATE, AAC_FRAME = 48_000, 1024
# What a camera sends: 1080p at 6 Mb/s in closed GOPs of 2 s, with B pictures, and grain enough to fill the rate.
CAMERA = {
    "count": SECONDS * FPS,
    "width": 1920,
    "height": 1080,
    "gop": GOP_FRAMES,
    "bframes": 3,
    "rate": str(BITS_A_SECOND),
    "noise": 6,
}
RAW = ["-f", "rawvideo", "-pix_fmt", "yuv420p"]
# What the encoder that re-encodes everything is told: as the worker tells its own.
ENCODER = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-g", str(GOP_FRAMES), "-bf", "2"]
ENCODER += ["-maxrate", str(BITS_A_SECOND * 14 // 10), "-bufsize", str(BITS_A_SECOND * 28 // 10), "-pix_fmt", "yuv420p"]
# What weighs most: UHD by its codec and layout.
UHD = {"count": 96, "width": 3840, "height": 2160, "gop": 48, "bframes": 2, "preset": "ultrafast", "noise": 0}
LARGE = {
    "UHD H.264 4:2:0 8 bit": {"codec": "h264", "pixels": "yuv420p"},
    "UHD HEVC 4:2:0 10 bit": {"codec": "hevc", "pixels": "yuv420p10le"},
    "UHD HEVC 4:2:2 10 bit": {"codec": "hevc", "pixels": "yuv422p10le"},
}
CLIP_MEMORY_MIB = 3008
# What is wanted of a form; of the others that they fit.
LARGE_MOST_MIB = {"UHD HEVC 4:2:0 10 bit": 2000}
# The least that makes an ffmpeg of any build read, decode, encode and write: one small picture of H.264.
ONE_PICTURE = ["-f", "lavfi", "-i", "color=size=16x16", "-frames:v", "1", "-c:v", "libx264", "-f", "h264", "pipe:1"]
TAKE_IT = ["-hide_banner", "-nostdin", "-v", "error", "-f", "h264", "-i", "pipe:0", "-f", "framecrc", "pipe:1"]
STARTS = 300
# Presets of a head at about one quality, with the tools that make it of the profile Constrained Baseline, Main or High.
HEADS = [
    ("ultrafast", "24", "8x8dct=1"),
    ("ultrafast", "24", "8x8dct=0"),
    ("ultrafast", "24", "cabac=1"),
    ("ultrafast", "24", "cabac=1:8x8dct=1"),
    ("superfast", "24", "ref=1"),
    ("veryfast", "18", "ref=2"),
    ("faster", "19", "ref=2"),
]
FIRST_START_MS = 10_000
SHORT_MS, LONG_MS = 9_000, 60_000


@dataclass(frozen=True)
class Recording:
    """A recording on disk, and the same as one progressive file."""

    folder: Path
    whole: Path
    samples: list[list[tuple[Fraction, Fraction, int]]]
    """By track: presentation time, its end, bytes."""

    def media_bytes(self, start_ms: int, duration_ms: int) -> int:
        """Bytes of the pictures that start in a window, and of the sound that sounds in it."""
        start, end = Fraction(start_ms, 1000), Fraction(start_ms + duration_ms, 1000)
        video, *audio = self.samples
        pictures = sum(size for pts, _, size in video if start <= pts < end)
        return pictures + sum(size for track in audio for pts, until, size in track if until > start and pts < end)

    def gop_bytes(self, start_ms: int) -> int:
        """Bytes of the GOP around an instant."""
        begin = start_ms // GOP_MS * GOP_MS
        return sum(size for pts, _, size in self.samples[0] if begin <= pts * 1000 < begin + GOP_MS)

    def audio_bytes(self) -> int:
        """Bytes of the largest two segments of each audio track."""
        found = 0
        for rep in range(1, len(self.samples)):
            sizes = sorted(path.stat().st_size for path in self.folder.glob(f"seg-{rep}-*.m4s"))
            found += sum(sizes[-2:])
        return found


def made(name: str, **change: object) -> Recording:
    """A recording of this picture, one that a camera sends but for `change`, and one AAC track; made once."""
    wanted = {**CAMERA, **change}
    folder = CACHE / f"{name}-{sha256(json.dumps(wanted).encode()).hexdigest()[:12]}"
    whole = folder / "whole.mp4"
    if not whole.exists():
        print(f"making {folder.relative_to(ROOT)}", file=sys.stderr)
        spec = Video(**wanted)
        tracks = [forms.picture(spec), forms.plain_audio(spec.count // FPS)]
        tracks[0].bandwidth = BITS_A_SECOND
        manifest = dash.Manifest([dash.Period(tracks)], duration=Fraction(spec.count, FPS))
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in dash.files(manifest).items():
            (folder / file).write_bytes(data)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            inputs = []
            for k, track in enumerate(tracks):
                path = Path(work, f"{k}.mp4")
                path.write_bytes(track.init + b"".join(segment.data for segment in track.segments))
                inputs += ["-i", str(path)]
            out = Path(work, "whole.mp4")
            ffmpeg.run(*inputs, "-map", "0", "-map", "1", "-c", "copy", "-movflags", "+faststart", str(out))
            out.rename(whole)
    return Recording(folder, whole, [samples(folder, rep) for rep in (0, 1)])


def samples(folder: Path, rep: int) -> list[tuple[Fraction, Fraction, int]]:
    names = sorted(folder.glob(f"seg-{rep}-*.m4s"), key=lambda path: int(path.stem.split("-")[2]))
    data = (folder / f"init-{rep}.mp4").read_bytes() + b"".join(path.read_bytes() for path in names)
    (track,) = boxes.tracks(data)
    found = []
    for fragment in boxes.fragments(data):
        for sample in fragment.samples[track.id]:
            pts = sample.pts - track.edit_shift
            end = pts + sample.duration
            found.append((Fraction(pts, track.timescale), Fraction(end, track.timescale), sample.size))
    return found


@dataclass(frozen=True)
class Spent:
    """User and system time of a process and its children, in seconds; what it printed."""

    cpu_s: float
    wall_s: float
    output: str


def spend(*programs: list[object]) -> Spent:
    """Run a program, or several joined by pipes; raises with their complaints when one fails."""
    with tempfile.TemporaryFile() as complaints:
        begun = time.perf_counter()
        children: list[subprocess.Popen] = []
        for argv in programs:
            source = children[-1].stdout if children else subprocess.DEVNULL
            command = [str(arg) for arg in argv]
            children.append(subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=complaints))
            if len(children) > 1:
                source.close()
        output = children[-1].stdout.read().decode()
        cpu = 0.0
        for child in children:
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            cpu += usage.ru_utime + usage.ru_stime
        wall = time.perf_counter() - begun
        if any(child.returncode for child in children):
            complaints.seek(0)
            why = complaints.read().decode()[-2000:]
            raise RuntimeError(f"{programs[0][0]} ended with {[c.returncode for c in children]}: {why}{output}")
    return Spent(cpu, wall, output)


@dataclass
class Bench:
    """What all runs share."""

    driver: Path
    smartcut: Path | None
    work: Path

    def worker(self, folder: Path, start_ms: int, duration_ms: int, *more: object) -> tuple[Spent, dict]:
        """The engine's cut of a window; raises when nothing was made."""
        spent = spend(measured(self.driver, folder, start_ms, duration_ms, *more))
        told = json.loads(spent.output.splitlines()[-1])
        if told["failure"]:
            raise RuntimeError(f"the engine made nothing: {told['failure']}")
        return spent, told

    def piped_encode(self, whole: Path, start_ms: int, duration_ms: int) -> Spent:
        """Every picture of the window decoded by one ffmpeg and encoded by another, as the worker joins them."""
        decoder = [*self._window(whole, start_ms, duration_ms), "-map", "0:v", *RAW, "pipe:1"]
        raw = [*RAW, "-video_size", "1920x1080", "-framerate", FPS, "-i", "pipe:0"]
        return spend(decoder, [*self._ffmpeg(), *raw, *ENCODER, self.work / "ffmpeg.mp4"])

    def plain_encode(self, whole: Path, start_ms: int, duration_ms: int) -> Spent:
        """The same in one process."""
        window = self._window(whole, start_ms, duration_ms)
        return spend([*window, "-map", "0", *ENCODER, "-c:a", "copy", self.work / "ffmpeg.mp4"])

    def copy(self, whole: Path, start_ms: int, duration_ms: int) -> Spent:
        """Copies from the key frame before the window on: not frame-exact, and as cheap as it gets."""
        window = self._window(whole, start_ms, duration_ms)
        return spend([*window, "-map", "0", "-c", "copy", self.work / "ffmpeg.mp4"])

    def cut_by_smartcut(self, whole: Path, start_ms: int, duration_ms: int) -> Spent:
        """PyPI's smartcut, from the progressive file."""
        span = f"{start_ms / 1000},{(start_ms + duration_ms) / 1000}"
        return spend([self.smartcut, whole, self.work / "smartcut.mp4", "--keep", span])

    def _window(self, whole: Path, start_ms: int, duration_ms: int) -> list[object]:
        return [*self._ffmpeg(), "-ss", start_ms / 1000, "-i", whole, "-t", duration_ms / 1000]

    def _ffmpeg(self) -> list[object]:
        return [ffmpeg.executable(), "-hide_banner", "-nostdin", "-v", "error", "-y"]


def built_driver(*, release: bool = True) -> Path:
    """A release build; without link-time optimisation, which takes minutes and moves no figure here."""
    env = {"CARGO_PROFILE_RELEASE_LTO": "off", **os.environ}
    profile = ["--release"] if release else []
    build = ["cargo", "build", "--quiet", *profile, "--locked", "-p", "export-clip", "--bin", "clip"]
    subprocess.run(build, cwd=ROOT, env=env, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / ("release" if release else "debug") / "clip"


def measured(driver: Path, folder: Path, start_ms: int, duration_ms: int, *more: object) -> list[object]:
    """The engine's command for a window, with ffmpeg in the cage as in a function."""
    window = ["--start", start_ms / 1000, "--duration", duration_ms / 1000]
    return [driver, folder / "stream.mpd", "--ffmpeg", ffmpeg.executable(), "--cage", "required", "--measure", *window, *more]


def installed_smartcut() -> Path | None:
    """In an environment of its own; None if this Python is too old for it."""
    if sys.version_info < (3, 11):
        return None
    wanted = HERE / "requirements.txt"
    home = CACHE / f"smartcut-{sha256(wanted.read_bytes()).hexdigest()[:12]}"
    program = home / "bin" / "smartcut"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", wanted], check=True)
    return program


@dataclass
class Figures:
    """By name and start, in the order in which they were taken."""

    values: dict[str, dict[int, float]] = field(default_factory=dict)

    def add(self, name: str, start_ms: int, value: float) -> None:
        self.values.setdefault(name, {})[start_ms] = value

    def ratio(self, one: str, two: str, *, same_starts: bool = False) -> float | None:
        """Mean against mean. `same_starts`: of those starts alone that both have, since both depend on the start."""
        a, b = self.values.get(one, {}), self.values.get(two, {})
        if same_starts:
            a, b = ({start: found[start] for start in a.keys() & b.keys()} for found in (a, b))
        return statistics.fmean(a.values()) / statistics.fmean(b.values()) if a and b else None

    def spread(self) -> dict[str, dict[str, float]]:
        return {
            name: {
                "min": min(found.values()),
                "mean": statistics.fmean(found.values()),
                "max": max(found.values()),
                "runs": len(found),
            }
            for name, found in self.values.items()
        }


@dataclass(frozen=True)
class Target:
    """A figure and what it must be at most (or, if `least`, at least)."""

    name: str
    figure: float
    bound: float
    least: bool = False

    def met(self) -> bool:
        return self.figure >= self.bound if self.least else self.figure <= self.bound

    def row(self) -> str:
        bound = f"{'>=' if self.least else '<='} {self.bound:.3f}"
        return f"| {self.name} | {self.figure:.3f} | {bound} | {'yes' if self.met() else 'no'} |"


def quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {name: ordered[round(share * (len(ordered) - 1))] for name, share in (("p50", 0.5), ("p95", 0.95))}


def exact(clip: Path, start_ms: int, duration_ms: int) -> bool:
    """Whether the clip holds the pictures of the window, each once and in order."""
    first = -(-start_ms * FPS // 1000)
    return verify.verify(clip, FPS).numbers == list(range(first, -(-(start_ms + duration_ms) * FPS // 1000)))


@dataclass
class Taken:
    """What all starts gave: `reads` has length, bytes read, the clip's own and those allowed; `told` the driver's
    account of every clip of 9 s."""

    figures: Figures = field(default_factory=Figures)
    told: list[dict] = field(default_factory=list)
    reads: list[tuple[int, int, int, float]] = field(default_factory=list)
    plans: Counter = field(default_factory=Counter)
    inexact: dict[str, list[int]] = field(default_factory=lambda: {"worker": [], "smartcut": []})

    def worker(self, bench: Bench, source: Recording, start: int, length: int, *more: object) -> None:
        """One clip."""
        spent, clip = bench.worker(source.folder, start, length, *more)
        self.figures.add(f"worker, {length // 1000} s", start, spent.cpu_s)
        self.plans[clip["plan"]["kind"]] += 1
        media = source.media_bytes(start, length)
        allowed = media * 1.02 + source.gop_bytes(start) + source.audio_bytes()
        self.reads.append((length, clip["read"]["media"]["bytes"], media, allowed))
        if length == SHORT_MS:
            self.told.append(clip)

    def others(self, bench: Bench, source: Recording, start: int, length: int, *, encode: bool) -> None:
        """The same window by others, and whether the clip that is there holds it."""
        label = f"{length // 1000} s"
        if length == SHORT_MS and not exact(bench.work / "worker.mp4", start, length):
            self.inexact["worker"].append(start)
        self.figures.add(f"ffmpeg -c copy, {label}", start, bench.copy(source.whole, start, length).cpu_s)
        if encode:
            encoded = bench.piped_encode(source.whole, start, length)
            self.figures.add(f"re-encode, {label}", start, encoded.cpu_s)
            encoded = bench.plain_encode(source.whole, start, length)
            self.figures.add(f"re-encode in one ffmpeg, {label}", start, encoded.cpu_s)
        if bench.smartcut:
            cut = bench.cut_by_smartcut(source.whole, start, length)
            self.figures.add(f"smartcut, {label}", start, cut.cpu_s)
            if length == SHORT_MS and not exact(bench.work / "smartcut.mp4", start, length):
                self.inexact["smartcut"].append(start)

    def read_most(self, length: int) -> dict[str, float]:
        """Of the clips of a length, those that read most for their size."""
        reads = [(read, own, allowed) for n, read, own, allowed in self.reads if n == length]
        return {
            "read_over_media": max(read / own for read, own, _ in reads),
            "read_over_allowed": max(read / allowed for read, _, allowed in reads),
        }

    def summary(self) -> dict:
        told, plans = self.told, [clip["plan"] for clip in self.told]
        phases = [name for name in plans[0] if name.endswith("_ms")]
        return {
            "cpu_s": self.figures.spread(),
            "plans": dict(self.plans),
            "inexact_starts_ms": self.inexact,
            "bytes": {f"{length // 1000} s": self.read_most(length) for length in (SHORT_MS, LONG_MS)},
            "wall_ms": quantiles([clip["wall_ms"] for clip in told]),
            "phases_ms": {name: quantiles([plan[name] for plan in plans]) for name in phases},
            "cpu_of": {who: statistics.fmean(clip["cpu_s"][who] for clip in told) for who in ("own", "children")},
            "peak_rss_mib": {
                who: max(clip["peak_rss_kib"][who] for clip in told) / 1024 for who in ("own", "largest_child")
            },
            "frames_encoded": quantiles([plan["frames_encoded"] for plan in plans]),
            "requests": statistics.fmean(sum(kind["requests"] for kind in clip["read"].values()) for clip in told),
        }


def cost(bench: Bench, source: Recording, args: argparse.Namespace) -> tuple[dict, list[Target]]:
    """Clips of 9 s and 60 s over starts spread evenly over a GOP, against others at some of these starts."""
    taken = Taken()
    compared = [(2 * k + 1) * args.starts // (2 * args.compared) for k in range(args.compared)]
    for k in range(args.starts):
        start = FIRST_START_MS + k * GOP_MS // args.starts
        print(f"start {k + 1} of {args.starts}", file=sys.stderr)
        for length in (SHORT_MS, LONG_MS):
            if k not in compared:
                taken.worker(bench, source, start, length)
                continue
            taken.worker(bench, source, start, length, "-o", bench.work / "worker.mp4")
            encode = length == SHORT_MS or k in compared[: args.long_encodes]
            taken.others(bench, source, start, length, encode=encode)
    result = {**taken.summary(), "ffmpeg_starts": ffmpeg_starts(bench, source)}
    return result, targets_of(taken.figures, result)


def ffmpeg_starts(bench: Bench, source: Recording) -> dict[str, int]:
    """The most ffmpegs that a clip started, of several with a head and a tail, by its container."""
    counted, log = bench.work / "counted", bench.work / "starts"
    counted.write_text(f'#!/bin/sh\necho >> "{log}"\nexec "{ffmpeg.executable()}" "$@"\n')
    counted.chmod(0o755)
    found = {}
    for name in ("mp4", "ts"):
        clips = []
        for frame in (2, 21, 42):
            log.write_text("")
            out = ["-o", bench.work / f"counted-clip.{name}", "--ffmpeg", counted, "--cage", "off"]
            _, told = bench.worker(source.folder, FIRST_START_MS + frame * 1000 // FPS, SHORT_MS, *out)
            assert told["plan"]["kind"] == "smart"
            clips.append(len(log.read_text().splitlines()))
        found[name] = max(clips)
    return found


def targets_of(figures: Figures, result: dict) -> list[Target]:
    """Bytes allowed: the clip's own and 2 % more, one GOP, and two segments a sound track."""
    short, long, both = "worker, 9 s", "worker, 60 s", {"same_starts": True}
    wanted = [
        ("9 s against two ffmpegs that re-encode", figures.ratio(short, "re-encode, 9 s"), 1 / 9, False),
        ("60 s against two ffmpegs that re-encode", figures.ratio(long, "re-encode, 60 s"), 1 / 55, False),
        ("CPU seconds of 9 s", result["cpu_s"][short]["mean"], 0.95, False),
        ("CPU seconds of 60 s", result["cpu_s"][long]["mean"], 0.95, False),
        ("ffmpegs that a clip in MP4 starts", result["ffmpeg_starts"]["mp4"], 4, False),
        ("60 s against 9 s", figures.ratio(long, short), 1.2, False),
        ("smartcut against 9 s", figures.ratio("smartcut, 9 s", short, **both), 2, True),
        ("smartcut against 60 s", figures.ratio("smartcut, 60 s", long, **both), 2, True),
        ("bytes read against those allowed, 9 s", result["bytes"]["9 s"]["read_over_allowed"], 1, False),
        ("bytes read against those allowed, 60 s", result["bytes"]["60 s"]["read_over_allowed"], 1, False),
    ]
    return [Target(name, figure, bound, least) for name, figure, bound, least in wanted if figure is not None]


def thumbnails(bench: Bench, source: Recording) -> dict:
    """What a picture alone costs, by its place in its GOP."""
    places = {"IDR": 0, "middle of the GOP": GOP_FRAMES // 2, "last of the GOP": GOP_FRAMES - 1}
    result = {}
    for place, frame in places.items():
        start = FIRST_START_MS + frame * 1000 // FPS
        spent, told = bench.worker(source.folder, start, 1000, "--still")
        read = sum(told["read"][kind]["bytes"] for kind in ("manifest", "init", "media"))
        result[place] = {
            "bytes_read": read,
            "jpeg_bytes": told["image_bytes"],
            "cpu_s": spent.cpu_s,
            "wall_ms": told["wall_ms"],
        }
    return result


def heads(source: Recording) -> dict:
    """A head of half a GOP with several presets: what encoding it and decoding it again cost, its bits against those that
    were recorded for as many frames, and its likeness to what was recorded."""
    count = GOP_FRAMES // 2
    size = ["-video_size", "1920x1080", "-framerate", str(FPS)]
    ours = [ffmpeg.executable(), "-v", "error", "-nostdin"]
    recorded = samples(source.folder, 0)
    mean = sum(size for _, _, size in recorded) / len(recorded)
    result = {}
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        raw, head, compared = Path(work) / "raw.yuv", Path(work) / "head.mp4", Path(work) / "psnr"
        spend([*ours, "-ss", "10", "-i", source.whole, "-frames:v", count, "-map", "0:v:0", *RAW, raw])
        for preset, crf, tools in HEADS:
            join = ["-c:v", "libx264", "-preset", preset, "-crf", crf, "-g", "600", "-bf", "0", "-x264-params", tools]
            runs = [spend([*ours, "-y", *RAW, *size, "-i", raw, *join, head]) for _ in range(3)]
            again = [spend([*ours, "-i", head, "-f", "rawvideo", "-y", "/dev/null"]) for _ in range(3)]
            compare = ["-lavfi", f"[0:v][1:v]psnr=stats_file={compared}", "-f", "null", "-"]
            subprocess.run(
                [ours[0], "-nostdin", "-i", head, *RAW, *size, "-i", raw, *compare], capture_output=True, check=True
            )
            likeness = [float(each) for each in re.findall(r"psnr_y:([0-9.]+)", compared.read_text())]
            data = head.read_bytes()
            encoded = sum(len(sample.data) for sample in boxes.stored(data, boxes.find(data, b"moov", b"trak")[0]))
            result[f"{preset} -crf {crf} {tools}"] = {
                "cpu_s": statistics.median(run.cpu_s for run in runs),
                "decode_cpu_s": statistics.median(run.cpu_s for run in again),
                "bits_over_recorded": encoded / (mean * count),
                "psnr_y_db": statistics.mean(likeness),
                "worst_psnr_y_db": min(likeness),
            }
    return result


def fallback(bench: Bench, source: Recording) -> dict:
    """The worker where nothing can be copied: open GOPs in H.264. What copying saves it is judged by this."""
    result = {}
    for length in (SHORT_MS, LONG_MS):
        print(f"{length // 1000} s of open GOPs", file=sys.stderr)
        spent, told = bench.worker(source.folder, FIRST_START_MS, length)
        encoded = told["plan"]["frames_encoded"]
        result[f"{length // 1000} s"] = {
            "cpu_s": spent.cpu_s,
            "wall_ms": told["wall_ms"],
            "frames_encoded": encoded,
            "largest_child_mib": told["peak_rss_kib"]["largest_child"] / 1024,
        }
    return result


def saved(report: dict) -> list[Target]:
    """What copying saves the worker itself."""
    found = []
    for label, bound in (("9 s", 1 / 10), ("60 s", 1 / 55)):
        ratio = report["cost"]["cpu_s"][f"worker, {label}"]["mean"] / report["fallback"][label]["cpu_s"]
        found.append(Target(f"{label} against the worker's own re-encode", ratio, bound))
    return found


def memory(bench: Bench, folder: Path) -> tuple[dict, list[Target]]:
    """Peak resident memory of the worker by the clip's length, over an endless recording of this one's first GOP: the
    middle one of three runs."""
    result = {}
    for minutes in (10, 120, 240):
        print(f"a clip of {minutes} min", file=sys.stderr)
        length = minutes * 60_000
        hours = "--synthetic", minutes / 60 + 0.1, "--time", 24 * 3600
        runs = [bench.worker(folder, 1000, length, *hours) for _ in range(3)]
        spent, told = sorted(runs, key=lambda run: run[1]["peak_rss_kib"]["own"])[1]
        result[f"{minutes} min"] = {
            "plan": told["plan"]["kind"],
            "clip_bytes": told["clip_bytes"],
            "peak_rss_mib": told["peak_rss_kib"]["own"] / 1024,
            "largest_child_mib": told["peak_rss_kib"]["largest_child"] / 1024,
            "cpu_s": spent.cpu_s,
            "wall_s": spent.wall_s,
        }
    extra = (120 - 10) * 60 * (FPS + AUDIO_RATE / AAC_FRAME)
    allowed = result["10 min"]["peak_rss_mib"] * 1.1 + extra * 32 / 2**20
    targets = [
        Target("MiB at 2 h (10 min + 10 % + 32 bytes a further sample)", result["120 min"]["peak_rss_mib"], allowed),
        Target("MiB at 4 h", result["240 min"]["peak_rss_mib"], 256),
    ]
    return result, targets


def large(bench: Bench) -> tuple[dict, list[Target]]:
    """Peak resident memory of the worker and its ffmpegs together, as a clip worker with its default memory."""
    result, targets = {}, []
    for name, change in LARGE.items():
        print(name, file=sys.stderr)
        source = made(name.replace(" ", "-").replace(":", ""), **{"rate": "", **UHD, **change})
        spent, told = bench.worker(source.folder, 160, 2000, "--memory", CLIP_MEMORY_MIB)
        peak = {who: told["peak_rss_kib"][who] / 1024 for who in ("together", "own", "largest_child")}
        result[name] = {
            "plan": told["plan"]["kind"],
            "frames_encoded": told["plan"]["frames_encoded"],
            **{f"{who}_mib": mib for who, mib in peak.items()},
            "cpu_s": spent.cpu_s,
            "wall_s": spent.wall_s,
        }
        targets.append(Target(f"MiB of {name}", peak["together"], LARGE_MOST_MIB.get(name, CLIP_MEMORY_MIB)))
    return result, targets


def starts(bench: Bench, further: list[Path]) -> dict:
    """Milliseconds from the start of an ffmpeg to its end, over one small picture, as it is and through the driver's cage; the ways
    take turns."""
    make = [ffmpeg.executable(), "-v", "error", *ONE_PICTURE]
    picture = subprocess.run(make, capture_output=True, check=True).stdout
    ways: dict[str, list[object]] = {}
    for program in [Path(ffmpeg.executable()), *further]:
        ways[f"{program.name}, alone"] = [program]
        ways[f"{program.name}, in the cage"] = [bench.driver, "cage", "required", CLIP_MEMORY_MIB << 20, program]
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(STARTS):
        for name, command in ways.items():
            argv = [str(word) for word in [*command, *TAKE_IT]]
            begun = time.perf_counter()
            done = subprocess.run(argv, input=picture, capture_output=True, check=True, env={}, cwd="/")
            took[name].append((time.perf_counter() - begun) * 1000)
            assert done.stdout.splitlines()[-1].startswith(b"0,"), f"{name}: {done.stderr.decode()}"
    return {name: {"min": min(each), **quantiles(each), "runs": len(each)} for name, each in took.items()}


def table(head: list[str], rows: Iterable[list[object]]) -> str:
    def text(cell: object) -> str:
        return f"{cell:,.2f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else str(cell)

    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *([text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def told_as_text(report: dict, targets: list[Target]) -> str:
    parts = []
    if cost := report.get("cost"):
        rows = [[name, *(s[key] for key in ("min", "mean", "max", "runs"))] for name, s in cost["cpu_s"].items()]
        parts.append(table(["CPU seconds", "min", "mean", "max", "runs"], rows))
        rest = {key: cost[key] for key in cost if key != "cpu_s"}
        parts.append("\n".join(f"* {key}: {json.dumps(value)}" for key, value in rest.items()))
    if found := report.get("fallback"):
        rows = [[name, *row.values()] for name, row in found.items()]
        head = ["nothing to copy", "CPU seconds", "wall ms", "frames encoded", "largest child MiB"]
        parts.append(table(head, rows))
    if found := report.get("thumbnails"):
        rows = [[name, *row.values()] for name, row in found.items()]
        parts.append(table(["picture alone", "bytes read", "JPEG bytes", "CPU seconds", "wall ms"], rows))
    if found := report.get("heads"):
        rows = [[name, *row.values()] for name, row in found.items()]
        head = ["preset of a head", "CPU seconds", "to decode it", "bits over recorded", "Y-PSNR dB", "worst"]
        parts.append(table(head, rows))
    if found := report.get("memory"):
        rows = [[name, *row.values()] for name, row in found.items()]
        head = ["clip", "plan", "bytes", "peak MiB", "largest child MiB", "CPU seconds", "wall seconds"]
        parts.append(table(head, rows))
    if found := report.get("large"):
        rows = [[name, *row.values()] for name, row in found.items()]
        head = ["picture", "plan", "frames encoded", "peak MiB together", "worker", "largest child"]
        parts.append(table([*head, "CPU seconds", "wall seconds"], rows))
    if found := report.get("starts"):
        rows = [[name, *row.values()] for name, row in found.items()]
        parts.append(table(["a start, ms", "min", "median", "p95", "runs"], rows))
    head = "| target | figure | bound | met |\n|---|---:|---:|---|\n"
    parts.append(head + "\n".join(target.row() for target in targets))
    return "\n\n".join(parts)


def machine() -> dict:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {"cpu": models[0] if models else platform.machine(), "cores": os.cpu_count(), "ffmpeg": ffmpeg.version()}


def main() -> int:
    parser = argparse.ArgumentParser(description="What clips and pictures cost, as ratios measured in one run.")
    sections: dict[str, Callable] = {
        "cost": cost,
        "thumbnails": thumbnails,
        "heads": heads,
        "fallback": fallback,
        "memory": memory,
        "large": large,
        "starts": starts,
    }
    parser.add_argument("section", nargs="*", choices=[*sections, []], help=f"default all of: {', '.join(sections)}")
    parser.add_argument("--starts", type=int, default=25, help="starts over a GOP (default 25)")
    parser.add_argument("--compared", type=int, default=5, help="starts at which others are measured too (default 5)")
    parser.add_argument("--long-encodes", type=int, default=2, help="of these, full re-encodes of 60 s (default 2)")
    parser.add_argument("--driver", type=Path, help="a built driver, instead of building one")
    parser.add_argument("--against", type=Path, action="append", default=[], help="another ffmpeg whose starts are measured, too")
    parser.add_argument("--memory-recording", type=Path, help="whose first GOP is repeated (default the 1080p one)")
    parser.add_argument("--out", type=Path, default=HERE / "media.json", help="the figures as JSON")
    args = parser.parse_args()
    wanted = args.section or list(sections)

    CACHE.mkdir(parents=True, exist_ok=True)
    smartcut = installed_smartcut() if "cost" in wanted else None
    report: dict = {"machine": machine()}
    kept = json.loads(args.out.read_text()) if args.section and args.out.exists() else {}
    targets: list[Target] = []
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        bench = Bench(args.driver or built_driver(), smartcut, Path(work))
        source = made("closed") if set(wanted) - {"large", "starts"} else None
        if "cost" in wanted:
            report["cost"], found = cost(bench, source, args)
            targets += found
        if "thumbnails" in wanted:
            report["thumbnails"] = thumbnails(bench, source)
        if "heads" in wanted:
            report["heads"] = heads(source)
        if "fallback" in wanted:
            report["fallback"] = fallback(bench, made("open", extra="open-gop=1"))
            targets += saved(report) if "cost" in wanted else []
        if "memory" in wanted:
            report["memory"], found = memory(bench, args.memory_recording or source.folder)
            targets += found
        if "large" in wanted:
            report["large"], found = large(bench)
            targets += found
        if "starts" in wanted:
            report["starts"] = starts(bench, args.against)
    judged = {t.name: {"name": t.name, "figure": t.figure, "bound": t.bound, "met": t.met()} for t in targets}
    report["targets"] = [*({t["name"]: t for t in kept.get("targets", [])} | judged).values()]
    # Sections that were not asked for stay as they were.
    args.out.write_text(json.dumps(kept | report, indent=1) + "\n")
    print(told_as_text(report, targets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
