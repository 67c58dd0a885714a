"""Recordings whose look only the container tells, or that changes on the way."""

import struct
from fractions import Fraction

from .. import dash
from ..boxes import Box, find
from ..encode import Audio, Video
from ..forms import picture, plain_sound, sound
from ..recording import Recording, recorded
from . import foreign

SECONDS = 8
COUNT = 25 * SECONDS
QUARTER = (0, 0x10000, 0, -0x10000, 0, 0, 180 << 16, 0, 0x40000000)
PASP = b"\0\0\0\x10pasp" + struct.pack(">II", 4, 3)
BT2020 = b"\0\0\0\x13colrnclx" + struct.pack(">HHHB", 9, 16, 9, 0)
ENTRY = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def alone(name: str, track: dash.Track) -> Recording:
    manifest = dash.Manifest([dash.Period([track, plain_sound(SECONDS)])], duration=Fraction(SECONDS))
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
    at = find(track.init, b"moov", b"trak", b"tkhd")[0].body + 40
    track.init = track.init[:at] + struct.pack(">9i", *QUARTER) + track.init[at + 36 :]
    return alone("turned", track)


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


@foreign
def advertised() -> Recording:
    """A Period in a low resolution before the programme."""
    small = {"width": 256, "height": 144, "drawn": (320, 180)}
    halves = []
    for k, spec in enumerate((small, {})):
        tracks = [picture(Video(count=100, first=100 * k, **spec)), sound(Audio(4 * 48_000, first=k * 4 * 48_000))]
        halves.append(dash.Period(tracks, start=Fraction(4 * k), base=f"p{k}/", duration=Fraction(4)))
    return recorded("advertised", dash.Manifest(halves, duration=Fraction(SECONDS)), first=0, fps=Fraction(25))
