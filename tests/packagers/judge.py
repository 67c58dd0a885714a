"""Holds a clip to its recording by what a player shows and plays of both, and to nothing else.

The contract: every recorded picture with S <= pts < S + D, each once and in order, and all the sound that goes with
them. If no picture starts at S or within 250 ms, the one on display at S comes first.
"""

import tempfile
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np

from . import boxes, decode, manifest, playlists
from .decode import EAR, Pictures, Sound

MS = Fraction(1, 1000)
ON_DISPLAY = 250 * MS
STATIC = 1.0  # mean square difference below which two recorded pictures are one
RHYTHM = Fraction(3, 2000)
LOOKS_LIKE_DB = 27.0
SEES_DB = 24.0  # where sizes differ and both are scaled
EARSHOT = 0.06  # s that sound is looked for on either side
STEP = EAR // 5


@dataclass(frozen=True)
class Shown:
    """A recorded picture: shown from `at` until `until` in presentation time; its index among its part's pictures."""

    at: Fraction
    until: Fraction
    part: int
    index: int


@dataclass
class Verdict:
    problems: list[str] = field(default_factory=list)
    frames: int = 0
    worst_db: float = 99.0

    def wrong(self, what: str) -> None:
        self.problems.append(what)


class Original:
    """A recording as the system's ffmpeg sees it. If ffmpeg cannot play what the packager wrote, a `source.mp4` of the
    same times lies beside the manifest and is looked at instead."""

    def __init__(self, path: Path) -> None:
        self.source = path.with_name("source.mp4")
        self.manifest = (playlists if path.suffix == ".m3u8" else manifest).read(path)
        self._pictures: dict[tuple, Pictures | None] = {}
        self._sounds: dict[tuple, list[Sound]] = {}

    def _file(self, track: manifest.Track, work: Path) -> Path:
        if self.source.exists():
            return self.source
        whole = work / "whole.mp4"
        with open(whole, "wb") as out:
            for each in track.files:
                out.write(each.read_bytes())
        return whole

    def pictures(self, track: manifest.Track) -> Pictures | None:
        if track.files not in self._pictures:
            with tempfile.TemporaryDirectory() as work:
                file = self._file(track, Path(work))
                found = decode.pictures(file)
                times = boxes.picture_times(file.read_bytes()) if found and file != self.source else []
                if found and len(times) == len(found.times):
                    # ffmpeg shows a recording with negative offsets later than it says.
                    found = replace(found, times=times)
                self._pictures[track.files] = found
        return self._pictures[track.files]

    def sounds(self, track: manifest.Track) -> list[Sound]:
        if track.files not in self._sounds:
            with tempfile.TemporaryDirectory() as work:
                self._sounds[track.files] = decode.sounds(self._file(track, Path(work)))
        return self._sounds[track.files]

    def parts(self, codec: str) -> list[tuple[manifest.Period, manifest.Track, Pictures]]:
        """What is shown of each Period that has a picture."""
        chosen = [(period, period.picture(codec)) for period in self.manifest.periods]
        seen = [(period, track, self.pictures(track)) for period, track in chosen if track]
        return [(period, track, held) for period, track, held in seen if held]

    def shown(self, codec: str) -> list[Shown]:
        """Every picture of the recording, in the order of display."""
        found = []
        for part, (period, track, held) in enumerate(self.parts(codec)):
            times = [time + track.shift for time in held.times]
            if not times:
                continue
            usual = min((b - a for a, b in zip(times, times[1:]) if b > a), default=Fraction(1, 25))
            for index, time in enumerate(times):
                until = times[index + 1] if index + 1 < len(times) else time + usual
                if time >= period.start and (period.end is None or time < period.end):
                    found.append(Shown(time, min(until, period.end) if period.end is not None else until, part, index))
        return found

    @cached_property
    def audio_sets(self) -> list[tuple[str, list[tuple[manifest.Period, Fraction, Sound]]]]:
        """(language, where it sounds) of each track that a clip must have, after the first Period's order."""
        found: list[tuple[str, list]] = []
        for period in self.manifest.periods:
            here: list[tuple[str, Fraction, Sound]] = []
            for track in period.sounds():
                here += [(track.language or "und", track.shift, sound) for sound in self.sounds(track)[:1]]
            picture = period.picture("")
            if picture and not here:
                here += [(sound.language, picture.shift, sound) for sound in self.sounds(picture)]
            free = list(range(len(found)))
            for language, shift, sound in here:
                like = next((n for n in free if _short(found[n][0]) == _short(language)), None)
                if like is None:
                    found.append((language, [(period, shift, sound)]))
                else:
                    free.remove(like)
                    found[like][1].append((period, shift, sound))
        return found

    def heard(self, sounds: list[tuple[manifest.Period, Fraction, Sound]], begin: float, count: int) -> np.ndarray:
        """What one track plays from a presentation time on; NaN where it has nothing."""
        out = np.full(count, np.nan, np.float32)
        clock = begin + np.arange(count) / EAR
        for period, shift, sound in sounds:
            here = sound.at(begin - float(shift), count)
            inside = clock >= float(period.start) - 1e-9
            if period.end is not None:
                inside &= clock < float(period.end)
            use = inside & ~np.isnan(here) & np.isnan(out)
            out[use] = here[use]
        return out

    @property
    def span(self) -> tuple[Fraction, Fraction]:
        shown = self.shown("")
        return shown[0].at, max(each.until for each in shown)


def expected(shown: list[Shown], start: Fraction, length: Fraction) -> list[Shown]:
    """The pictures of a window; one that lasts ends with it."""
    window = [each for each in shown if start <= each.at < start + length]
    if not window or window[0].at > start + ON_DISPLAY:
        before = [each for each in shown if each.at < start < each.until]
        window = [replace(each, at=start) for each in before[-1:]] + window
    if window and window[-1].until - window[-1].at > ON_DISPLAY:
        window[-1] = replace(window[-1], until=min(window[-1].until, start + length))
    return window


def lack(shown: list[Shown], start: Fraction, length: Fraction) -> Fraction:
    """What of a window no picture covers, in s."""
    covered, at = Fraction(0), start
    for each in shown:
        low, high = max(each.at, at), min(each.until, start + length)
        if low < high:
            covered += high - low
            at = high
    return length - covered


def judge(
    original: Original,
    clip: Path,
    start: Fraction,
    length: Fraction,
    codec: str,
    lack_ms: int,
    jpeg: Path | None = None,
) -> Verdict:
    """`codec`: what the client asked for, "" for as recorded."""
    verdict = Verdict()
    shown = original.shown(codec)
    wanted = expected(shown, start, length)
    parts = original.parts(codec)
    seen = decode.pictures(clip)
    if seen is None:
        verdict.wrong("no pictures")
        return verdict
    verdict.frames = len(seen.times)
    recorded = {each.part for each in wanted}
    if wanted and not any(parts[part][2].log for part in recorded) and seen.log:
        verdict.wrong(f"the decoder complains: {seen.log[0][:140]} (and {len(seen.log) - 1} more)")
    _order(verdict, parts, wanted, seen)
    if wanted:
        _looks(verdict, parts[wanted[0].part][2], seen, codec or parts[wanted[0].part][1].codec, parts, recorded)
    due = lack(shown, start, length)
    if abs(lack_ms * MS - due) > 2 * MS and not (lack_ms == 0 and due < Fraction(1, 40)):
        verdict.wrong(f"LackLength {lack_ms}, not {float(due * 1000):.0f}")
    _sound(verdict, original, clip, seen, wanted)
    _clocks(verdict, clip)
    if clip.suffix == ".mp4" and seen.stream.get("codec_name") in ("h264", "hevc"):
        _first_entry(verdict, clip, seen)
    if jpeg and wanted:
        like = _db(decode.first_colours(jpeg, seen.size), decode.first_colours(clip, seen.size))
        if like < LOOKS_LIKE_DB:
            verdict.wrong(f"the JPEG is {like:.1f} dB like the first picture")
    return verdict


def _db(a: np.ndarray, b: np.ndarray) -> float:
    error = float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))
    return 99.0 if error < 1e-6 else 10 * np.log10(255**2 / error)


def _order(verdict: Verdict, parts: list, wanted: list[Shown], seen: Pictures) -> None:
    """Each picture is the one that is due: like it, and less like its neighbours."""
    if len(seen.times) != len(wanted):
        verdict.wrong(f"{len(seen.times)} pictures, not {len(wanted)}: {_found(parts, wanted, seen)}")
        return
    for n, (due, picture) in enumerate(zip(wanted, seen.planes)):
        held = parts[due.part][2]
        same = held.size == seen.size
        like = _db(held.planes[due.index], picture) if same else _db(held.small[due.index], seen.small[n])
        verdict.worst_db = min(verdict.worst_db, like)
        error = np.mean((held.small[due.index] - seen.small[n]) ** 2)
        for near in (due.index - 1, due.index + 1):
            if 0 <= near < len(held.small):
                apart = np.mean((held.small[near] - held.small[due.index]) ** 2)
                if apart > STATIC and np.mean((held.small[near] - seen.small[n]) ** 2) < error:
                    verdict.wrong(f"picture {n} is not {due.index}: {_found(parts, wanted, seen)}")
                    return
        if like < (LOOKS_LIKE_DB if same else SEES_DB):
            verdict.wrong(
                f"picture {n} (recorded {due.index}) is {like:.1f} dB like the recorded one: "
                f"{_found(parts, wanted, seen)}"
            )
            return
    first = wanted[0]
    for n, (due, time) in enumerate(zip(wanted, seen.times)):
        late = (time - seen.times[0]) - (due.at - first.at)
        if n and abs(late) > RHYTHM:
            verdict.wrong(f"picture {n} is shown {float(late * 1000):+.1f} ms off")
            return


def _found(parts: list, wanted: list[Shown], seen: Pictures) -> str:
    """Which recorded pictures a clip shows, as spans."""
    names: list[tuple[int, int]] = []
    for picture in seen.small:
        best = min(
            (
                (float(np.mean((held.small - picture) ** 2, axis=(1, 2)).min()), part)
                for part, (_, _, held) in enumerate(parts)
            ),
            default=(0.0, 0),
        )
        held = parts[best[1]][2]
        names.append((best[1], int(np.mean((held.small - picture) ** 2, axis=(1, 2)).argmin())))
    return f"shows {_spans(names)} for {_spans([(each.part, each.index) for each in wanted])}"


def _spans(names: list[tuple[int, int]]) -> str:
    out: list[list] = []
    for part, index in names:
        if out and out[-1][0] == part and out[-1][2] == index - 1:
            out[-1][2] = index
        else:
            out.append([part, index, index])
    texts = [f"{'' if part == 0 else f'{part}:'}{a}" + (f"-{b}" if b > a else "") for part, a, b in out]
    return " ".join(texts[:12]) + (" …" if len(texts) > 12 else "")


UNSAID = {None, "unknown", "unspecified", "reserved"}


def _looks(verdict: Verdict, held: Pictures, seen: Pictures, codec: str, parts: list, recorded: set[int]) -> None:
    """Size, shape, colour and scan are as recorded."""
    if seen.stream.get("codec_name") != codec:
        verdict.wrong(f"codec {seen.stream.get('codec_name')}, not {codec}")
    sizes = {parts[part][2].size for part in recorded}
    if seen.size not in sizes:
        verdict.wrong(f"pictures of {seen.size}, not {sizes}")
    if len(sizes) > 1:
        return
    if _shape(held) != _shape(seen):
        verdict.wrong(f"pixels of {_shape(seen)}, not {_shape(held)}")
    for key in ("color_range", "color_space", "color_transfer", "color_primaries"):
        a, b = held.stream.get(key), seen.stream.get(key)
        if a != b and not (a in UNSAID and b in UNSAID) and not (key == "color_range" and {a, b} <= UNSAID | {"tv"}):
            verdict.wrong(f"{key} {b}, not {a}")
    kept = held.stream.get("codec_name") == "h264" and codec == "h264"
    if kept and set(seen.flags) - set(held.flags):
        verdict.wrong(f"(interlaced, top first) {sorted(set(seen.flags))}, not {sorted(set(held.flags))}")


def _shape(held: Pictures) -> Fraction:
    said = held.stream.get("sample_aspect_ratio", "0:1")
    up, _, down = said.partition(":")
    ratio = Fraction(int(up), int(down)) if int(up) and int(down) else Fraction(1)
    return 1 / ratio if held.rotation % 180 else ratio


def _sound(verdict: Verdict, original: Original, clip: Path, seen: Pictures, wanted: list[Shown]) -> None:
    """Every track that sounds in the window, in its place: each fifth of a second of it is found in the recording."""
    tracks = decode.sounds(clip)
    if not wanted:
        return
    length = float(wanted[-1].until - wanted[0].at)
    count = int(length * EAR)
    sets = original.audio_sets
    due = [(language, sounds, original.heard(sounds, float(wanted[0].at), count)) for language, sounds in sets]
    due = [
        (language, sounds, wave)
        for language, sounds, wave in due
        if np.isfinite(wave).sum() > EAR // 20 or len(tracks) >= len(original.audio_sets)
    ]
    if len(tracks) != len(due):
        verdict.wrong(f"{len(tracks)} tracks of sound, not {len(due)}")
        return
    begin = float(seen.times[0])
    # A window of a later Period may have its tracks in that Period's order.
    spoken = [_short(track.language) for track in tracks]
    if sorted(spoken) == sorted(_short(language) for language, _, _ in due):
        due.sort(key=lambda each: spoken.index(_short(each[0])))
    for number, ((language, sounds, reference), track) in enumerate(zip(due, tracks)):
        if {language, track.language} & {"und", ""} == set() and _short(language) != _short(track.language):
            verdict.wrong(f"track {number} is {track.language}, not {language}")
        # Only MP4 can begin within a frame of sound.
        spare = 0.0 if clip.suffix == ".mp4" else track.frame / 2
        if problem := _track(original, sounds, float(wanted[0].at), reference, track, begin, count, spare):
            verdict.wrong(f"track {number}: {problem}")


def _short(language: str) -> str:
    known = {"en": "eng", "de": "deu", "ger": "deu", "fr": "fra", "fre": "fra", "es": "spa", "it": "ita"}
    return known.get(language.partition("-")[0], language.partition("-")[0])


def _track(
    original: Original,
    sounds: list,
    at: float,
    reference: np.ndarray,
    track: Sound,
    begin: float,
    count: int,
    spare: float,
) -> str:
    """What is wrong with a track. `at`: presentation time of its beginning, `begin`: the same on the clip's clock;
    `spare`: how much further than usual it may be off, in s."""
    played = track.at(begin, count)
    for low in range(0, max(count - STEP // 2, 1), STEP):
        piece = reference[low : low + STEP]
        known = np.isfinite(piece)
        if known.sum() < EAR // 25 or np.sqrt(np.mean(piece[known] ** 2)) < 1e-3:
            continue
        mine = np.nan_to_num(played[low : low + STEP])
        heard = np.sqrt(np.mean(mine[known] ** 2))
        place = f"{low / EAR * 1000:.0f} ms in"
        if heard < 0.25 * np.sqrt(np.mean(piece[known] ** 2)):
            quiet = low
            while quiet < count and np.abs(np.nan_to_num(played[quiet : quiet + 160])).max(initial=0) < 1e-4:
                quiet += 160
            return f"silent {place} for {(quiet - low) / EAR * 1000:.0f} ms"
        if known.sum() < STEP // 2:
            continue
        lag, like = _lag(original, sounds, at + low / EAR, mine, int(EARSHOT * EAR))
        if like < 0.55:
            far, again = _lag(original, sounds, at + low / EAR, mine, int(1.5 * EAR))
            return f"other sound {place} ({f'found {far * 1000:+.0f} ms off' if again > 0.55 else 'not found'})"
        if abs(lag) > 0.0025 + spare:
            return f"{lag * 1000:+.1f} ms late {place}"
    # What the fifths average away: a beginning that is missing.
    edge = EAR // 50
    known = np.isfinite(reference[: 4 * edge])
    for part in range(1, 4):
        span = slice(part * edge, (part + 1) * edge)
        if span.start / EAR < 2 * spare:
            continue
        said = reference[span][np.isfinite(reference[span])]
        if len(said) == edge and known.all() and np.sqrt(np.mean(said**2)) > 5e-3:
            if np.sqrt(np.mean(np.nan_to_num(played[span]) ** 2)) < 0.1 * np.sqrt(np.mean(said**2)):
                return f"silent {part * 20} to {part * 20 + 20} ms in"
    return ""


def _lag(original: Original, sounds: list, at: float, mine: np.ndarray, reach: int) -> tuple[float, float]:
    """How late a piece of sound is, and how like the recorded one there."""
    around = np.nan_to_num(original.heard(sounds, at - reach / EAR, len(mine) + 2 * reach))
    size = 1 << int(np.ceil(np.log2(len(around) + len(mine))))
    product = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(mine, size)), size)[: 2 * reach + 1]
    power = np.convolve(around**2, np.ones(len(mine), np.float32), "valid")[: 2 * reach + 1]
    like = product / np.sqrt(np.maximum(power * np.sum(mine**2), 1e-9))
    best = int(like.argmax())
    return (reach - best) / EAR, float(like[best])


def _clocks(verdict: Verdict, clip: Path) -> None:
    for stream, held in decode.packets(clip).items():
        if any(b[0] < a[0] for a, b in zip(held, held[1:])):
            verdict.wrong(f"stream {stream}: decode times step back")
        if any(pts < dts for dts, pts in held):
            verdict.wrong(f"stream {stream}: a sample is shown before it is decoded")


def _first_entry(verdict: Verdict, clip: Path, seen: Pictures) -> None:
    """A player that knows only the first sample entry shows the same."""
    kind, stream, samples = boxes.first_entry_stream(clip.read_bytes())
    shown = decode.stream_pictures(kind, stream, seen.planes.shape[1])
    if len(shown) != len(seen.planes):
        verdict.wrong(
            f"{len(shown)} of {len(seen.planes)} pictures ({samples} samples) "
            f"with the first sample entry ({kind}) alone"
        )
    elif not seen.rotation and not np.array_equal(shown, seen.planes):
        other = int((shown != seen.planes).any(axis=1).argmax())
        verdict.wrong(f"picture {other} looks different with the first sample entry ({kind}) alone")
