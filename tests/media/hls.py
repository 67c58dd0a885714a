"""A DASH recording's segments as an HLS recording (RFC 8216): a playlist of variants, and one a track."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from fractions import Fraction

from . import dash
from .recording import Recording

MICRO = 1_000_000


def date(seconds: Fraction, zone: str = "Z") -> str:
    """An instant since the epoch, to the microsecond, as EXT-X-PROGRAM-DATE-TIME writes it."""
    micros = round(seconds * MICRO)
    whole = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=micros // MICRO)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{micros % MICRO:06d}{zone}"


def presented(period: dash.Period, track: dash.Track, ticks: int) -> Fraction:
    return period.start + Fraction(ticks - track.edit_shift - track.offset, track.timescale)


def playlist(
    recording: Recording,
    kind: str,
    index: int,
    *,
    dated: Callable[[int], bool],
    length: Callable[[Fraction], str] = lambda length: f"{float(length):.6f}",
    ended: bool = True,
) -> str:
    """The playlist of a track. `dated`: whether a segment at a position has a date; `length`: how EXTINF writes one."""
    clock = Fraction(recording.truth.ast_ms or 0, 1000)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:10"]
    for n, (period, track) in enumerate(recording.tracks(kind, index)):
        if n:
            lines.append("#EXT-X-DISCONTINUITY")
        lines.append(f'#EXT-X-MAP:URI="{period.base}init-{track.rep}.mp4"')
        for at, segment in enumerate(track.segments):
            if not segment.listed:
                lines.append("#EXT-X-GAP")
            if dated(at):
                first = presented(period, track, segment.samples[0].pts)
                lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{date(clock + first)}")
            lines.append(f"#EXTINF:{length(Fraction(segment.duration, track.timescale))},")
            lines.append(period.base + dash.segment_name(track, at, period.form).replace(" ", "%20"))
    return "\n".join([*lines, *["#EXT-X-ENDLIST"] * ended, ""])


def playlists(recording: Recording, **options) -> dict[str, bytes]:
    """Every playlist by its name; `stream.m3u8` lists the variants."""
    period = recording.manifest.periods[0]
    audio = [track for track in period.tracks if track.kind == "audio"]
    found, lines = {}, ["#EXTM3U"]
    for n, track in enumerate(audio):
        found[f"audio-{n}.m3u8"] = playlist(recording, "audio", n, **options)
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="{n}",LANGUAGE="{track.language}",URI="audio-{n}.m3u8"'
        )
    video = [track for track in period.tracks if track.kind == "video"]
    for n, track in enumerate(video):
        found[f"video-{n}.m3u8"] = playlist(recording, "video", n, **options)
        size = f"RESOLUTION={track.size[0]}x{track.size[1]}"
        group = ',AUDIO="a"' if audio else ""
        lines.append(f'#EXT-X-STREAM-INF:BANDWIDTH={track.bandwidth},{size},CODECS="{track.codecs}"{group}')
        lines.append(f"video-{n}.m3u8")
    found["stream.m3u8"] = "\n".join([*lines, ""])
    return {name: text.encode() for name, text in found.items()}
