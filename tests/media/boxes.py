"""ISO base media files (ISO/IEC 14496-12): enough to cut recordings from an encoder's output and to look into clips."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

NON_SYNC = 0x10000


@dataclass(frozen=True)
class Box:
    kind: bytes
    start: int
    body: int
    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes directly inside data[start:end]; raises ValueError when one does not fit."""
    end = len(data) if end is None else end
    while start < end:
        if start + 8 > end:
            raise ValueError(f"box header cut off at {start}")
        size, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            size, body = struct.unpack_from(">Q", data, body)[0], body + 8
        elif size == 0:
            size = end - start
        if size < body - start or start + size > end:
            raise ValueError(f"box {kind!r} at {start} does not fit")
        yield Box(kind, start, body, start + size)
        start += size


def find(data: bytes, *path: bytes, inside: Box | None = None) -> list[Box]:
    """Every box at a path such as `b"moov", b"trak", b"tkhd"`."""
    start, end = (inside.body, inside.end) if inside else (0, len(data))
    found = [box for box in boxes(data, start, end) if box.kind == path[0]]
    return found if len(path) == 1 else [deep for box in found for deep in find(data, *path[1:], inside=box)]


@dataclass(frozen=True)
class Track:
    """One track of an initialization segment; `edit_shift` is the media time that is presented first, in ticks."""

    id: int
    handler: bytes
    timescale: int
    edit_shift: int
    sample_duration: int
    sample_size: int
    sample_flags: int


def _edit_shift(data: bytes, trak: Box) -> int:
    for elst in find(data, b"edts", b"elst", inside=trak):
        version, count = data[elst.body], struct.unpack_from(">I", data, elst.body + 4)[0]
        layout = ">Qqi" if version else ">Iii"
        for k in range(count):
            _, media_time, _ = struct.unpack_from(layout, data, elst.body + 8 + k * struct.calcsize(layout))
            if media_time >= 0:
                return media_time
    return 0


def tracks(data: bytes) -> list[Track]:
    """The tracks that an initialization segment (or a whole file) declares."""
    defaults = {}
    for trex in find(data, b"moov", b"mvex", b"trex"):
        track, _, *rest = struct.unpack_from(">5I", data, trex.body + 4)
        defaults[track] = rest
    found = []
    for trak in find(data, b"moov", b"trak"):
        tkhd, mdhd, hdlr = (
            find(data, *path, inside=trak)[0] for path in ((b"tkhd",), (b"mdia", b"mdhd"), (b"mdia", b"hdlr"))
        )
        id_ = struct.unpack_from(">I", data, tkhd.body + (20 if data[tkhd.body] else 12))[0]
        handler = data[hdlr.body + 8 : hdlr.body + 12]
        scale = struct.unpack_from(">I", data, mdhd.body + (20 if data[mdhd.body] else 12))[0]
        found.append(
            Track(id_, handler, scale, _edit_shift(data, trak), *defaults.get(id_, (0, 0, 0)))
        )
    return found


@dataclass(frozen=True)
class Sample:
    """Times in track ticks; `pts` is the composition time before any edit list. `at`: where its bytes begin, counted
    from the first byte of the fragment or segment that it lies in."""

    dts: int
    pts: int
    duration: int
    size: int
    key: bool
    at: int = 0


@dataclass
class Fragment:
    """One moof with its mdat, as bytes of the file it came from."""

    data: bytes
    samples: dict[int, list[Sample]] = field(default_factory=dict)


def retimed(data: bytes, ticks: dict[int, int], sequence: int) -> bytes:
    """Fragments moved to another decode time, `ticks` by track, and numbered from `sequence` on."""
    out = bytearray(data)
    for number, moof in enumerate(find(data, b"moof"), sequence):
        struct.pack_into(">I", out, find(data, b"mfhd", inside=moof)[0].body + 4, number)
        for traf in find(data, b"traf", inside=moof):
            track = struct.unpack_from(">I", data, find(data, b"tfhd", inside=traf)[0].body + 4)[0]
            tfdt = find(data, b"tfdt", inside=traf)[0]
            if data[tfdt.body] != 1:
                raise ValueError("a 32-bit tfdt cannot be moved")
            time = struct.unpack_from(">Q", data, tfdt.body + 4)[0]
            struct.pack_into(">Q", out, tfdt.body + 4, time + ticks[track])
    return bytes(out)


def _run(data: bytes, trun: Box, dts: int, place: int, usual: tuple[int, int, int]) -> list[Sample]:
    """The samples of one trun (8.8.8); without a data offset they begin at `place`. `usual`: duration, size, flags."""
    bits, count = struct.unpack_from(">II", data, trun.body)
    at = trun.body + 8
    if bits & 0x1:
        place, at = struct.unpack_from(">i", data, at)[0], at + 4
    first_flags = None
    if bits & 0x4:
        first_flags, at = struct.unpack_from(">I", data, at)[0], at + 4
    samples = []
    for k in range(count):
        (length, size, flag), offset = usual, 0
        if bits & 0x100:
            length, at = struct.unpack_from(">I", data, at)[0], at + 4
        if bits & 0x200:
            size, at = struct.unpack_from(">I", data, at)[0], at + 4
        if bits & 0x400:
            flag, at = struct.unpack_from(">I", data, at)[0], at + 4
        elif k == 0 and first_flags is not None:
            flag = first_flags
        if bits & 0x800:
            offset, at = struct.unpack_from(">i", data, at)[0], at + 4
        samples.append(Sample(dts, dts + offset, length, size, not flag & NON_SYNC, place))
        dts, place = dts + length, place + size
    return samples


def fragments(data: bytes) -> Iterator[Fragment]:
    """The movie fragments of a fragmented file, in file order."""
    known = {track.id: track for track in tracks(data)}
    moof = None
    for box in boxes(data):
        if box.kind == b"moof":
            moof = box
        elif box.kind == b"mdat" and moof:
            fragment = Fragment(data[moof.start : box.end])
            for traf in find(data, b"traf", inside=moof):
                track, *run = _traf(data, traf, known)
                fragment.samples.setdefault(track, []).extend(run)
            yield fragment
            moof = None


def _traf(data: bytes, traf: Box, known: dict[int, Track]) -> list:
    """[track id, samples...] of one traf (8.8.6)."""
    tfhd, tfdt = (find(data, kind, inside=traf)[0] for kind in (b"tfhd", b"tfdt"))
    bits, track = struct.unpack_from(">II", data, tfhd.body)
    if bits & 0x1:
        raise ValueError("places counted from the start of the file")
    duration, size, flags = known[track].sample_duration, known[track].sample_size, known[track].sample_flags
    at = tfhd.body + 8 + (4 if bits & 0x2 else 0)
    if bits & 0x8:
        duration, at = struct.unpack_from(">I", data, at)[0], at + 4
    if bits & 0x10:
        size, at = struct.unpack_from(">I", data, at)[0], at + 4
    if bits & 0x20:
        flags = struct.unpack_from(">I", data, at)[0]
    dts = struct.unpack_from(">Q" if data[tfdt.body] else ">I", data, tfdt.body + 4)[0]
    out: list = [track]
    place = 0
    for trun in find(data, b"trun", inside=traf):
        run = _run(data, trun, dts, place, (duration, size, flags))
        out += run
        if run:
            dts, place = run[-1].dts + run[-1].duration, run[-1].at + run[-1].size
    return out


def refilled(fragment: Fragment, samples: list[bytes]) -> bytes:
    """A fragment of one track and one trun, with other bytes in its samples."""
    moof, mdat = boxes(fragment.data)
    (trun,) = find(fragment.data, b"moof", b"traf", b"trun")
    bits, count = struct.unpack_from(">II", fragment.data, trun.body)
    if count != len(samples) or not bits & 0x200:
        raise ValueError("a trun that does not say each sample's size")
    stride = 4 * sum(bool(bits & each) for each in (0x100, 0x200, 0x400, 0x800))
    first = trun.body + 8 + 4 * (bool(bits & 0x1) + bool(bits & 0x4) + bool(bits & 0x100))
    head = bytearray(fragment.data[: moof.end])
    for k, sample in enumerate(samples):
        struct.pack_into(">I", head, first + k * stride, len(sample))
    payload = b"".join(samples)
    return bytes(head) + struct.pack(">I4s", 8 + len(payload), b"mdat") + payload


@dataclass(frozen=True)
class Stored:
    """A sample of a progressive file: composition time in ticks, its sample entry's index, its bytes."""

    pts: int
    entry: int
    data: bytes


def _table(data: bytes, stbl: Box, kind: bytes, layout: str) -> list[tuple]:
    """The rows of a sample table after its count; [] if it is not there."""
    found = find(data, kind, inside=stbl)
    if not found:
        return []
    count = struct.unpack_from(">I", data, found[0].body + 4)[0]
    size = struct.calcsize(layout)
    return [struct.unpack_from(layout, data, found[0].body + 8 + k * size) for k in range(count)]


def stored(data: bytes, trak: Box) -> list[Stored]:
    """Every sample of a progressive file's track in decode order (8.6, 8.7)."""
    (stbl,) = find(data, b"mdia", b"minf", b"stbl", inside=trak)
    deltas = [delta for count, delta in _table(data, stbl, b"stts", ">II") for _ in range(count)]
    offsets = [offset for count, offset in _table(data, stbl, b"ctts", ">Ii") for _ in range(count)]
    (stsz,) = find(data, b"stsz", inside=stbl)
    same, count = struct.unpack_from(">II", data, stsz.body + 4)
    sizes = [same] * count if same else list(struct.unpack_from(f">{count}I", data, stsz.body + 12))
    chunks = [at for (at,) in _table(data, stbl, b"stco", ">I") + _table(data, stbl, b"co64", ">Q")]
    spread = _table(data, stbl, b"stsc", ">III")
    out, dts, last = [], 0, len(chunks) + 1
    for (first, each, entry), following in zip(spread, [row[0] for row in spread[1:]] + [last]):
        for chunk in range(first, following):
            at = chunks[chunk - 1]
            for _ in range(each):
                k = len(out)
                out.append(Stored(dts + (offsets[k] if offsets else 0), entry - 1, data[at : at + sizes[k]]))
                at, dts = at + sizes[k], dts + deltas[k]
    if len(out) != count:
        raise ValueError(f"stsc places {len(out)} samples, stsz has {count}")
    return out


def header(data: bytes) -> bytes:
    """ftyp + moov: the initialization segment of a fragmented file."""
    return b"".join(data[box.start : box.end] for box in boxes(data) if box.kind in (b"ftyp", b"moov"))


def sidx(track: int, timescale: int, earliest: int, entries: list[tuple[int, int]]) -> bytes:
    """A segment index (8.16.3, version 1) of (bytes, ticks) entries that follow it and start at a sync sample."""
    body = struct.pack(">IIIQQHH", 1 << 24, track, timescale, earliest, 0, 0, len(entries))
    for size, ticks in entries:
        body += struct.pack(">III", size, ticks, 0x90000000)
    return struct.pack(">I4s", len(body) + 8, b"sidx") + body
