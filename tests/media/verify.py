"""Decode a clip and say which frames of the recording are really in it: never trust its timestamps."""

import re
import tempfile
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from . import boxes, ffmpeg, ts
from .marks import ANALYSIS_RATE, CODE_BYTES, READ_CODE, TONES, Tone, read_code, read_tones
from .truth import Expected

STREAM = re.compile(r"Stream #0:(\d+)(?:\[\w+\])?(?:\((\w+)\))?: (Video|Audio): (\w+)")
SIZE = re.compile(r", (\d+)x(\d+)[ ,\[]")
TIME_BASE = re.compile(r"config in time_base: (\d+)/(\d+)")
SHOWN = re.compile(r"n: *\d+ pts: *(-?\d+|NOPTS)")
LOOK = re.compile(r"fmt:(\w+) cl:(\w+) sar:(\S+) s:(\w+) i:(\w)")
COLOURS = re.compile(r"color_range:(\w+) color_space:(\w+) color_primaries:(\w+) color_trc:(\w+)")
METADATA = re.compile(r"side data - ((?:Mastering display|Content light level) .*)")
HEARD = re.compile(r"n:\d+ pts:(-?\d+|NOPTS) .*?rate:(\d+) nb_samples:(\d+)")
UNEVEN = Fraction(1, 1000)
EXACT_MS, FRAMED_MS = 1, 11
READING_MS = 1  # a tone is read to that from sound that went through a codec


@dataclass(frozen=True)
class Picture:
    """A decoded picture: presentation time in seconds, the number that it shows (None: unreadable), and what decides
    how a player shows it: size, shape of a pixel, layout, scan, colours, HDR metadata."""

    pts: Fraction
    number: int | None
    size: str = ""
    look: str = ""


@dataclass
class AudioReport:
    """One audio track. `offsets_ms`: by tone second, how late the sound is against the picture then on display."""

    codec: str
    language: str
    start: Fraction = Fraction(0)
    length: Fraction = Fraction(0)
    tones: list[Tone] = field(default_factory=list)
    offsets_ms: dict[int, float] = field(default_factory=dict)


@dataclass
class Report:
    """What is really in a clip. `uneven`: picture gaps that differ from 1 / fps by more than 1 ms."""

    clip: Path
    fps: Fraction
    pictures: list[Picture] = field(default_factory=list)
    audio: list[AudioReport] = field(default_factory=list)
    video_codec: str = ""
    size: tuple[int, int] = (0, 0)
    dropped: int = 0
    repeated: int = 0
    backward: int = 0
    unreadable: int = 0
    uneven: int = 0
    complaints: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def numbers(self) -> list[int | None]:
        return [picture.number for picture in self.pictures]

    def problems(self, expected: Expected | None = None, max_av_ms: float | None = None) -> list[str]:
        """Everything that is wrong, in words; with `expected`, every way in which the clip is not that.

        Tones may be `max_av_ms` off, by default what `audio_limit_ms` says and what reading them can err by."""
        if max_av_ms is None:
            max_av_ms = self.audio_limit_ms(expected) + READING_MS
        found = [f"decoder: {line}" for line in self.complaints[:3]] + self.faults
        counts = {
            "repeated": self.repeated,
            "backward": self.backward,
            "unreadable": self.unreadable,
        }
        if expected is None:
            counts |= {"uneven": self.uneven, "dropped": self.dropped}
        found += [f"{count} {what} pictures" for what, count in counts.items() if count]
        if expected is not None:
            found += self._differences(expected, max_av_ms)
        else:
            late = (o for track in self.audio for o in track.offsets_ms.values() if abs(o) > max_av_ms)
            found += [f"sound is {offset:.1f} ms late" for offset in late]
        return found

    def _differences(self, expected: Expected, max_av_ms: float) -> list[str]:
        found = []
        if self.numbers != expected.frames:
            found.append(f"frames {spans(self.numbers)}, not {spans(expected.frames)}")
        elif uneven := self._off_time(expected):
            found.append(f"{len(uneven)} uneven pictures: {uneven[:3]}")
        if len(self.audio) != len(expected.tones):
            return [*found, f"{len(self.audio)} audio tracks, not {len(expected.tones)}"]
        for k, track in enumerate(self.audio):
            if track.language != expected.languages[k]:
                found.append(f"audio {k} is {track.language}, not {expected.languages[k]}")
            if strangers := {tone.track for tone in track.tones} - {expected.tracks[k]}:
                found.append(f"audio {k} sounds as track {strangers}")
            if not expected.frames:
                continue
            if missing := [second for second in expected.tones[k] if second not in track.offsets_ms]:
                found.append(f"audio {k} lacks the tones of seconds {missing}")
            wrong = {
                s: track.offsets_ms[s] - expected.av_offset_ms[k] for s in expected.tones[k] if s in track.offsets_ms
            }
            found += [
                f"audio {k} is {off:.1f} ms late at second {s}" for s, off in wrong.items() if abs(off) > max_av_ms
            ]
        return found

    def audio_limit_ms(self, expected: Expected | None = None) -> float:
        """How late or early sound may be: half a frame of it in a transport stream, which starts with a whole one; an
        MP4 is exact. Tones that an `expected` clip has at a hole or a new beginning are blurred there."""
        exact = self.clip.suffix == ".mp4" and (expected is None or expected.whole)
        return EXACT_MS if exact else FRAMED_MS

    def _off_time(self, expected: Expected) -> list[str]:
        """Steps between pictures that are not as long as recorded, holes closed."""
        return [
            f"{one.number} to {two.number} in {float(two.pts - one.pts) * 1000:.1f} ms"
            for (one, a), (two, b) in pairwise(zip(self.pictures, expected.times))
            if abs((two.pts - one.pts) - (b - a)) > UNEVEN
        ]

    def summary(self) -> str:
        offsets = [o for track in self.audio for o in track.offsets_ms.values()]
        heard = f"A/V {min(offsets):+.1f}..{max(offsets):+.1f} ms" if offsets else "no whole tone"
        frames = f"frames {spans(self.numbers)} ({len(self.pictures)})"
        return f"{frames}, {len(self.audio)} audio, {heard}, {self.video_codec or 'no video'}"


def spans(numbers: list[int | None]) -> str:
    """1..4 8..9 for [1, 2, 3, 4, 8, 9]."""
    out: list[list[int | None]] = []
    for number in numbers:
        if out and number is not None and out[-1][1] is not None and number == out[-1][1] + 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return " ".join("?" if a is None else str(a) if a == b else f"{a}..{b}" for a, b in out) or "none"


def _streams(clip: Path, options: list[str]) -> tuple[list[tuple[str, str, str]], tuple[int, int]]:
    """(kind, codec, language) of each stream, and the size of the first picture stream."""
    log = ffmpeg.log_lines(ffmpeg.run(*options, "-i", str(clip), check=False))
    found, size = [], (0, 0)
    for _, _, text in log:
        if match := STREAM.search(text):
            found.append((match[3], match[4], match[2] or "und"))
            if match[3] == "Video" and size == (0, 0) and (wide := SIZE.search(text)):
                size = int(wide[1]), int(wide[2])
    return found, size


def verify(
    clip: Path | str, fps: Fraction | int = 25, drawn: tuple[int, int] | None = None, *, ignore_edits: bool = False
) -> Report:
    """Decode a .ts or .mp4 clip. `drawn`: the size at which the numbers were drawn, if pictures may have been scaled
    since. `ignore_edits`: look as a player without edit lists does."""
    report = Report(Path(clip), Fraction(fps))
    if report.clip.suffix == ".ts":
        options = ["-f", "mpegts"]  # a short one is hardly recognised
    else:
        options = ["-ignore_editlist", "1"] if ignore_edits else []
    streams, report.size = _streams(report.clip, options)
    report.audio = [AudioReport(codec, language) for kind, codec, language in streams if kind == "Audio"]
    report.video_codec = next((codec for kind, codec, _ in streams if kind == "Video"), "")
    report.faults = container_faults(report.clip)
    if not streams:
        report.faults.append("no stream can be read")
        return report
    _decode(report, options, drawn)
    _count(report)
    for track in report.audio:
        _place(report, track)
    return report


def _decode(report: Report, options: list[str], drawn: tuple[int, int] | None) -> None:
    """A pass a stream (ffmpeg mixes the log lines of streams that it decodes together)."""
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        raw = Path(folder, "raw")

        def decode(*output: str) -> list[tuple[str, str, str]]:
            done = ffmpeg.run("-copyts", *options, "-i", str(report.clip), *output, str(raw), check=False)
            log = ffmpeg.log_lines(done)
            report.complaints += [text for _, level, text in log if level in ffmpeg.COMPLAINTS]
            report.complaints += [f"ffmpeg ended with {done.returncode}"] if done.returncode else []
            return log

        if report.video_codec:
            scale = f"scale={drawn[0]}:{drawn[1]}," if drawn else ""
            chain = f"showinfo@picture,{scale}{READ_CODE}"
            times = ["-fps_mode", "passthrough", "-enc_time_base:v", "1:90000"]
            log = decode("-map", "0:v:0", "-vf", chain, *times, "-f", "rawvideo")
            report.pictures = _pictures(log, raw)
        for k, track in enumerate(report.audio):
            chain = f"ashowinfo@sound,aresample={ANALYSIS_RATE},aformat=sample_fmts=s16:channel_layouts=mono"
            _audio(decode("-map", f"0:a:{k}", "-af", chain, "-f", "s16le"), raw, track)


def _pictures(log: list[tuple[str, str, str]], raw: Path) -> list[Picture]:
    lines = [text for who, _, text in log if who.startswith("showinfo@picture")]
    base = next((Fraction(int(m[1]), int(m[2])) for m in map(TIME_BASE.search, lines) if m), Fraction(1))
    shown = [k for k, line in enumerate(lines) if SHOWN.match(line)]
    cells = raw.read_bytes() if raw.exists() else b""
    found = []
    for k, (begin, end) in enumerate(zip(shown, [*shown[1:], len(lines)])):
        code = cells[k * CODE_BYTES : (k + 1) * CODE_BYTES]
        time = SHOWN.match(lines[begin])[1]
        pts = Fraction(int(time)) * base if time != "NOPTS" else Fraction(-1)
        number = read_code(code) if len(code) == CODE_BYTES else None
        found.append(Picture(pts, number, *_look(lines[begin:end])))
    return found


def looks(path: Path) -> list[tuple[str, str]]:
    """(size, look) of every picture of a file in display order."""
    log = ffmpeg.log_lines(ffmpeg.run("-i", str(path), "-map", "0:v:0", "-vf", "showinfo@picture", "-f", "null", "-"))
    lines = [text for who, _, text in log if who.startswith("showinfo@picture")]
    shown = [k for k, line in enumerate(lines) if SHOWN.match(line)]
    return [_look(lines[begin:end]) for begin, end in zip(shown, [*shown[1:], len(lines)])]


def _look(lines: list[str]) -> tuple[str, str]:
    """(size, look) of a picture from what showinfo says of it."""
    pixels, chroma, shape, size, scan = LOOK.search(lines[0]).groups()
    colours = next((m.groups() for m in map(COLOURS.search, lines) if m), ())
    # Decoders take limited range where none is said.
    colours = ["tv" if k == 0 and value == "unknown" else value for k, value in enumerate(colours)]
    metadata = sorted({m[1] for m in map(METADATA.search, lines) if m})
    return size, " ".join([pixels, chroma, f"sar {shape}", f"scan {scan}", *colours, *metadata])


def _audio(log: list[tuple[str, str, str]], raw: Path, track: AudioReport) -> None:
    """Place the track's tones on the clip's time line; a jump in its timestamps is a gap, not a shift."""
    frames = [
        m
        for who, _, text in log
        if who.startswith("ashowinfo@sound")
        for m in [HEARD.match(text)]
        if m and m[1] != "NOPTS"
    ]
    if not frames or not raw.exists():
        return
    rate = int(frames[0][2])
    blocks, played = [], 0
    for m in frames:
        pts = Fraction(int(m[1]), rate)
        if not blocks or abs(pts - blocks[-1][0] - Fraction(played - blocks[-1][1], rate)) > Fraction(1, 1000):
            blocks.append((pts, played))
        played += int(m[3])
    track.start, track.length = blocks[0][0], Fraction(played, rate)
    samples = array("h", raw.read_bytes())
    for k, (pts, first) in enumerate(blocks):
        last = blocks[k + 1][1] if k + 1 < len(blocks) else played
        part = samples[first * ANALYSIS_RATE // rate : last * ANALYSIS_RATE // rate]
        track.tones += [Tone(tone.start + float(pts), tone.second, tone.track) for tone in read_tones(part)]


def _count(report: Report) -> None:
    report.unreadable = report.numbers.count(None)
    known = [picture for picture in report.pictures if picture.number is not None]
    for one, two in pairwise(known):
        step = two.number - one.number
        report.dropped += max(0, step - 1)
        report.repeated += step == 0
        report.backward += step < 0
    for one, two in pairwise(report.pictures):
        report.uneven += abs(two.pts - one.pts - 1 / report.fps) > UNEVEN


def _place(report: Report, track: AudioReport) -> None:
    """Compare each tone with the picture that is on display when it starts."""
    known = [picture for picture in report.pictures if picture.number is not None]
    if not known:
        return
    for tone in track.tones:
        before = [picture for picture in known if picture.pts <= tone.start]
        shown = before[-1] if before else known[0]
        source = float(shown.number / report.fps) + tone.start - float(shown.pts)
        second = tone.second + TONES * round((source - tone.second) / TONES)
        track.offsets_ms[second] = (source - second) * 1000


def container_faults(clip: Path) -> list[str]:
    """What is wrong with the file itself: an mp4 that is not moov-first and whole, a TS with broken packets."""
    data = clip.read_bytes()
    if clip.suffix == ".ts":
        return ts.faults(data)
    try:
        kinds = [box.kind for box in boxes.boxes(data)]
    except ValueError as error:
        return [str(error)]
    if kinds[:2] != [b"ftyp", b"moov"] or b"mdat" not in kinds:
        return [f"boxes {b' '.join(kinds[:5]).decode('latin1')}, not ftyp moov mdat"]
    return []
