"""What the pictures and the sound say about themselves: how it is drawn, and how it is read back.

Picture: 12 x 4 cells of 16 x 16 luma in the top-left corner. Rows 0 and 1 are the frame number, most significant bit
first, white = 1; rows 2 and 3 are the same bits inverted, so a damaged code is noticed and never misread.
Sound: a 40 ms tone at each whole second s of recording time, 600 + 100 * (s mod 16) + 2000 * track Hz, over a hiss so
quiet that no reader takes it for a tone: it makes each coded frame of sound differ from all others.
"""

import math
from array import array
from dataclasses import dataclass
from fractions import Fraction

CELL, COLUMNS, ROWS, BITS = 16, 12, 4, 24
TONE_SECONDS = Fraction(40, 1000)
TONES, TRACKS = 16, 3
ANALYSIS_RATE = 16_000
_FULL_SCALE, _HISS = 0.5, 0.004


def frequency(second: int, track: int) -> int:
    """Hz of the tone at a whole second of a track."""
    return 600 + 100 * (second % TONES) + 2000 * track


def picture_graph(
    size: tuple[int, int],
    fps: Fraction,
    count: int,
    first: int = 0,
    noise: int = 4,
    *,
    fields: bool = False,
    after: str = "",
    pixels: str = "yuv420p",
) -> str:
    """Filter graph `[v]` of frames first .. first + count - 1; the same arguments always give the same pixels.

    `fields`: the lines of a frame are of two instants, the upper field first. `after`: what happens to the finished
    frames.
    """
    rate, seconds = f"{fps.numerator}/{fps.denominator}", float((count + 1) / fps)
    scanned = f"{fps.numerator * 2}/{fps.denominator}" if fields else rate
    grain = f",noise=alls={noise}:all_seed=7:allf=t" if noise else ""
    woven = ",tinterlace=interleave_top" if fields else ""
    bit = f"mod(floor((N+{first})/pow(2,{BITS - 1}-X-{COLUMNS}*mod(Y,2))),2)"
    return (
        f"testsrc2=s={size[0]}x{size[1]}:r={scanned}:d={seconds}{grain}{woven}[back];"
        f"color=c=black:s={COLUMNS}x{ROWS}:r={rate}:d={seconds},geq=lum='16+219*abs(gte(Y,2)-{bit})':cb=128:cr=128,"
        f"scale={COLUMNS * CELL}:{ROWS * CELL}:flags=neighbor[code];"
        f"[back][code]overlay=0:0:format=yuv420,trim=end_frame={count},"
        f"{after + ',' if after else ''}format={pixels}[v]"
    )


def tone_graph(track: int, rate: int, channels: int, samples: int, first: int = 0) -> str:
    """Filter graph `[a]` of a track's samples first .. first + samples - 1, counted from the recording's second 0."""
    time = f"(t+{first}/{rate})"
    hertz = f"(600+100*mod(floor({time}),{TONES})+2000*{track})"
    tone = f"{_FULL_SCALE}*sin(2*PI*{hertz}*{time})*lt(mod({time},1),{float(TONE_SECONDS)})"
    tone += f"+{_HISS}*mod(sin((n+{first})*12.9898)*43758.5453,1)"
    return f"aevalsrc='{'|'.join([tone] * channels)}':s={rate}:d={float(Fraction(samples, rate))}[a]"


READ_CODE = f"crop={COLUMNS * CELL}:{ROWS * CELL}:0:0,scale={COLUMNS}:{ROWS}:flags=area,format=gray"
CODE_BYTES = COLUMNS * ROWS


def read_code(cells: bytes) -> int | None:
    """The frame number of one picture passed through `READ_CODE`; None when it cannot be trusted."""
    half = CODE_BYTES // 2
    value = 0
    for bit, inverse in zip(cells[:half], cells[half:]):
        if abs(bit - inverse) <= 60:
            return None
        value = value << 1 | (bit > inverse)
    return value


@dataclass(frozen=True)
class Tone:
    """A whole tone heard in a clip: where it starts (seconds from the first sample), and what it says it is."""

    start: float
    second: int
    track: int


def _energy(samples: array, hertz: float) -> float:
    """Goertzel's power at one frequency."""
    factor = 2 * math.cos(2 * math.pi * hertz / ANALYSIS_RATE)
    last = before = 0.0
    for value in samples:
        last, before = value + factor * last - before, last
    return last * last + before * before - factor * last * before


def _loud_runs(samples: array) -> list[tuple[int, int]]:
    """(start, end) in samples of each stretch that is loud, by the millisecond; pauses under 8 ms do not end one."""
    step = ANALYSIS_RATE // 1000
    limit = 32767 * _FULL_SCALE / 4
    runs: list[tuple[int, int]] = []
    for at in range(0, len(samples), step):
        if max(map(abs, samples[at : at + step])) < limit:
            continue
        if runs and at - runs[-1][1] < 8 * step:
            runs[-1] = (runs[-1][0], at + step)
        else:
            runs.append((at, at + step))
    return runs


def read_tones(samples: array) -> list[Tone]:
    """Every whole tone in mono 16-bit samples at `ANALYSIS_RATE`; one cut by the clip's start or end is left out.

    Its start is the centre of its energy less half its length: a codec's pre-echo blurs edges, not the centre.
    """
    half = int(TONE_SECONDS * ANALYSIS_RATE) // 2
    tones = []
    for start, end in _loud_runs(samples):
        if not 30 <= (end - start) * 1000 // ANALYSIS_RATE <= 60:
            continue
        left = max(0, start - half // 2)
        window = samples[left : end + half // 2]
        powers = [value * value for value in window]
        centre = left + sum(i * power for i, power in enumerate(powers)) / sum(powers)
        core = samples[start + half // 2 : end - half // 2]
        choices = (
            (_energy(core, frequency(second, track)), second, track)
            for second in range(TONES)
            for track in range(TRACKS)
        )
        _, second, track = max(choices)
        tones.append(Tone((centre + 0.5 - half) / ANALYSIS_RATE, second, track))
    return tones
