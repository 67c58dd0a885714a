"""As much of ISO/IEC 14496-12 as packing and judging need, for trusted files only."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Box:
    kind: str
    start: int
    body: int
    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        elif size == 0:
            size = end - start
        if size < head:
            raise ValueError(f"a box of {size} bytes")
        yield Box(kind.decode("latin-1"), start, start + head, min(start + size, end))
        start += size


def inside(data: bytes, path: str, start: int = 0, end: int | None = None) -> list[Box]:
    """Every box at a path such as `moov/trak/tkhd`."""
    first, _, rest = path.partition("/")
    found = [each for each in boxes(data, start, end) if each.kind == first]
    return [deep for each in found for deep in inside(data, rest, each.body, each.end)] if rest else found


def number(data: bytes, at: int, size: int = 4) -> int:
    return int.from_bytes(data[at : at + size], "big")


@dataclass(frozen=True)
class Piece:
    """A fragment with what stands before it: where it starts and how long it lasts, in ticks of its first track."""

    data: bytes
    start: int
    duration: int
    key: bool


def split(data: bytes) -> tuple[bytes, list[Piece]]:
    """A fragmented file as its init segment and its fragments."""
    init, pieces, prefix = b"", [], b""
    usual: dict[int, tuple[int, int]] = {}
    at: dict[int, int] = {}
    for each in boxes(data):
        blob = data[each.start : each.end]
        if each.kind in ("ftyp", "moov"):
            init += blob
        if each.kind == "moov":
            for trex in inside(data, "mvex/trex", each.body, each.end):
                usual[number(data, trex.body + 4)] = (number(data, trex.body + 12), number(data, trex.body + 20))
        elif each.kind in ("styp", "prft", "emsg", "sidx"):
            prefix += b"" if each.kind == "sidx" else blob
        elif each.kind == "moof":
            start, duration, key = _fragment(data, each, usual, at)
            prefix += blob
        elif each.kind == "mdat":
            pieces.append(Piece(prefix + blob, start, duration, key))
            prefix = b""
    return init, pieces


@dataclass(frozen=True)
class Sample:
    """Its decode time and length, how much later it is shown, in ticks, and whether a decoder may start with it."""

    dts: int
    duration: int
    offset: int
    key: bool


def _fragment(data: bytes, moof: Box, usual: dict[int, tuple[int, int]], at: dict[int, int]) -> tuple[int, int, bool]:
    track, samples = _samples_of(data, inside(data, "traf", moof.body, moof.end)[0], usual, at)
    end = samples[-1].dts + samples[-1].duration
    at[track] = end
    return samples[0].dts, end - samples[0].dts, samples[0].key


def _samples_of(
    data: bytes, traf: Box, usual: dict[int, tuple[int, int]], at: dict[int, int]
) -> tuple[int, list[Sample]]:
    """The samples of a track fragment and its track; `at`: where each track's last fragment ended."""
    tfhd = inside(data, "tfhd", traf.body, traf.end)[0]
    flags, track = number(data, tfhd.body) & 0xFFFFFF, number(data, tfhd.body + 4)
    usual_duration, usual_flags = usual.get(track, (0, 0))
    place = tfhd.body + 8
    for bit, size in ((1, 8), (2, 4), (8, 4), (16, 4), (32, 4)):
        if flags & bit:
            if bit == 8:
                usual_duration = number(data, place)
            if bit == 32:
                usual_flags = number(data, place)
            place += size
    tfdt = inside(data, "tfdt", traf.body, traf.end)
    dts = number(data, tfdt[0].body + 4, 8 if data[tfdt[0].body] else 4) if tfdt else at.get(track, 0)
    samples = []
    for trun in inside(data, "trun", traf.body, traf.end):
        bits, count, place = number(data, trun.body) & 0xFFFFFF, number(data, trun.body + 4), trun.body + 8
        place += 4 if bits & 1 else 0
        first = number(data, place) if bits & 4 else None
        place += 4 if bits & 4 else 0
        for index in range(count):
            flagged = first if index == 0 and first is not None else usual_flags
            duration, offset = usual_duration, 0
            for bit in (0x100, 0x200, 0x400, 0x800):
                if bits & bit:
                    duration = number(data, place) if bit == 0x100 else duration
                    flagged = number(data, place) if bit == 0x400 else flagged
                    offset = int.from_bytes(data[place : place + 4], "big", signed=True) if bit == 0x800 else offset
                    place += 4
            samples.append(Sample(dts, duration, offset, not flagged & 0x10000))
            dts += duration
    return track, samples


def picture_times(data: bytes) -> list[Fraction]:
    """When the pictures of a fragmented file are shown, in s, in the order of display; none without a video track."""
    return sorted(decoded_times(data))


def decoded_times(data: bytes) -> list[Fraction]:
    """The same in the order of decoding."""
    usual, at, times = {}, {}, []
    track, scale, shift = None, 1, 0
    for moov in inside(data, "moov"):
        movie = inside(data, "mvhd", moov.body, moov.end)[0]
        movie_scale = number(data, movie.body + (20 if data[movie.body] else 12))
        for trex in inside(data, "mvex/trex", moov.body, moov.end):
            usual[number(data, trex.body + 4)] = (number(data, trex.body + 12), number(data, trex.body + 20))
        for trak in inside(data, "trak", moov.body, moov.end):
            hdlr = inside(data, "mdia/hdlr", trak.body, trak.end)[0]
            if data[hdlr.body + 8 : hdlr.body + 12] == b"vide" and track is None:
                tkhd = inside(data, "tkhd", trak.body, trak.end)[0]
                track = number(data, tkhd.body + (20 if data[tkhd.body] else 12))
                mdhd = inside(data, "mdia/mdhd", trak.body, trak.end)[0]
                scale = number(data, mdhd.body + (20 if data[mdhd.body] else 12))
                shift = sum(_edits(data, trak, Fraction(scale, movie_scale)))
    for moof in inside(data, "moof"):
        for traf in inside(data, "traf", moof.body, moof.end):
            found, samples = _samples_of(data, traf, usual, at)
            at[found] = samples[-1].dts + samples[-1].duration if samples else at.get(found, 0)
            if found == track:
                times += [Fraction(each.dts + each.offset) + shift for each in samples]
    return [each / scale for each in times]


def _edits(data: bytes, trak: Box, ticks: Fraction) -> list[Fraction]:
    """By how much each edit up to the first that shows something moves what is shown, in the track's ticks."""
    found = []
    for elst in inside(data, "edts/elst", trak.body, trak.end):
        wide = 8 if data[elst.body] else 4
        for index in range(number(data, elst.body + 4)):
            at = elst.body + 8 + index * (2 * wide + 4)
            begin = int.from_bytes(data[at + wide : at + 2 * wide], "big", signed=True)
            found.append(number(data, at, wide) * ticks if begin == -1 else Fraction(-begin))
            if begin != -1:
                return found
    return found


def timescale(init: bytes, index: int = 0) -> int:
    mdhd = inside(init, "moov/trak/mdia/mdhd")[index]
    return number(init, mdhd.body + (20 if init[mdhd.body] else 12))


# ---- progressive files, for a reader that knows the first sample entry only


@dataclass(frozen=True)
class Entry:
    """A video sample entry: its type, the size of a NAL unit's length, and its parameter sets."""

    kind: str
    length: int
    sets: list[bytes]


def first_entry_stream(data: bytes) -> tuple[str, bytes, int]:
    """(kind, Annex B, samples) of the first video track, decoded with nothing but its first sample entry."""
    for trak in inside(data, "moov/trak"):
        hdlr = inside(data, "mdia/hdlr", trak.body, trak.end)[0]
        if data[hdlr.body + 8 : hdlr.body + 12] == b"vide":
            break
    else:
        raise ValueError("no video track")
    table = inside(data, "mdia/minf/stbl", trak.body, trak.end)[0]
    part = {each.kind: each for each in boxes(data, table.body, table.end)}
    stsd = part["stsd"]
    entry = next(boxes(data, stsd.body + 8, stsd.end))
    config = next(each for each in boxes(data, entry.body + 78, entry.end) if each.kind in ("avcC", "hvcC"))
    described = (_avcc if config.kind == "avcC" else _hvcc)(data, config, entry.kind)
    out = bytearray()
    for unit in described.sets:
        out += b"\0\0\0\1" + unit
    samples = list(_samples(data, part))
    for at, size in samples:
        end = at + size
        while at + described.length <= end:
            count = number(data, at, described.length)
            at += described.length
            out += b"\0\0\0\1" + data[at : at + count]
            at += count
    return entry.kind, bytes(out), len(samples)


def _avcc(data: bytes, box: Box, kind: str) -> Entry:
    at, sets = box.body + 5, []
    for mask in (0x1F, 0xFF):
        count = data[at] & mask
        at += 1
        for _ in range(count):
            size = number(data, at, 2)
            sets.append(data[at + 2 : at + 2 + size])
            at += 2 + size
    return Entry(kind, (data[box.body + 4] & 3) + 1, sets)


def _hvcc(data: bytes, box: Box, kind: str) -> Entry:
    at, sets = box.body + 23, []
    for _ in range(data[box.body + 22]):
        count = number(data, at + 1, 2)
        at += 3
        for _ in range(count):
            size = number(data, at, 2)
            sets.append(data[at + 2 : at + 2 + size])
            at += 2 + size
    return Entry(kind, (data[box.body + 21] & 3) + 1, sets)


def _samples(data: bytes, part: dict[str, Box]) -> Iterator[tuple[int, int]]:
    """(offset, size) of each sample in decode order."""
    stsz = part["stsz"].body
    uniform, count = number(data, stsz + 4), number(data, stsz + 8)
    sizes = [uniform or number(data, stsz + 12 + 4 * index) for index in range(count)]
    wide = "co64" in part
    stco = part["co64" if wide else "stco"].body
    step = 8 if wide else 4
    chunks = [number(data, stco + 8 + step * index, step) for index in range(number(data, stco + 4))]
    stsc = part["stsc"].body
    runs = [(number(data, stsc + 8 + 12 * n), number(data, stsc + 12 + 12 * n)) for n in range(number(data, stsc + 4))]
    sample = 0
    for index, (first, each) in enumerate(runs):
        last = runs[index + 1][0] if index + 1 < len(runs) else len(chunks) + 1
        for chunk in range(first - 1, last - 1):
            at = chunks[chunk]
            for size in sizes[sample : sample + each]:
                yield at, size
                at += size
            sample += each
