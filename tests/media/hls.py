"""The segments of a DASH recording listed by HLS playlists (RFC 8216): one of variants, and one a track."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

from . import dash, ffmpeg, ts
from .recording import MANIFESTS, PLAIN_CLOCK_MS, Live, Recording, cached

MICRO = 1_000_000
#: Of a transport stream's time stamps in a second.
TICKS = 90_000


@dataclass(frozen=True)
class Style:
    """How a packager writes playlists. `dated`: whether the segment at a position has a date; `length`: an EXTINF;
    `zone`: the end of a date; `single`: all segments of a track are ranges of one file."""

    dated: Callable[[int], bool] = lambda at: True
    length: Callable[[Fraction], str] = lambda length: f"{float(length):.6f}"
    zone: str = "Z"
    single: bool = False
    ended: bool = True


def date(seconds: Fraction, zone: str) -> str:
    """An instant since the epoch, to the microsecond."""
    micros = round(seconds * MICRO)
    whole = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=micros // MICRO)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{micros % MICRO:06d}{zone}"


def playlist(recording: Recording, kind: str, index: int, style: Style) -> str:
    """The playlist of a track. A date is that of the first picture in decode order."""
    clock = Fraction(recording.truth.ast_ms or 0, 1000)
    longest = max(_seconds(track, s) for _, track in recording.tracks(kind, index) for s in track.segments)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{-(-longest // 1)}"]
    for n, (period, track) in enumerate(recording.tracks(kind, index)):
        if n:
            lines.append("#EXT-X-DISCONTINUITY")
        single, at = f"{track.rep}.mp4", len(track.init)
        init = f'URI="{single}",BYTERANGE="{at}@0"' if style.single else f'URI="{period.base}init-{track.rep}.mp4"'
        lines.append(f"#EXT-X-MAP:{init}")
        there = max((k + 1 for k, segment in enumerate(track.segments) if segment.listed), default=0)
        for place, segment in enumerate(track.segments[:there]):
            if style.dated(place):
                first = Fraction(segment.samples[0].pts - track.edit_shift - track.offset, track.timescale)
                lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{date(clock + period.start + first, style.zone)}")
            lines += ["#EXT-X-GAP"] * (not segment.listed) + [f"#EXTINF:{style.length(_seconds(track, segment))},"]
            if style.single:
                lines += [f"#EXT-X-BYTERANGE:{len(segment.data)}" + f"@{at}" * (not place), single]
            else:
                lines.append(period.base + dash.segment_name(track, place, period.form).replace(" ", "%20"))
    return "\n".join([*lines, *["#EXT-X-ENDLIST"] * style.ended, ""])


def _seconds(track: dash.Track, segment: dash.Segment) -> Fraction:
    return Fraction(segment.duration, track.timescale)


def playlists(recording: Recording, style: Style) -> dict[str, bytes]:
    """Every playlist by its name; `stream.m3u8` lists the variants."""
    tracks = recording.manifest.periods[0].tracks
    audio, video = ([track for track in tracks if track.kind == kind] for kind in ("audio", "video"))
    found, lines = {}, ["#EXTM3U"]
    for n, track in enumerate(audio):
        found[f"audio-{n}.m3u8"] = playlist(recording, "audio", n, style)
        said = f'GROUP-ID="sound",NAME="{n}",LANGUAGE="{track.language}",URI="audio-{n}.m3u8"'
        lines.append(f"#EXT-X-MEDIA:TYPE=AUDIO,{said}")
    for n, track in enumerate(video):
        found[f"video-{n}.m3u8"] = playlist(recording, "video", n, style)
        said = f'BANDWIDTH={track.bandwidth},RESOLUTION={track.size[0]}x{track.size[1]},CODECS="{track.codecs}"'
        lines += [f"#EXT-X-STREAM-INF:{said}" + ',AUDIO="sound"' * bool(audio), f"video-{n}.m3u8"]
    found["stream.m3u8"] = "\n".join([*lines, ""])
    return {name: text.encode() for name, text in found.items()}


def listed(recording: Recording, name: str, style: Style) -> Recording:
    """The same recording under playlists. Dates are those of its clock, or of some clock if it has none."""
    if recording.truth.ast_ms is None and any(map(style.dated, range(2))):
        recording = replace(recording, truth=replace(recording.truth, ast_ms=PLAIN_CLOCK_MS))
    files = {name: data for name, data in recording.files.items() if not name.endswith(MANIFESTS)}
    if style.single:
        tracks = recording.manifest.periods[0].tracks
        files = {f"{t.rep}.mp4": t.init + b"".join(segment.data for segment in t.segments) for t in tracks}
    folder = recording.folder.replace(f"/{recording.name}/", f"/{name}/")
    files |= playlists(recording, style)
    return replace(recording, name=name, live_path=f"{folder}/stream.m3u8", files=files)


class LivePlaylists(Live):
    """A recording that grows under playlists."""

    def _files(self, manifest: dash.Manifest) -> dict[str, bytes]:
        media = {name: data for name, data in super()._files(manifest).items() if not name.endswith(MANIFESTS)}
        return media | playlists(replace(self.recording, manifest=manifest), Style(ended=False))


def _tracks(recording: Recording, folder: Path, kinds: tuple[str, ...] = ("video", "audio")) -> list[str]:
    """The tracks of a recording of one Period as inputs of ffmpeg."""
    inputs: list[str] = []
    for n, track in enumerate(track for track in recording.manifest.periods[0].tracks if track.kind in kinds):
        path = folder / f"{n}.mp4"
        path.write_bytes(track.init + b"".join(segment.data for segment in track.segments))
        inputs += ["-i", str(path)]
    return [*inputs, *(part for n in range(len(inputs) // 2) for part in ("-map", str(n)))]


def filed(recording: Recording, name: str, file: str, *flags: str) -> Recording:
    """A recording of one Period without a clock as one file, as ffmpeg's muxer writes it."""

    def make(out: Path) -> None:
        out.mkdir()
        ffmpeg.run("-copyts", *_tracks(recording, out.parent), "-c", "copy", *flags, str(out / file))

    folder = cached(("file", recording.name, recording.truth.codec, file, flags), make)
    folder_name = recording.folder.replace(f"/{recording.name}/", f"/{name}/")
    files = {file: (folder / file).read_bytes()}
    return replace(recording, name=name, live_path=f"{folder_name}/{file}", files=files)


def transported(recording: Recording, name: str, packed: bool = False, offset: float = 0) -> Recording:
    """A recording of one Period in transport streams, as ffmpeg's muxer writes them; `packed`: its audio beside them. Time stamps
    are `offset` s later."""
    kinds = ("video",) if packed else ("video", "audio")

    def make(out: Path) -> None:
        out.mkdir()
        style = ["-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod", "-hls_segment_type", "mpegts"]
        style += ["-output_ts_offset", f"{offset:.6f}"] * (offset > 0)
        ffmpeg.run(*_tracks(recording, out.parent, kinds), "-c", "copy", *style, str(out / "stream.m3u8"))

    folder = cached(("transport streams", recording.name, recording.truth.codec, kinds, offset), make)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    period, track = recording.tracks("video", -1)[0]
    first = period.start + Fraction(track.segments[0].samples[0].pts - track.edit_shift - track.offset, track.timescale)
    files["stream.m3u8"] = _dated(files["stream.m3u8"].decode(), first)
    if packed:
        stamp = next(unit.pts for unit in ts.pes(files["stream0.ts"]) if unit.is_video)
        files["video.m3u8"] = files.pop("stream.m3u8")
        files |= _packed(recording, stamp - round(first * TICKS))
        size = f"{track.size[0]}x{track.size[1]}"
        lines = ["#EXTM3U", '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="0",LANGUAGE="eng",URI="audio.m3u8"']
        lines += [f'#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION={size},AUDIO="sound"', "video.m3u8", ""]
        files["stream.m3u8"] = "\n".join(lines).encode()
    truth = replace(recording.truth, ast_ms=PLAIN_CLOCK_MS)
    folder_name = recording.folder.replace(f"/{recording.name}/", f"/{name}/")
    return replace(recording, name=name, live_path=f"{folder_name}/stream.m3u8", files=files, truth=truth)


def _dated(listed: str, first: Fraction) -> bytes:
    """A playlist with the date of its first segment, which starts at `first`."""
    tag = f"#EXT-X-PROGRAM-DATE-TIME:{date(Fraction(PLAIN_CLOCK_MS, 1000) + first, 'Z')}\n#EXTINF"
    return listed.replace("#EXTINF", tag, 1).encode()


def _packed(recording: Recording, ahead: int) -> dict[str, bytes]:
    """The first audio track as packed audio (RFC 8216, 3.4): ADTS frames behind an ID3 tag, whose time stamps are `ahead`
    of the recording's time in ticks."""
    period, track = recording.tracks("audio", 0)[0]
    files, lines, first = {}, ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:3"], None
    for n, segment in enumerate(track.segments):
        ticks = segment.samples[0].pts - track.edit_shift - track.offset
        at = period.start + Fraction(ticks, track.timescale)
        first = at if first is None else first
        owner = b"com.apple.streaming.transportStreamTimestamp\0"
        body = owner + (round(at * TICKS) + ahead).to_bytes(8, "big")
        frame = b"PRIV" + len(body).to_bytes(4, "big") + bytes(2) + body
        files[f"audio-{n}.aac"] = b"ID3\4\0\0" + len(frame).to_bytes(4, "big") + frame + _adts(segment, track.rate)
        lines += [f"#EXTINF:{float(_seconds(track, segment)):.6f},", f"audio-{n}.aac"]
    files["audio.m3u8"] = _dated("\n".join([*lines, "#EXT-X-ENDLIST", ""]), first or Fraction(0))
    return files


def _adts(segment: dash.Segment, rate: int) -> bytes:
    """The frames of a segment, LC with two channels, behind headers of ADTS (ISO/IEC 14496-3, 1.A.3.2)."""
    index = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000].index(rate)
    frames = []
    for sample in segment.samples:
        data = segment.data[sample.at : sample.at + sample.size]
        length = len(data) + 7
        head = 0xFFF1 << 40 | 1 << 38 | index << 34 | 2 << 30 | length << 13 | 0x7FF << 2
        frames.append(head.to_bytes(7, "big") + data)
    return b"".join(frames)
