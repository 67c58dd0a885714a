"""Closed captions in the picture (ATSC A/53 Part 4, CEA-708) that say which frame they came with."""

import struct

from . import boxes, nal

PAIRS = 6


def user_data(number: int) -> bytes:
    """The T.35 message of a frame: CEA-608 pairs of field 1 that spell its number in printable characters."""
    digits = [0x20 + (number >> 6 * k & 0x3F) for k in (3, 2, 1, 0)]
    text = [_odd(value) for value in digits] + [0x80] * (2 * PAIRS - 4)
    pairs = b"".join(bytes([0xFC, *text[k : k + 2]]) for k in range(0, 2 * PAIRS, 2))
    return b"\xb5\x00\x31GA94\x03" + bytes([0x40 | PAIRS, 0xFF]) + pairs + b"\xff"


def _odd(value: int) -> int:
    """A 7-bit character with odd parity."""
    return value | (0x80 if value.bit_count() % 2 == 0 else 0)


def captioned(data: bytes, codec: str, first: int = 0) -> bytes:
    """A fragmented file of one picture track, with captions in each sample numbered in display order from `first`."""
    track = boxes.tracks(data)[0].id
    fragments = list(boxes.fragments(data))
    shown = sorted(sample.pts for fragment in fragments for sample in fragment.samples[track])
    number = {pts: first + k for k, pts in enumerate(shown)}
    out = [boxes.header(data)]
    for fragment in fragments:
        samples = []
        for sample in fragment.samples[track]:
            bytes_ = fragment.data[sample.at : sample.at + sample.size]
            samples.append(_with(bytes_, codec, nal.sei(codec, nal.T35, user_data(number[sample.pts]))))
        out.append(boxes.refilled(fragment, samples))
    return b"".join(out)


def _with(sample: bytes, codec: str, unit: bytes) -> bytes:
    """The sample with a NAL unit before its first slice."""
    units = nal.of_sample(sample)
    first = next(k for k, each in enumerate(units) if nal.is_slice(codec, each))
    return b"".join(struct.pack(">I", len(each)) + each for each in [*units[:first], unit, *units[first:]])
