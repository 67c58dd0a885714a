"""Recordings whose manifests and boxes are not as the standards want them, but as packagers write them and players read them."""

import gzip
from dataclasses import replace
from fractions import Fraction

from .. import dash
from ..encode import Video
from ..forms import AST_MS, picture, plain_audio, usual
from ..recording import Recording, iso, recorded
from . import foreign

SECONDS = 8


def plain(name: str, **options) -> Recording:
    return usual(name, Video(count=25 * SECONDS), [plain_audio(SECONDS)], **options)


def rewritten(name: str, *changes: tuple[str, str], **options) -> Recording:
    """A plain recording with other text in its manifest."""
    made = plain(name, **options)
    text = made.files["stream.mpd"].decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return replace(made, files=made.files | {"stream.mpd": text.encode()})


@foreign
def packed() -> Recording:
    """Stored as it is to be delivered with Content-Encoding: gzip."""
    made = plain("packed")
    return replace(made, files=made.files | {"stream.mpd": gzip.compress(made.files["stream.mpd"], mtime=0)})


@foreign
def oddly_written() -> Recording:
    """A frame rate as a decimal, a base elsewhere before the one here, and a Period that resolves to nothing."""
    nothing = '<Period xmlns:x="http://www.w3.org/1999/xlink" x:href="urn:mpeg:dash:resolve-to-zero:2013"/>'
    bases = "<BaseURL>https://cdn.example/live/</BaseURL><BaseURL>./</BaseURL>"
    return rewritten("oddly_written", ('frameRate="25/1"', 'frameRate="25.00"'), ("<Period", f"{bases}{nothing}<Period"))


@foreign
def odd_entries() -> Recording:
    """An entry of no length, a segment that is listed twice, and a step back over the last two segments."""
    made = plain("odd_entries")
    length = 25_600
    odd = f'<S t="0" d="{length}"/><S t="{length}" d="0"/><S t="{length}" d="{length}"/><S t="{length}" d="{length}"/>'
    odd += f'<S d="{length}" r="1"/><S t="{2 * length}" d="{length}" r="1"/>'
    text = made.files["stream.mpd"].decode()
    before, timeline, behind = text.partition("<SegmentTimeline>")
    behind = behind.partition("</SegmentTimeline>")[2]
    text = f"{before}{timeline}{odd}</SegmentTimeline>{behind}"
    return replace(made, files=made.files | {"stream.mpd": text.encode()})


@foreign
def rounded() -> Recording:
    """As ffmpeg's muxer ends a recording: a last segment of two pictures, and a duration cut to tenths of a second."""
    made = usual("rounded", Video(count=25 * SECONDS + 2), [plain_audio(SECONDS)])
    text = made.files["stream.mpd"].decode().replace('"PT8.080000S"', '"PT8.0S"')
    assert '"PT8.0S"' in text
    return replace(made, files=made.files | {"stream.mpd": text.encode()})


@foreign
def newer_codec() -> Recording:
    """AV1 on top of the ladder; below it something that says that it is H.264 and is not."""
    made = plain("newer_codec")
    text = made.files["stream.mpd"].decode()
    first = text[text.index("<Representation") : text.index("</Representation>") + len("</Representation>")]
    newer = first.replace('id="0"', 'id="7"').replace('width="', 'width="4').replace('codecs="avc1', 'codecs="av01')
    false = first.replace('id="0"', 'id="8"').replace('width="', 'width="2')
    text = text.replace(first, newer + false + first, 1)
    init = made.files["init-0.mp4"].replace(b"avc1", b"av01").replace(b"avcC", b"av1C")
    return replace(made, files=made.files | {"stream.mpd": text.encode(), "init-8.mp4": init})


@foreign
def untimed_fragments() -> Recording:
    """Segments of two fragments of which only the first has a decode time, as MP4Box writes them without --cmaf."""
    tracks = [picture(Video(count=25 * SECONDS, gop=25), per_segment=2), plain_audio(SECONDS)]
    made = recorded(
        "untimed_fragments",
        dash.Manifest([dash.Period(tracks)], duration=Fraction(SECONDS)),
        first=0,
        fps=Fraction(25),
    )

    def untimed(data: bytes) -> bytes:
        first, mark, rest = data.partition(b"tfdt")
        return first + mark + rest.replace(b"tfdt", b"free")

    segments = {name: untimed(data) for name, data in made.files.items() if name.startswith("seg-0-")}
    return replace(made, files=made.files | segments)


@foreign
def drifting() -> Recording:
    """Numbered segments of 2.002 s that are said to last 2 s, 22 h into a recording: 39 segments off."""
    before, fps = 39_500, Fraction(30_000, 1001)
    track = picture(Video(fps=fps, count=4 * 60, gop=60))
    track = track.moved(int(before * 60 / fps * track.timescale))
    manifest = dash.Manifest([dash.Period([track], "number")], dynamic=True, availability_start=iso(AST_MS))
    made = recorded("drifting", manifest, first=0, fps=fps, ast_ms=AST_MS)

    def renamed(name: str) -> str:
        return f"seg-0-{before + int(name[6:11]):05d}.m4s" if name.startswith("seg-0-") else name

    return replace(made, files={renamed(name): data for name, data in made.files.items()})
