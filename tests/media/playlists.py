"""Reads an HLS playlist as a player does, and puts the media of each of its tracks into one file."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from urllib.parse import urljoin

from . import ffmpeg

ATTRIBUTE = re.compile(r'([A-Z-]+)=("[^"]*"|[^,]*)')
RANGE = re.compile(r"(\d+)@(\d+)")

Read = Callable[[str, tuple[int, int] | None], bytes]


@dataclass(frozen=True)
class Part:
    """An init or media segment: where it is, its first and last byte if it is a part of a file, and its length."""

    url: str
    range: tuple[int, int] | None
    length: Fraction = Fraction(0)


@dataclass(frozen=True)
class Track:
    """A media playlist: its init segment and media segments; `ended` as it says so."""

    parts: list[Part]
    ended: bool

    @property
    def length(self) -> Fraction:
        return sum((part.length for part in self.parts), Fraction(0))


def attributes(line: str) -> dict[str, str]:
    """The attributes of a tag."""
    return {name: value.strip('"') for name, value in ATTRIBUTE.findall(line.split(":", 1)[1])}


def _range(text: str | None) -> tuple[int, int] | None:
    match = RANGE.fullmatch(text) if text else None
    return (int(match[2]), int(match[2]) + int(match[1]) - 1) if match else None


def media(text: str, base: str) -> Track:
    """A media playlist that is at `base`."""
    parts, length, span = [], Fraction(0), None
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP:"):
            found = attributes(line)
            parts.append(Part(urljoin(base, found["URI"]), _range(found.get("BYTERANGE"))))
        elif line.startswith("#EXTINF:"):
            length = Fraction(line[8:].rstrip(","))
        elif line.startswith("#EXT-X-BYTERANGE:"):
            span = _range(line.split(":", 1)[1])
        elif line and not line.startswith("#"):
            parts.append(Part(urljoin(base, line), span, length))
            length, span = Fraction(0), None
    return Track(parts, "#EXT-X-ENDLIST" in text.splitlines())


def tracks(url: str, read: Read) -> list[Track]:
    """The pictures and all audio tracks of the multivariant playlist at `url`."""
    lines = read(url, None).decode().splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    names += [attributes(line)["URI"] for line in lines if line.startswith("#EXT-X-MEDIA:")]
    places = [urljoin(url, name) for name in names]
    return [media(read(place, None).decode(), place) for place in places]


def joined(found: list[Track], read: Read, folder: Path) -> Path:
    """An MP4 with the media of all tracks, as they lie one behind the other."""
    inputs, maps = [], []
    for n, track in enumerate(found):
        path = folder / f"track-{n}.mp4"
        path.write_bytes(b"".join(read(part.url, part.range) for part in track.parts))
        inputs += ["-i", str(path)]
        maps += ["-map", f"{n}:0"]
    out = folder / "joined.mp4"
    ffmpeg.run("-copyts", *inputs, *maps, "-c", "copy", "-movflags", "+faststart", str(out))
    return out
