"""Recordings whose look only the container tells, or that changes on the way."""

import struct
from fractions import Fraction

from .. import dash
from ..boxes import Box, find
from ..encode import Audio, Video
from ..forms import picture, plain_audio, sound
from ..recording import Recording, recorded
from . import foreign

SECONDS = 8
COUNT = 25 * SECONDS
ANTICLOCKWISE = (0, -0x10000, 0, 0x10000, 0, 0, 0, 180 << 16, 0x40000000)
# A field of one colour, and one of white.
PATCH = "drawbox=200:100:60:60:0x20a040:fill,drawbox=260:100:60:60:white:fill"
QUARTER = (0, 0x10000, 0, -0x10000, 0, 0, 180 << 16, 0, 0x40000000)
PASP = b"\0\0\0\x10pasp" + struct.pack(">II", 4, 3)
BT2020 = b"\0\0\0\x13colrnclx" + struct.pack(">HHHB", 9, 16, 9, 0)
ENTRY = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def alone(name: str, track: dash.Track) -> Recording:
    manifest = dash.Manifest([dash.Period([track, plain_audio(SECONDS)])], duration=Fraction(SECONDS))
    return recorded(name, manifest, first=0, fps=Fraction(25))


def with_box(init: bytes, added: bytes) -> bytes:
    """`init` with a box at the end of the first sample entry, and without another of that kind."""
    holders = [find(init, *ENTRY[: k + 1])[0] for k in range(len(ENTRY))]
    size = struct.unpack_from(">I", init, holders[-1].body + 8)[0]
    entry = Box(b"", holders[-1].body + 8, holders[-1].body + 16, holders[-1].body + 8 + size)
    out, end = bytearray(init), entry.end
    at = init.find(added[4:8], entry.start, end)
    if at >= 0:
        old = struct.unpack_from(">I", init, at - 4)[0]
        del out[at - 4 : at - 4 + old]
        end -= old
    out[end:end] = added
    for box in (*holders, entry):
        struct.pack_into(">I", out, box.start, box.end - box.start + len(out) - len(init))
    return bytes(out)


@foreign
def turned() -> Recording:
    """A phone held upright: the track's matrix turns the picture by a quarter."""
    track = picture(Video(count=COUNT))
    turn(track, QUARTER)
    return alone("turned", track)


def turn(track: dash.Track, matrix: tuple[int, ...]) -> None:
    at = find(track.init, b"moov", b"trak", b"tkhd")[0].body + 40
    track.init = track.init[:at] + struct.pack(">9i", *matrix) + track.init[at + 36 :]


@foreign
def shaped() -> Recording:
    """Pixels that are not square, by the sample entry only, as remuxers write it."""
    track = picture(Video(count=COUNT))
    track.init = with_box(track.init, PASP)
    return alone("shaped", track)


@foreign
def coloured() -> Recording:
    """Colours by the sample entry only."""
    track = picture(Video(count=COUNT))
    track.init = with_box(track.init, BT2020)
    return alone("coloured", track)


@foreign
def bottom_first() -> Recording:
    """Interlaced, the bottom field first, as PAL DV and much of NTSC."""
    return alone("bottom_first", picture(Video(count=COUNT, extra="bff=1", fields=True, tags="setfield=bff", noise=2)))


def halves(name: str, specs: list[dict], turned: list[int] = [], **truth) -> Recording:
    """Two Periods of four seconds, those of `turned` to be shown a quarter anticlockwise of how they are coded."""
    periods = []
    for k, spec in enumerate(specs):
        tracks = [picture(Video(count=100, first=100 * k, **spec)), sound(Audio(4 * 48_000, first=k * 4 * 48_000))]
        if k in turned:
            turn(tracks[0], ANTICLOCKWISE)
        periods.append(dash.Period(tracks, start=Fraction(4 * k), base=f"p{k}/", duration=Fraction(4)))
    return recorded(name, dash.Manifest(periods, duration=Fraction(SECONDS)), first=0, fps=Fraction(25), **truth)


@foreign
def advertised() -> Recording:
    """A Period in a low resolution before the programme."""
    return halves("advertised", [{"width": 256, "height": 144, "drawn": (320, 180)}, {}])


@foreign
def turned_within() -> Recording:
    """The second Period is of a camera that was held upright, and has the colours of standard definition."""
    tags = "setparams=color_primaries=bt709:color_trc=bt709:range=tv:colorspace"
    first = f"{PATCH},scale=in_color_matrix=bt601:out_color_matrix=bt709,{tags}=bt709"
    second = f"{PATCH},transpose=clock,{tags}=smpte170m"
    return halves("turned_within", [{"tags": first}, {"tags": second}], turned=[1])


@foreign
def brighter_within() -> Recording:
    """The second Period has a standard dynamic range, the first one a high one."""
    tags = ("bt2020:color_trc=smpte2084:colorspace=bt2020nc", "bt709:color_trc=bt709:colorspace=bt709")
    looks = [{"tags": f"{PATCH},setparams=range=tv:color_primaries={each}"} for each in tags]
    looks[0]["pixels"] = "yuv420p10le"
    specs = [{"codec": "hevc", "bframes": 0, "extra": "open-gop=0", **look} for look in looks]
    return halves("brighter_within", specs, codec="hevc")
