"""MPEG transport streams (ISO/IEC 13818-1): the packets, the access units in them, and what is wrong with either."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

PACKET = 188


@dataclass
class Pes:
    """A PES packet. Times in ticks of 90 kHz."""

    pid: int
    stream_id: int
    pts: int | None
    dts: int | None
    parts: list[bytes] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        return b"".join(self.parts)

    @property
    def is_video(self) -> bool:
        return 0xE0 <= self.stream_id <= 0xEF


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    for at in range(0, len(data), PACKET):
        yield at, data[at : at + PACKET]


def _adaptation(packet: bytes) -> tuple[int, int, int | None]:
    """Where the payload starts, the adaptation field's flags, its PCR in ticks of 90 kHz (2.4.3.4)."""
    if not packet[3] & 0x20:
        return 4, 0, None
    length = packet[4]
    flags = packet[5] if length else 0
    pcr = int.from_bytes(packet[6:11], "big") >> 7 if flags & 0x10 else None
    return 5 + length, flags, pcr


def _time(five: bytes) -> int:
    """A 33-bit time stamp between marker bits (2.4.3.7)."""
    return (five[0] >> 1 & 7) << 30 | five[1] << 22 | five[2] >> 1 << 15 | five[3] << 7 | five[4] >> 1


def _begun(pid: int, payload: bytes) -> Pes:
    """The PES packet that starts with these bytes (2.4.3.6)."""
    flags, body = payload[7] >> 6, 9 + payload[8]
    pts = _time(payload[9:14]) if flags & 2 else None
    dts = _time(payload[14:19]) if flags == 3 else pts
    return Pes(pid, payload[3], pts, dts, [payload[body:]])


def pes(data: bytes) -> list[Pes]:
    """Every PES packet of sound and picture, in the order in which they begin."""
    found: list[Pes] = []
    open_: dict[int, Pes] = {}
    for _, packet in _packets(data):
        pid, start = (packet[1] & 0x1F) << 8 | packet[2], packet[1] & 0x40
        begin, _, _ = _adaptation(packet)
        payload = packet[begin:] if packet[3] & 0x10 else b""
        if start and payload[:3] == b"\x00\x00\x01":
            open_[pid] = _begun(pid, payload)
            found.append(open_[pid])
        elif pid in open_ and not start:
            open_[pid].parts.append(payload)
    return found


def faults(data: bytes) -> list[str]:
    """What is wrong with the packets or with their time stamps; the first three of each kind."""
    if len(data) % PACKET or not data:
        return ["not whole TS packets"]
    if at := next((at for at, packet in _packets(data) if packet[0] != 0x47), None):
        return [f"no sync byte at {at}"]
    return _packet_faults(data)[:3] + _time_faults(pes(data))[:3]


def _packet_faults(data: bytes) -> list[str]:
    """2.4.3.3: continuity counters of packets with a payload, and discontinuities that are announced."""
    counters: dict[int, int] = {}
    found = []
    clock = -1
    for at, packet in _packets(data):
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        _, flags, pcr = _adaptation(packet)
        if flags & 0x80:
            found.append(f"discontinuity of pid {pid} at {at}")
        if pcr is not None:
            found += [f"program clock goes back at {at}"] if pcr < clock else []
            clock = pcr
        if pid == 0x1FFF or not packet[3] & 0x10:
            continue
        count = packet[3] & 0xF
        if pid in counters and count != (counters[pid] + 1) % 16:
            found.append(f"continuity counter of pid {pid} jumps at {at}")
        counters[pid] = count
    return found


def _time_faults(units: list[Pes]) -> list[str]:
    """Decode times rise, and nothing is shown before it is decoded."""
    found = []
    for pid in sorted({unit.pid for unit in units}):
        stamped = [unit for unit in units if unit.pid == pid]
        if any(unit.pts is None or unit.dts is None for unit in stamped):
            found.append(f"pid {pid} has a PES packet without a time stamp")
            continue
        found += [f"dts of pid {pid} goes from {a.dts} to {b.dts}" for a, b in pairwise(stamped) if b.dts <= a.dts]
        found += [f"pid {pid} is shown at {u.pts}, decoded at {u.dts}" for u in stamped if u.pts < u.dts]
    return found
