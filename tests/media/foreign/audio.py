"""Recordings whose sound is listed, timed, coded or stored as other recorders do it."""

import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from .. import boxes, dash
from ..encode import Audio, Video
from ..forms import picture, plain_audio, sound, usual
from ..recording import Recording, recorded
from . import foreign

SECONDS = 8
# Pictures of each part between restarts: no whole seconds, since frames of two encoders blur where they meet.
HALVES, THIRDS = (112, 88), (72, 60, 68)
FPS = Fraction(25)
PICTURE = Video(count=200)
UNCOMPRESSED = {"codec": "pcm_s16le"}


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", flags), *parts)


def fragment(runs: dict[int, list[tuple[boxes.Sample, bytes]]], number: int, flags: int = 0x2_0000) -> bytes:
    """One moof with a traf for each track, and one mdat. `flags` are those of tfhd; without 0x2_0000 a track's data
    follow those of the track before."""

    def traf(track: int, run: list[tuple[boxes.Sample, bytes]], place: int) -> bytes:
        rows = b"".join(
            struct.pack(">IIIi", s.duration, s.size, 0x200_0000 if s.key else 0x101_0000, s.pts - s.dts) for s, _ in run
        )
        tfdt = struct.pack(">IQ", 1 << 24, run[0][0].dts)
        trun = struct.pack(">IIi", 1 << 24 | 0xF01, len(run), place)
        return box(b"traf", full(b"tfhd", flags, struct.pack(">I", track)), box(b"tfdt", tfdt), box(b"trun", trun, rows))

    def moof(places: list[int]) -> bytes:
        head = full(b"mfhd", 0, struct.pack(">I", number))
        return box(b"moof", head, *(traf(*run, place) for run, place in zip(runs.items(), places)))

    size, places, at = len(moof([0] * len(runs))), [], 0
    for run in runs.values():
        places.append(size + 8 + at if flags or not places else 0)
        at += sum(s.size for s, _ in run)
    return moof(places) + box(b"mdat", *(data for run in runs.values() for _, data in run))


def held(segment: dash.Segment) -> list[tuple[boxes.Sample, bytes]]:
    return [(s, segment.data[s.at : s.at + s.size]) for s in segment.samples]


def in_ticks(track: dash.Track, scale: int) -> dash.Track:
    """The same track with a clock of `scale` ticks a second, rounded down as a packager does that is fed with them."""
    init = bytearray(track.init)
    (mdhd,) = boxes.find(track.init, b"moov", b"trak", b"mdia", b"mdhd")
    struct.pack_into(">I", init, mdhd.body + (20 if init[mdhd.body] else 12), scale)
    (elst,) = boxes.find(track.init, b"moov", b"trak", b"edts", b"elst")
    shift = track.edit_shift * scale // track.timescale
    struct.pack_into(">i", init, elst.body + 12, shift)

    def ticks(at: int) -> int:
        return at * scale // track.timescale

    segments = []
    for number, segment in enumerate(track.segments, 1):
        run = []
        for s, data in held(segment):
            length = ticks(s.dts + s.duration) - ticks(s.dts)
            run.append((replace(s, dts=ticks(s.dts), pts=ticks(s.pts), duration=length), data))
        data = fragment({track.track_id: run}, number)
        samples, at = [], len(data) - sum(s.size for s, _ in run)
        for s, _ in run:
            samples.append(replace(s, at=at))
            at += s.size
        time = ticks(segment.time)
        segments.append(replace(segment, data=data, samples=samples, time=time, duration=ticks(segment.duration)))
    return replace(track, init=bytes(init), timescale=scale, edit_shift=shift, segments=segments)


@foreign
def audio_in_90k() -> Recording:
    """As packagers write it that are fed with a transport stream."""
    return usual("audio_in_90k", PICTURE, [in_ticks(plain_audio(SECONDS), 90_000)])


@foreign
def audio_in_10m() -> Recording:
    """As Smooth Streaming counts."""
    return usual("audio_in_10m", PICTURE, [in_ticks(plain_audio(SECONDS), 10_000_000)])


@foreign
def audio_listed_in_seconds() -> Recording:
    """Numbered segments, the manifest's timescale left at 1."""
    made = usual("audio_listed_in_seconds", PICTURE, [plain_audio(SECONDS)], form="number")
    text = made.files["stream.mpd"].decode()
    for ticks in (12_800, 48_000):
        text = text.replace(f' timescale="{ticks}"', "").replace(f'duration="{2 * ticks}"', 'duration="2"')
    return replace(made, files={**made.files, "stream.mpd": text.encode()})


@foreign
def audio_later_than_listed() -> Recording:
    """Numbered segments whose sound starts 500 ms in: the manifest says that they are earlier."""
    late = sound(Audio((SECONDS - 1) * 48_000, first=24_000)).moved(24_000)
    made = usual("audio_later_than_listed", PICTURE, [late], form="number")
    return made


def restarted(name: str, parts: list[list[dash.Track]], counts: tuple[int, ...] = HALVES) -> Recording:
    """A recorder that starts again after so many pictures, with these sound tracks."""
    periods = []
    for k, sounds in enumerate(parts):
        before = sum(counts[:k])
        tracks = [picture(replace(PICTURE, count=counts[k], first=before)), *sounds]
        start, length = before / FPS, counts[k] / FPS
        periods.append(dash.Period(tracks, start=start, base=f"p{k}/", duration=length))
    return recorded(name, dash.Manifest(periods, duration=Fraction(SECONDS)), first=0, fps=FPS)


def part(k: int, counts: tuple[int, ...] = HALVES, **spec) -> dash.Track:
    rate = spec.setdefault("rate", 48_000)
    return sound(Audio(counts[k] * rate // 25, first=sum(counts[:k]) * rate // 25, **spec))


@foreign
def audio_of_another_rate() -> Recording:
    return restarted("audio_of_another_rate", [[part(0)], [part(1, rate=44_100)]])


@foreign
def audio_of_other_rates() -> Recording:
    parts = [[part(k, THIRDS, rate=rate)] for k, rate in enumerate((44_100, 48_000, 44_100))]
    return restarted("audio_of_other_rates", parts, THIRDS)


@foreign
def audio_of_another_codec() -> Recording:
    return restarted("audio_of_another_codec", [[part(0)], [part(1, codec="opus")]])


@foreign
def audio_listed_in_another_order() -> Recording:
    halves = [[part(k, track=0, language="eng"), part(k, track=1, language="fra")] for k in range(2)]
    made = restarted("audio_listed_in_another_order", halves)
    first, second = made.manifest.periods
    swapped = replace(second, tracks=[second.tracks[0], *reversed(second.tracks[1:])])
    return replace(made, files=dash.files(replace(made.manifest, periods=[first, swapped])))


@foreign
def audio_without_init() -> Recording:
    """The second encoder never came up: its track is listed all the same."""
    made = usual("audio_without_init", PICTURE, [plain_audio(SECONDS)])
    dead = plain_audio(SECONDS, track=1, language="fra")
    listed = replace(made.manifest.periods[0], tracks=[*made.manifest.periods[0].tracks, dead])
    manifest = replace(made.manifest, periods=[listed])
    return replace(made, files={**made.files, "stream.mpd": dash.mpd(manifest).encode()})


@foreign
def audio_at_8000() -> Recording:
    """As cameras have it: a frame lasts 128 ms."""
    return usual("audio_at_8000", replace(PICTURE, bframes=0), [plain_audio(SECONDS, rate=8000, channels=1)])


@foreign
def audio_uncompressed() -> Recording:
    return usual("audio_uncompressed", PICTURE, [plain_audio(SECONDS, **UNCOMPRESSED)])


@foreign
def audio_alone_twice() -> Recording:
    """No picture, and two tracks whose frames are not equally long."""
    tracks = [plain_audio(SECONDS), plain_audio(SECONDS, track=1, rate=44_100, language="fra")]
    manifest = dash.Manifest([dash.Period(tracks)], duration=Fraction(SECONDS))
    return recorded("audio_alone_twice", manifest, first=0, fps=FPS, codec="")


def muxed(name: str, flags: int) -> Recording:
    """Picture and two sound tracks in the same segments."""
    video = picture(PICTURE)
    sounds = [plain_audio(SECONDS, track=k, language=language) for k, language in enumerate(("eng", "fra"))]
    made = usual(name, PICTURE, sounds)

    def part(track: dash.Track, *path: bytes) -> list[bytes]:
        return [track.init[b.start : b.end] for b in boxes.find(track.init, *path)]

    def numbered(data: bytes, at: Callable[[bytes], int], number: int) -> bytes:
        out = bytearray(data)
        struct.pack_into(">I", out, at(data), number)
        return bytes(out)

    def id_in_trak(data: bytes) -> int:
        (tkhd,) = boxes.find(data, b"trak", b"tkhd")
        return tkhd.body + (20 if data[tkhd.body] else 12)

    every = [video, *sounds]
    traks = [numbered(part(t, b"moov", b"trak")[0], id_in_trak, k) for k, t in enumerate(every, 1)]
    trexes = [numbered(part(t, b"moov", b"mvex", b"trex")[0], lambda _: 12, k) for k, t in enumerate(every, 1)]
    moov = box(b"moov", part(video, b"moov", b"mvhd")[0], *traks, box(b"mvex", *trexes))
    init = part(video, b"ftyp")[0] + moov
    segments = []
    for n, parts in enumerate(zip(*(track.segments for track in every)), 1):
        data = fragment({k: held(each) for k, each in enumerate(parts, 1)}, n, flags)
        segments.append(replace(parts[0], data=data))
    one = replace(video, init=init, segments=segments, codecs=f"{video.codecs},mp4a.40.2")
    manifest = replace(made.manifest, periods=[replace(made.manifest.periods[0], tracks=[one])])
    return replace(made, files=dash.files(manifest))


@foreign
def audio_with_the_picture() -> Recording:
    return muxed("audio_with_the_picture", 0x2_0000)
