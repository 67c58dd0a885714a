"""Recordings whose parameter sets come in band, or in sample entries that say that they may."""

from collections.abc import Callable
from dataclasses import replace

from .. import boxes, dash
from ..encode import Video
from ..forms import picture, plain_audio
from ..recording import Recording, recorded
from . import foreign

SECONDS = 8


def in_band(name: str, kind: bytes, *, bare: bool = False, **spec) -> Recording:
    """A recording whose sample entries are of this kind. `bare`: they hold no parameter sets."""
    video = Video(count=25 * SECONDS, **spec)
    track = picture(video)
    init = track.init.replace(track.codecs[:4].encode(), kind)
    track = replace(track, init=without_sets(init) if bare else init)
    track.codecs = kind.decode() + track.codecs[4:]
    manifest = dash.Manifest([dash.Period([track, plain_audio(SECONDS)])], duration=SECONDS)
    return recorded(name, manifest, first=0, fps=video.fps, codec=video.codec)


def without_sets(init: bytes) -> bytes:
    """An initialization segment whose avcC holds no parameter sets."""
    return with_record(init, lambda record: record[:5] + b"\xe0\0" + b"\xfd\xf8\xf8\0")


def with_short_vui(init: bytes) -> bytes:
    """An initialization segment whose sequence parameter set ends in the middle of what it says of reordering."""

    def shorter(record: bytes) -> bytes:
        end = 8 + int.from_bytes(record[6:8], "big")
        return record[:6] + (end - 10).to_bytes(2, "big") + record[8 : end - 3] + b"\x80" + record[end:]

    return with_record(init, shorter)


def with_record(init: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """An initialization segment with another avcC."""
    start = init.index(b"avcC") - 4
    size = int.from_bytes(init[start : start + 4], "big")
    record = change(init[start + 8 : start + size])
    shorter = size - 8 - len(record)
    out = bytearray(init[: start + 8] + record + init[start + size :])
    out[start : start + 4] = (8 + len(record)).to_bytes(4, "big")
    for depth in ([b"moov"], [b"moov", b"trak"], [b"moov", b"trak", b"mdia"]):
        shrink(out, boxes.find(init, *depth)[0].start, shorter)
    for inner in ([b"minf"], [b"minf", b"stbl"], [b"minf", b"stbl", b"stsd"]):
        shrink(out, boxes.find(init, b"moov", b"trak", b"mdia", *inner)[0].start, shorter)
    shrink(out, boxes.find(init, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")[0].body + 8, shorter)
    return bytes(out)


def shrink(data: bytearray, start: int, by: int) -> None:
    data[start : start + 4] = (int.from_bytes(data[start : start + 4], "big") - by).to_bytes(4, "big")


@foreign
def hev1() -> Recording:
    """What ffmpeg writes unless it is told otherwise."""
    return in_band("hev1", b"hev1", codec="hevc", extra="open-gop=0")


@foreign
def avc3_bare() -> Recording:
    return in_band("avc3_bare", b"avc3", bare=True, extra="repeat-headers=1")


@foreign
def short_vui() -> Recording:
    """Decoders overlook that the parameter set is cut off. It does not say that no picture is reordered, and none is."""
    video = Video(count=25 * SECONDS, bframes=0)
    track = picture(video)
    track = replace(track, init=with_short_vui(track.init))
    manifest = dash.Manifest([dash.Period([track, plain_audio(SECONDS)])], duration=SECONDS)
    return recorded("short_vui", manifest, first=0, fps=video.fps, codec=video.codec)
