"""The judge's own reading of HLS playlists, after RFC 8216: as `manifest`, of recordings whose files are all there.

A section has one clock: the first picture, in the order of decoding, of the segment with its first date has that date.
Without any date time zero is the first picture of the recording."""

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from . import boxes, decode
from .manifest import Manifest, Period, Track, instant_ms

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')


@dataclass
class Section:
    files: list[Path] = field(default_factory=list)
    ranges: list[tuple[int, int] | None] = field(default_factory=list)
    date: tuple[int, Fraction] | None = None
    length: Fraction = Fraction(0)

    @property
    def has_init(self) -> bool:
        return len(self.files) > len(self.ranges)


def attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in ATTRIBUTE.findall(text)}


def sections(path: Path) -> list[Section]:
    """The init segment and the segments of each part between discontinuities."""
    found: list[Section] = []
    init: Path | None = None
    length, date, size, at, broken = Fraction(0), None, None, 0, True
    for line in path.read_text().splitlines():
        tag, _, value = line.partition(":")
        if tag == "#EXT-X-MAP":
            init = path.parent / attributes(value)["URI"]
        elif tag == "#EXT-X-DISCONTINUITY":
            broken = True
        elif tag == "#EXTINF":
            length = Fraction(value.split(",")[0])
        elif tag == "#EXT-X-PROGRAM-DATE-TIME":
            date = Fraction(instant_ms(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", value)), 1000)
        elif tag == "#EXT-X-BYTERANGE":
            count, _, begin = value.partition("@")
            at = int(begin) if begin else at
            size = int(count)
        elif line and not line.startswith("#"):
            if broken:
                found.append(Section([init] if init else []))
            section, broken = found[-1], False
            if date is not None and section.date is None:
                section.date = len(section.ranges), date
            section.files.append(path.parent / line)
            section.ranges.append(None if size is None else (at, at + size))
            section.length += length
            at, size, date = at + (size or 0), None, None
    return found


def first_picture(section: Section, index: int) -> Fraction:
    """The media time of the first picture, in the order of decoding, of a segment. Of a transport stream it is that
    in the source of the same times, and only of the first segment."""
    if not section.has_init:
        held = decode.pictures(section.files[0].with_name("source.mp4"))
        if index or held is None:
            raise ValueError("a transport stream has its date at its first segment, and a source")
        return held.times[0]
    init, held = section.files[0].read_bytes(), section.files[index + 1].read_bytes()
    if held_range := section.ranges[index]:
        init, held = init[: _moov_end(init)], held[slice(*held_range)]
    return boxes.decoded_times(init + held)[0]


def _moov_end(data: bytes) -> int:
    return next(each.end for each in boxes.boxes(data) if each.kind == "moov")


def read(path: Path) -> Manifest:
    lines = path.read_text().splitlines()
    variants = [(attributes(a), b) for a, b in zip(lines, lines[1:]) if a.startswith("#EXT-X-STREAM-INF:")]
    media = [attributes(line) for line in lines if line.startswith("#EXT-X-MEDIA:")]
    if not variants:
        variants = [({}, path.name)]
    pictures = [(said, sections(path.parent / uri)) for said, uri in variants]
    sounds = [
        (said, sections(path.parent / said["URI"])) for said in media if said.get("TYPE") == "AUDIO" and "URI" in said
    ]
    dated = any(section.date for section in pictures[0][1])
    periods: list[Period] = []
    clock = Fraction(0)
    for number, lead in enumerate(pictures[0][1]):
        if lead.date:
            index, date = lead.date
            shift = date - first_picture(lead, index)
            start = date if index == 0 else shift + first_picture(lead, 0)
        else:
            start = clock
            shift = start - first_picture(lead, 0)
        if periods:
            periods[-1] = Period(periods[-1].start, start, periods[-1].tracks)
        period = Period(start, None)
        for n, (said, parts) in enumerate(pictures):
            width, _, height = said.get("RESOLUTION", "0x0").partition("x")
            codecs = said.get("CODECS", "") or ("" if parts[number].has_init else _coded(path.with_name("source.mp4")))
            rate = int(said.get("BANDWIDTH", 0))
            period.tracks.append(_track("video", codecs, "", (int(width), int(height)), rate, parts[number], shift, n))
        for n, (said, parts) in enumerate(sounds):
            language = said.get("LANGUAGE", "")
            period.tracks.append(_track("audio", "mp4a", language, (0, 0), 0, parts[number], shift, 1000 + n))
        periods.append(period)
        clock = start + lead.length
    return Manifest(0 if dated else None, periods)


def _coded(source: Path) -> str:
    held = source.read_bytes()
    return next(entry for entry in ("avc1", "hvc1", "hev1") if entry.encode() in held)


def _track(
    kind: str, codecs: str, language: str, size: tuple[int, int], rate: int, section: Section, shift: Fraction, n: int
) -> Track:
    files = tuple(dict.fromkeys(section.files))
    return Track(kind, codecs, language, *size, rate, files, shift, n)
