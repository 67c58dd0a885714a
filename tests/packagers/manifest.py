"""The judge's own reading of a manifest: which files hold each track of each Period, and where they are in time."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from datetime import UTC
from fractions import Fraction
from itertools import count
from pathlib import Path

TRICK = "http://dashif.org/guidelines/trickmode"
READABLE = {"avc1": "h264", "avc3": "h264", "hvc1": "hevc", "hev1": "hevc"}


@dataclass(frozen=True)
class Track:
    """One Representation in one Period. `shift`: what is added to its media time to get presentation time, in s."""

    kind: str
    codecs: str
    language: str
    width: int
    height: int
    bandwidth: int
    files: tuple[Path, ...]
    shift: Fraction
    adaptation_set: int

    @property
    def codec(self) -> str:
        """`h264`, `hevc`, or "" for what no clip is made of. If none is listed, the sample entry says it."""
        if self.codecs:
            return READABLE.get(self.codecs[:4], "")
        head = self.files[0].read_bytes()[:4096]
        return next((codec for entry, codec in READABLE.items() if entry.encode() in head), "")


@dataclass(frozen=True)
class Period:
    start: Fraction
    end: Fraction | None
    tracks: list[Track] = field(default_factory=list)

    def picture(self, codec: str) -> Track | None:
        """The hi-res picture; of equals, the one in `codec`."""
        able = [each for each in self.tracks if each.kind == "video" and each.codec]
        order = [(each.width * each.height, each.codec == codec, each.bandwidth, -n) for n, each in enumerate(able)]
        return able[order.index(max(order))] if able else None

    def sounds(self) -> list[Track]:
        """The best of each set."""
        best: dict[int, Track] = {}
        for each in self.tracks:
            if each.kind == "audio" and each.bandwidth > best.get(each.adaptation_set, each).bandwidth - (
                each.adaptation_set not in best
            ):
                best[each.adaptation_set] = each
        return [best[key] for key in sorted(best)]


@dataclass(frozen=True)
class Manifest:
    """`ast_ms`: availabilityStartTime since 1970, None if there is none."""

    ast_ms: int | None
    periods: list[Period]


def seconds(text: str) -> Fraction:
    """An xs:duration of days and below."""
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", text)
    if not found:
        raise ValueError(f"not a duration: {text}")
    return sum(
        (Fraction(part) * unit for part, unit in zip(found.groups(), (86_400, 3_600, 60, 1)) if part), Fraction(0)
    )


def instant_ms(text: str) -> int:
    from datetime import datetime

    when = datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", lambda m: m[1].ljust(7, "0"), text).replace("Z", "+00:00"))
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return round(when.timestamp() * 1000)


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _child(element: ET.Element, name: str) -> ET.Element | None:
    return next((each for each in element if _name(each) == name), None)


def read(path: Path) -> Manifest:
    root = ET.parse(path).getroot()
    ast = root.get("availabilityStartTime")
    found = [each for each in root if _name(each) == "Period"]
    begins: list[Fraction] = []
    ends: list[Fraction | None] = []
    for element in found:
        start = element.get("start")
        begins.append(seconds(start) if start else (ends[-1] if ends and ends[-1] is not None else Fraction(0)))
        length = element.get("duration")
        ends.append(begins[-1] + seconds(length) if length else None)
    for index in range(len(found) - 1):
        ends[index] = begins[index + 1] if ends[index] is None else min(ends[index], begins[index + 1])
    # The last Period ends where its pictures do, whatever a rounded duration says.
    ends[-1:] = [None]
    periods = [_period(root, element, begin, end, path.parent) for element, begin, end in zip(found, begins, ends)]
    return Manifest(None if ast is None else instant_ms(ast), periods)


def _period(root: ET.Element, element: ET.Element, start: Fraction, end: Fraction | None, folder: Path) -> Period:
    period = Period(start, end)
    number = 0
    for group in element:
        if _name(group) != "AdaptationSet":
            continue
        number += 1
        if any(_name(each) == "EssentialProperty" and each.get("schemeIdUri") == TRICK for each in group):
            continue
        for rep in group:
            if _name(rep) == "Representation":
                chain = [root, element, group, rep]
                if track := _track(chain, start, folder, number):
                    period.tracks.append(track)
    return period


def _track(chain: list[ET.Element], start: Fraction, folder: Path, number: int) -> Track | None:
    rep, group = chain[-1], chain[-2]

    def inherited(name: str, default: str = "") -> str:
        return rep.get(name) or group.get(name) or default

    mime = inherited("mimeType") or next((each.get("mimeType") for each in (rep, group) if each.get("mimeType")), "")
    kind = (mime or group.get("contentType", "")).partition("/")[0]
    if kind not in ("video", "audio") or "image" in mime:
        return None
    for each in chain:
        base = _child(each, "BaseURL")
        if base is not None and base.text:
            folder = folder / base.text.strip()
    files, offset = _files(chain, folder)
    return Track(
        kind,
        inherited("codecs"),
        inherited("lang"),
        int(inherited("width", "0")),
        int(inherited("height", "0")),
        int(rep.get("bandwidth", "0")),
        tuple(files),
        start - offset,
        number,
    )


def _addressing(chain: list[ET.Element], name: str) -> tuple[dict[str, str], dict[str, ET.Element]]:
    """Attributes and children of an element that is inherited piece by piece."""
    said: dict[str, str] = {}
    parts: dict[str, ET.Element] = {}
    for each in chain[1:]:
        element = _child(each, name)
        if element is not None:
            said |= element.attrib
            parts |= {_name(child): child for child in element}
            if name == "SegmentList" and _child(element, "SegmentURL") is not None:
                parts["list"] = element
    return said, parts


def _files(chain: list[ET.Element], folder: Path) -> tuple[list[Path], Fraction]:
    rep = chain[-1]
    for name in ("SegmentTemplate", "SegmentList", "SegmentBase"):
        said, parts = _addressing(chain, name)
        if not said and not parts:
            continue
        offset = Fraction(int(said.get("presentationTimeOffset", 0)), int(said.get("timescale", 1)))
        if name == "SegmentTemplate":
            return _by_template(said, parts, rep, folder), offset
        if name == "SegmentList":
            listed = [each.get("media") for each in parts["list"] if _name(each) == "SegmentURL"]
            head = parts.get("Initialization")
            source = head.get("sourceURL") if head is not None else None
            if any(each is None for each in listed):
                return [folder], offset  # byte ranges of one file
            return [folder / each for each in ([source] if source else []) + listed], offset
        return [folder], offset
    return [folder], Fraction(0)


def _by_template(said: dict[str, str], parts: dict[str, ET.Element], rep: ET.Element, folder: Path) -> list[Path]:
    def filled(pattern: str, **values: object) -> Path:
        given = {"RepresentationID": rep.get("id"), "Bandwidth": rep.get("bandwidth"), **values}

        def value(found: re.Match) -> str:
            if not found[1]:
                return "$"
            return f"%{found[2] or ''}{'d' if found[2] else 's'}".replace("dd", "d") % (
                int(given[found[1]]) if found[2] else given[found[1]]
            )

        return folder / re.sub(r"\$([A-Za-z]*)(?:%(0\d+d))?\$", value, pattern)

    head = [filled(said["initialization"])] if "initialization" in said else []
    first = int(said.get("startNumber", 1))
    timeline = parts.get("SegmentTimeline")
    if timeline is None:
        found = []
        for number in count(first):
            path = filled(said["media"], Number=number, Time=(number - first) * int(said["duration"]))
            if not path.exists():
                return head + found
            found.append(path)
    times: list[int] = []
    at = 0
    runs = list(timeline)
    for index, run in enumerate(runs):
        at = int(run.get("t", at))
        length, repeat = int(run.get("d", 0)), int(run.get("r", 0))
        if repeat < 0:
            following = runs[index + 1].get("t") if index + 1 < len(runs) else None
            repeat = (int(following) - at) // length - 1 if following else 10_000
        for _ in range(repeat + 1):
            times.append(at)
            at += length
    named = [filled(said["media"], Number=number, Time=time) for number, time in enumerate(times, first)]
    return head + [path for path in named if path.exists()]
