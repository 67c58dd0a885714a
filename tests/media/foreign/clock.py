"""Recordings whose frame rates, reordering, Periods and key pictures are not those of a plain encoder."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from .. import dash, ffmpeg
from ..encode import FRAGMENTED, Video
from ..forms import picture, plain_audio, usual
from ..recording import Recording, cached, encoded, recorded
from . import foreign
from .audio import in_ticks

SECONDS = 8


def pyramid(name: str, fps: Fraction, **spec) -> Recording:
    """Two reordered pictures at a rate whose frames are no whole number of nanoseconds."""
    video = Video(fps=fps, count=round(fps * SECONDS), gop=round(fps * 2), bframes=3, **spec)
    return usual(name, video, [plain_audio(SECONDS)])


@foreign
def film() -> Recording:
    return pyramid("film", Fraction(24_000, 1001))


@foreign
def thirty() -> Recording:
    return pyramid("thirty", Fraction(30))


@foreign
def forty_eight() -> Recording:
    return pyramid("forty_eight", Fraction(48))


@foreign
def film_hevc() -> Recording:
    return pyramid("film_hevc", Fraction(24_000, 1001), codec="hevc", extra="open-gop=0")


@foreign
def thirty_hevc() -> Recording:
    return pyramid("thirty_hevc", Fraction(30), codec="hevc", extra="open-gop=0")


@foreign
def dropped() -> Recording:
    """Here and there two pictures were lost before the encoder: the one before them lasts three times as long."""
    video = Video(count=200, bframes=3, keep="not(lt(mod(n+20,37),2))")
    return usual("dropped", video, [plain_audio(SECONDS)])


def counted(name: str, ticks: int) -> Recording:
    """Pictures with `ticks` a second."""
    tracks = [in_ticks(picture(Video(count=200, bframes=3)), ticks), plain_audio(SECONDS)]
    manifest = dash.Manifest([dash.Period(tracks)], duration=Fraction(SECONDS))
    return recorded(name, manifest, first=0, fps=Fraction(25))


@foreign
def pictures_in_90k() -> Recording:
    return counted("pictures_in_90k", 90_000)


@foreign
def pictures_in_10m() -> Recording:
    """As Smooth Streaming counts."""
    return counted("pictures_in_10m", 10_000_000)


@foreign
def hundred_and_twenty() -> Recording:
    video = Video(fps=Fraction(120), count=600, gop=120, width=320, height=180)
    return usual("hundred_and_twenty", video, [])


@foreign
def period_within_gop() -> Recording:
    """A second Period over the same encode starts half a GOP behind a key picture, in the middle of a segment."""
    start = Fraction(5)
    tracks = [picture(Video(count=200)), plain_audio(SECONDS)]
    whole = dash.Manifest([dash.Period(tracks)], duration=Fraction(SECONDS))
    made = recorded("period_within_gop", whole, first=0, fps=Fraction(25))
    first = [replace(track, segments=track.segments[:3]) for track in tracks]
    second = [replace(track, offset=int(start * track.timescale), segments=track.segments[2:]) for track in tracks]
    halves = [dash.Period(first, duration=start), dash.Period(second, start=start, duration=SECONDS - start)]
    files = made.files | dash.files(dash.Manifest(halves, duration=Fraction(SECONDS)))
    sounds = [replace(sound, restarts=[start]) for sound in made.truth.sounds]
    return replace(made, files=files, truth=replace(made.truth, sounds=sounds))


@foreign
def refreshed() -> Recording:
    """Only the first picture is a key picture: all others are refreshed column by column, in cycles of a second."""
    video = Video(count=400, gop=25, extra="intra-refresh=1", chunk_ms=1000)
    return usual("refreshed", video)


@foreign
def refreshed_with_hole() -> Recording:
    """The same, without two of its segments: what follows is right once a refresh is complete."""
    video = Video(count=400, gop=25, extra="intra-refresh=1", chunk_ms=1000, key_starts=False)
    tracks = [picture(video).without([4, 5], listed=False)]
    manifest = dash.Manifest([dash.Period(tracks)], duration=Fraction(16))
    return recorded("refreshed_with_hole", manifest, first=0, fps=Fraction(25))


@foreign
def unmarked_open_gop() -> Recording:
    """Open GOPs of H.264 without recovery points: only the container says where decoding can start."""
    spec = Video(count=200, bframes=3, extra="open-gop=1")

    def make(out: Path) -> None:
        (out.parent / "source.mp4").write_bytes(encoded(spec))
        bare = ["-c", "copy", "-bsf:v", "filter_units=remove_types=6"]
        flags = ["-movflags", f"{FRAGMENTED}+delay_moov+frag_keyframe"]
        ffmpeg.run("-i", str(out.parent / "source.mp4"), *bare, *flags, "-f", "mp4", str(out))

    data = cached(("without messages", spec), make, ".mp4").read_bytes()
    track = dash.cut(data, picture(spec))
    manifest = dash.Manifest([dash.Period([track, plain_audio(SECONDS)])], duration=Fraction(SECONDS))
    return recorded("unmarked_open_gop", manifest, first=0, fps=Fraction(25))


@foreign
def far_key() -> Recording:
    """One key picture, and 36 segments of a second behind it."""
    return usual("far_key", Video(count=950, gop=2000, chunk_ms=1000), [])


@foreign
def short_hole() -> Recording:
    """A declared hole of less than a second takes a key picture with it: nothing is right before the next one."""
    tracks = [picture(Video(count=400, chunk_ms=480, key_starts=False)).without([8], listed=False)]
    manifest = dash.Manifest([dash.Period(tracks)], duration=Fraction(16))
    return recorded("short_hole", manifest, first=0, fps=Fraction(25))
