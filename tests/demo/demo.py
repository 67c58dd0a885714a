#!/usr/bin/env python3
"""Cut a clip from a demo recording on the local stack, and check every frame of it."""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from e2e.stack import Stack  # noqa: E402
from media import dash, quality, verify  # noqa: E402
from media.encode import Audio, Video  # noqa: E402
from media.forms import picture, sound  # noqa: E402
from media.recording import Recording, iso, recorded  # noqa: E402
from media.truth import MS  # noqa: E402

AST_MS = 1_562_252_820_833
PATH = "mp4/55524C2004E/demo-6bdb82b53e0a/1/stream.mpd"
SECONDS, START, DURATION_MS = 30, Fraction(7_300, 1000), 9_000


def demo_recording() -> Recording:
    """30 s of 640x360 H.264 and AAC, as a live recorder leaves it."""
    video = Video(count=SECONDS * 25, width=640, height=360, rate="1200k")
    tracks = [picture(video), sound(Audio(SECONDS * 48_000))]
    manifest = dash.Manifest([dash.Period(tracks)], dynamic=True, availability_start=iso(AST_MS))
    return recorded("demo", manifest, first=0, fps=video.fps, live_path=PATH, ast_ms=AST_MS, size=(640, 360))


def publish(stack: Stack, recording: Recording) -> None:
    key = f"{stack.env['SOURCE_PREFIX']}{recording.live_path}"
    found = stack.s3.list_objects_v2(Bucket=stack.env["SOURCE_BUCKET"], Prefix=key).get("KeyCount", 0)
    if found:
        print(f"recording   s3://{stack.env['SOURCE_BUCKET']}/{key} is already there")
        return
    stack.upload(recording)
    print(f"recording   s3://{stack.env['SOURCE_BUCKET']}/{key}")
    print(f"{'':12}{SECONDS} s, 640x360, H.264 + AAC, {len(recording.files)} objects, {recording.size() / 1e6:.1f} MB")


def mex(env: Path, *words: object, shown: bool = True) -> str:
    """Run the command line as a person would, and return what it prints; its progress goes to the terminal."""
    if shown:
        print(f"$ mex {shlex.join(map(str, words))}", flush=True)
    program, surroundings = env.parent / "mex", os.environ | {"MEX_ENV": str(env)}
    done = subprocess.run([program, *map(str, words)], env=surroundings, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if shown:
        print("".join(f"  {line}\n" for line in done.stdout.splitlines()), end="")
    if done.returncode:
        sys.exit(f"FAILED      mex {words[0]} ended with {done.returncode}")
    return done.stdout


def check(recording: Recording, job: dict, clip: Path, jpeg: Path) -> list[str]:
    """Decode clip and JPEG, and print what is really in them."""
    expected = recording.truth.expected(START, DURATION_MS * MS)
    report = verify.verify(clip, recording.truth.fps)
    problems = report.problems(expected)
    number = quality.jpeg_number(jpeg)
    problems += [f"JPEG shows frame {number}"] if number != expected.frames[0] else []
    problems += [f"{job['lack_ms']} ms are said to be missing"] if job["lack_ms"] != expected.lack_ms else []
    offsets = [abs(o) for track in report.audio for o in track.offsets_ms.values()]
    print(f"clip        {clip.relative_to(ROOT)}  {clip.stat().st_size / 1e6:.2f} MB")
    print(f"jpeg        {jpeg.relative_to(ROOT)}  {jpeg.stat().st_size / 1e3:.0f} kB, shows frame {number}")
    print(f"frames      {verify.spans(report.numbers)}, expected {verify.spans(expected.frames)}")
    largest = max(offsets, default=0)
    print(f"sound       {len(report.audio)} track, {len(offsets)} tones, largest A/V offset {largest:.1f} ms")
    print(f"lack        {job['lack_ms']} ms, expected {expected.lack_ms} ms")
    print(f"picture     {quality.clip_psnr(clip, recording, report.numbers):.1f} dB against the recording")
    plan = {key: job["plan"][key] for key in ("kind", "frames_encoded", "bytes_read", "bytes_written")}
    print("work        " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in plan.items()))
    return problems


def clock(time: Fraction) -> str:
    """A time of the recording as `mex` reads it; less than a minute."""
    return f"00:00:{float(time):06.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", type=Path, default=ROOT / ".local" / "env", help="the stack's env file")
    parser.add_argument("--new", action="store_true", help="ask for a new clip even if the last demo's is still there")
    args = parser.parse_args()
    if not args.env.exists():
        sys.exit(f"{args.env} is not there: run `make up` first")
    stack = Stack(args.env)
    os.environ.setdefault("FFMPEG", stack.env["FFMPEG"])
    recording = demo_recording()
    publish(stack, recording)
    name = f"demo-{time.time_ns():x}" if args.new else "demo"
    window = [PATH, "--from", clock(START), "--for", f"{DURATION_MS // 1000}s", "--name", name]
    folder = ROOT / ".local" / "demo"
    clip, jpeg = folder / f"{name}.mp4", folder / f"{name}.jpg"
    mex(args.env, "info", PATH)
    mex(args.env, "plan", *window)
    begun = time.perf_counter()
    mex(args.env, "clip", *window, "-o", clip.relative_to(ROOT), "--force")
    elapsed = time.perf_counter() - begun
    # The same request is the same job.
    made = json.loads(mex(args.env, "clip", *window, "--json", shown=False))
    mex(args.env, "get", made["id"], "--image", "-o", jpeg.relative_to(ROOT), "--force")
    problems = check(recording, made, clip, jpeg)
    for problem in problems:
        print(f"WRONG       {problem}")
    print(f"{'FAILED' if problems else 'ok':12}{elapsed:.1f} s from the request to the file")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
