"""An MP4 file as mp4-atom reads it, a parser that is neither ours nor ffmpeg's (tests/suites/examples/mp4.rs)."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

from .stack import ROOT


@dataclass(frozen=True)
class Sample:
    """`dts`, `pts`: decode and composition time in track ticks; `entry`: its sample entry's index from 0; `begin`,
    `end`: its place in the file."""

    dts: int
    pts: int
    entry: int
    begin: int
    end: int
    sync: bool


@dataclass(frozen=True)
class Edit:
    """`media_time` in track ticks, None where nothing is shown; `duration` in movie ticks."""

    media_time: int | None
    duration: int


@dataclass(frozen=True)
class Track:
    """`duration` in movie ticks; `entries`: type and fields of each sample entry; `roll`: samples by roll distance."""

    handler: str
    timescale: int
    duration: int
    language: str
    enabled: bool
    entries: list[tuple[str, dict]]
    edits: list[Edit]
    samples: list[Sample]
    roll: dict[int, int]


@dataclass(frozen=True)
class Movie:
    """`payload`: where the bytes of `mdat` begin and end in the file."""

    kinds: list[str]
    brands: set[str]
    timescale: int
    duration: int
    payload: tuple[int, int]
    tracks: list[Track]

    @property
    def picture(self) -> Track:
        return next(track for track in self.tracks if track.handler == "vide")


@cache
def _parser() -> str:
    """Build it; returns its path."""
    args = ["build", "--quiet", "--locked", "-p", "export-suites", "--example", "mp4", "--message-format=json"]
    done = subprocess.run(["cargo", *args], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    built = (json.loads(line) for line in done.stdout.splitlines())
    return next(each["executable"] for each in built if each.get("executable"))


def read(clip: Path) -> Movie:
    """Raises ValueError where the parser finds fault with the file."""
    done = subprocess.run([_parser(), str(clip)], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(done.stderr.strip())
    top = json.loads(done.stdout)
    found = dict(top)
    ftyp, moov = found["ftyp"], found["moov"]
    return Movie(
        kinds=[kind for kind, _ in top],
        brands={_text(brand) for brand in (ftyp["major_brand"], *ftyp["compatible_brands"])},
        timescale=moov["mvhd"]["timescale"],
        duration=moov["mvhd"]["duration"],
        payload=tuple(found["mdat"]),
        tracks=[_track(trak) for trak in moov["trak"]],
    )


def presented(movie: Movie, track: Track) -> list[tuple[Fraction, Sample]]:
    """(time in seconds, sample) of every sample whose composition time an edit shows, by the time line (8.6.6)."""
    found, now = [], Fraction(0)
    for edit in track.edits:
        length = Fraction(edit.duration, movie.timescale)
        if edit.media_time is not None:
            end = edit.media_time + length * track.timescale
            inside = [sample for sample in track.samples if edit.media_time <= sample.pts < end]
            found += [(now + Fraction(sample.pts - edit.media_time, track.timescale), sample) for sample in inside]
        now += length
    return sorted(found, key=lambda shown: shown[0])


def _text(fourcc: list[int]) -> str:
    return bytes(fourcc).decode("latin1")


def _track(trak: dict) -> Track:
    media, table = trak["mdia"], trak["mdia"]["minf"]["stbl"]
    return Track(
        handler=_text(media["hdlr"]["handler"]),
        timescale=media["mdhd"]["timescale"],
        duration=trak["tkhd"]["duration"],
        language=media["mdhd"]["language"],
        enabled=trak["tkhd"]["enabled"],
        entries=[(kind.lower(), fields) for entry in table["stsd"]["codecs"] for kind, fields in entry.items()],
        edits=[Edit(edit["media_time"], edit["segment_duration"]) for edit in trak["edts"]["elst"]["entries"]],
        samples=list(_samples(table)),
        roll=_roll(table),
    )


def _roll(table: dict) -> dict[int, int]:
    """Samples by their roll distance (10.1.1)."""
    distances: list[int] = []
    for group in table["sgpd"]:
        for entry in group["entries"]:
            name, value = entry["entry"]["UnknownGroupingType"]
            if _text(name) == "roll":
                distances.append(int.from_bytes(bytes(value), "big", signed=True))
    found: dict[int, int] = {}
    for run in (run for group in table["sbgp"] for run in group["entries"] if run["group_description_index"]):
        distance = distances[run["group_description_index"] - 1]
        found[distance] = found.get(distance, 0) + run["sample_count"]
    return found


def _samples(table: dict) -> Iterator[Sample]:
    """The sample tables (8.6.1, 8.7) spread out, in decode order; raises ValueError if they disagree."""
    sizes = table["stsz"]["samples"]
    same = sizes.get("Identical")
    sizes = [same["size"]] * same["count"] if same else sizes["Different"]["sizes"]
    deltas = [run["sample_delta"] for run in table["stts"]["entries"] for _ in range(run["sample_count"])]
    runs = table["ctts"]["entries"] if table["ctts"] else [{"sample_count": len(sizes), "sample_offset": 0}]
    offsets = [run["sample_offset"] for run in runs for _ in range(run["sample_count"])]
    sync = set(table["stss"]["entries"] if table["stss"] else range(1, len(sizes) + 1))
    places = list(_places(table))
    if {len(sizes), len(deltas), len(offsets)} != {sum(count for _, count, _ in places)} or max(sync) > len(sizes):
        raise ValueError("the sample tables disagree about how many samples there are")
    number, dts = 0, 0
    for begin, count, entry in places:
        for _ in range(count):
            end = begin + sizes[number]
            yield Sample(dts, dts + offsets[number], entry, begin, end, number + 1 in sync)
            number, dts, begin = number + 1, dts + deltas[number], end


def _places(table: dict) -> Iterator[tuple[int, int, int]]:
    """(place in the file, number of samples, index of the sample entry) of every chunk."""
    chunks = (table["stco"] or table["co64"])["entries"]
    runs = table["stsc"]["entries"]
    for run, following in zip(runs, [*(run["first_chunk"] for run in runs[1:]), len(chunks) + 1]):
        for chunk in range(run["first_chunk"], following):
            yield chunks[chunk - 1], run["samples_per_chunk"], run["sample_description_index"] - 1
