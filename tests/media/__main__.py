"""Make recordings, verify clips: `python tests/media --help`."""

import argparse
import sys
import time
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from media import copied, forms  # noqa: E402
from media import verify as verifier


def make(args: argparse.Namespace) -> int:
    for name in args.form or forms.FORMS:
        begun = time.perf_counter()
        recording = forms.build(name)
        mpd = recording.write(args.folder)
        print(f"{name:16} {recording.size() / 1024:6.0f} KiB {time.perf_counter() - begun:5.2f} s  {mpd}")
    return 0


def verify(args: argparse.Namespace) -> int:
    recording = forms.build(args.form) if args.form else None
    fps, drawn = (recording.truth.fps, recording.truth.size) if recording else (args.fps, None)
    report = verifier.verify(args.clip, fps, drawn, ignore_edits=args.ignore_edits)
    found = report.problems(max_av_ms=args.max_av)
    if args.first is not None and report.numbers[:1] != [args.first]:
        found.append(f"does not start with frame {args.first}")
    if args.count is not None and len(report.pictures) != args.count:
        found.append(f"{len(report.pictures)} pictures, not {args.count}")
    if args.tracks is not None and len(report.audio) != args.tracks:
        found.append(f"{len(report.audio)} audio tracks, not {args.tracks}")
    if recording and report.video_codec == recording.truth.codec:
        joined = copied.Joined(args.clip, recording, report)
        found += joined.problems()
        print(joined.summary())
    print("BAD" if found else "OK ", report.summary())
    for problem in found:
        print("   ", problem)
    return bool(found)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tests/media", description="Self-describing DASH recordings and clip verifier"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("make", help="write recordings into a folder")
    one.add_argument("folder", type=Path)
    one.add_argument("form", nargs="*", choices=[*forms.FORMS, []], help=f"default all of: {', '.join(forms.FORMS)}")
    one.set_defaults(run=make)
    two = commands.add_parser("verify", help="say which frames a clip really holds; exit 1 when something is wrong")
    two.add_argument("clip", type=Path)
    two.add_argument("--fps", type=Fraction, default=Fraction(25), help="e.g. 25 or 30000/1001")
    two.add_argument("--form", choices=forms.FORMS, metavar="FORM", help="what it was cut from: say what was copied")
    two.add_argument("--first", type=int, help="the frame number it must start with")
    two.add_argument("--count", type=int, help="how many pictures it must have")
    two.add_argument("--tracks", type=int, help="how many audio tracks it must have")
    two.add_argument("--max-av", type=float, metavar="MS", help="largest A/V offset of a tone (1, in .ts 11)")
    two.add_argument("--ignore-edits", action="store_true", help="look as a player without edit lists does")
    two.set_defaults(run=verify)
    args = parser.parse_args()
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
