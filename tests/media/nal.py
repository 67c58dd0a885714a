"""NAL units (ITU-T H.264 and H.265): enough to tell samples apart and to read what their SEI messages say."""

from collections.abc import Iterator

START = b"\x00\x00\x01"
PARAMETER_SETS = {"h264": {7, 8, 13, 15}, "hevc": {32, 33, 34}}
DELIMITERS = {"h264": {9, 10, 11, 12}, "hevc": {35, 36, 37, 38}}
SEI = {"h264": 6, "hevc": 39}
BLA_W_LP, IDR_W_RADL, IDR_N_LP, CRA = 16, 19, 20, 21
T35, MASTERING, LIGHT_LEVEL = 4, 137, 144
METADATA = {T35, MASTERING, LIGHT_LEVEL, 147, 148}


def of_sample(sample: bytes, length_size: int = 4) -> list[bytes]:
    """The NAL units of a sample, each behind its length (ISO/IEC 14496-15)."""
    units, at = [], 0
    while at < len(sample):
        end = at + length_size + int.from_bytes(sample[at : at + length_size], "big")
        if end > len(sample):
            raise ValueError("a NAL unit does not fit into its sample")
        units.append(sample[at + length_size : end])
        at = end
    return units


def of_stream(data: bytes) -> list[bytes]:
    """The NAL units of a byte stream (Annex B)."""
    return [unit.rstrip(b"\x00") for unit in data.split(START)[1:]]


def kind(codec: str, unit: bytes) -> int:
    """nal_unit_type."""
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def is_slice(codec: str, unit: bytes) -> bool:
    return 1 <= kind(codec, unit) <= 5 if codec == "h264" else kind(codec, unit) < 32


def starts_anew(codec: str, units: list[bytes]) -> bool:
    """Whether a decoder may start with this picture: an IDR picture, in H.265 any that is random access."""
    kinds = {kind(codec, unit) for unit in units if is_slice(codec, unit)}
    return 5 in kinds if codec == "h264" else any(16 <= each <= 23 for each in kinds)


def coded(codec: str, units: list[bytes]) -> tuple[bytes, ...]:
    """What of a sample must survive a copy: all but parameter sets and delimiters; a CRA picture may be named BLA."""
    left_out = PARAMETER_SETS[codec] | DELIMITERS[codec]
    kept = [unit.rstrip(b"\x00") for unit in units if unit and kind(codec, unit) not in left_out]
    if codec == "hevc":
        kept = [bytes([CRA << 1 | unit[0] & 1]) + unit[1:] if kind(codec, unit) == BLA_W_LP else unit for unit in kept]
    return tuple(kept)


def nameless(codec: str, unit: bytes) -> tuple[str, str, bytes]:
    """A slice without the id of its picture parameter set: the bits before it, those behind it up to a whole byte, and
    all other bytes (H.264 7.3.3, H.265 7.3.6.1)."""
    data = unescaped(unit)
    head = "".join(f"{byte:08b}" for byte in data[:16])

    def behind(at: int) -> int:
        """Where the Exp-Golomb number at a bit ends (9.1)."""
        zeros = head.index("1", at) - at
        return at + 2 * zeros + 1

    if codec == "h264":
        begin = behind(behind(8))
    else:
        begin = 18 if 16 <= kind(codec, unit) <= 23 else 17
    end = behind(begin)
    whole = -(-end // 8)
    return head[:begin], head[end : 8 * whole], data[whole:]


def is_copy(codec: str, units: list[bytes], of: list[bytes]) -> bool:
    """Whether a sample is a copy of another: nothing lost or changed but the ids of parameter sets, and nothing added
    but SEI messages that muxers take out of a decoder configuration."""

    def same(one: bytes, two: bytes | None) -> bool:
        if two is None or one == two or not (is_slice(codec, one) and is_slice(codec, two)):
            return one == two
        return nameless(codec, one) == nameless(codec, two)

    wanted = iter(coded(codec, of))
    following = next(wanted, None)
    for unit in coded(codec, units):
        if same(unit, following):
            following = next(wanted, None)
        elif kind(codec, unit) != SEI[codec]:
            return False
    return following is None


def unescaped(unit: bytes) -> bytes:
    """Without emulation prevention (7.4.1)."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def escaped(payload: bytes) -> bytes:
    """With emulation prevention."""
    out, zeros = bytearray(), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A payload type or size (7.3.2.3.1) and where it ends."""
    value = 0
    while data[at] == 0xFF:
        value, at = value + 0xFF, at + 1
    return value + data[at], at + 1


def messages(codec: str, units: list[bytes]) -> Iterator[tuple[int, bytes]]:
    """(payload type, payload) of each SEI message before the picture."""
    for unit in units:
        if kind(codec, unit) != SEI[codec]:
            continue
        data = unescaped(unit)[1 if codec == "h264" else 2 :]
        at = 0
        while at + 1 < len(data):
            what, at = _number(data, at)
            size, at = _number(data, at)
            yield what, data[at : at + size]
            at += size


def metadata(codec: str, units: list[bytes]) -> list[tuple[int, bytes]]:
    """Captions and HDR metadata of a sample: what must be kept when its picture is encoded anew."""
    return sorted(message for message in messages(codec, units) if message[0] in METADATA)


def sei(codec: str, what: int, payload: bytes) -> bytes:
    """A NAL unit with one message of less than 255 bytes."""
    header = bytes([SEI["h264"]]) if codec == "h264" else bytes([SEI["hevc"] << 1, 1])
    return header + escaped(bytes([what, len(payload)]) + payload + b"\x80")
