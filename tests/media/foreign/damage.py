"""Recordings that are damaged, or whose packager wrote times that are not the pictures'."""

import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from .. import boxes, dash
from ..encode import Video
from ..forms import picture, plain_audio, usual
from ..recording import Recording, recorded
from . import foreign

SECONDS = 12
PAGE = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'


def damaged(
    name: str, hurt: Callable[[bytes, dash.Segment], bytes], video: Video, kind: str = "video", per_segment: int = 1
) -> Recording:
    """A recording whose fourth segment of a kind was stored as `hurt` says. Its truth is that of the sound one."""
    tracks = [picture(video, per_segment=per_segment), plain_audio(SECONDS)]
    made = recorded(
        name,
        dash.Manifest([dash.Period(tracks)], duration=Fraction(SECONDS)),
        first=0,
        fps=video.fps,
        codec=video.codec,
    )
    track = next(track for track in tracks if track.kind == kind)
    segment = track.segments[3]
    data = hurt(segment.data, segment)
    return replace(made, files={**made.files, dash.segment_name(track, 3, "time"): data})


def plain(**spec) -> Video:
    return Video(count=25 * SECONDS, **{"bframes": 0, **spec})


@foreign
def cut_off() -> Recording:
    """In the middle of picture 180."""
    return damaged("cut_off", lambda data, segment: data[: segment.samples[30].at + 5], plain())


@foreign
def error_page() -> Recording:
    return damaged("error_page", lambda data, segment: PAGE, plain())


@foreign
def audio_cut_off() -> Recording:
    return damaged("audio_cut_off", lambda data, segment: data[: len(data) * 6 // 10], plain(), "audio")


@foreign
def wrong_length() -> Recording:
    """The last picture of a GOP has a NAL unit that is longer than the picture."""

    def hurt(data: bytes, segment: dash.Segment) -> bytes:
        at = segment.samples[-1].at
        return data[:at] + b"\x7f\xff\xff\xff" + data[at + 4 :]

    return damaged("wrong_length", hurt, plain())


@foreign
def lost_slice() -> Recording:
    """Picture 165 has a slice header that no decoder can read."""

    def hurt(data: bytes, segment: dash.Segment) -> bytes:
        at = segment.samples[15].at + 5
        return data[:at] + b"\xff" * 4 + data[at + 4 :]

    return damaged("lost_slice", hurt, plain())


@foreign
def lost_inside() -> Recording:
    """Twelve pictures, from 174 on, were never written; the manifest does not say so."""

    def hurt(data: bytes, segment: dash.Segment) -> bytes:
        moofs = [box.start for box in boxes.boxes(data) if box.kind == b"moof"]
        return data[: moofs[2]] + data[moofs[3] :]

    return damaged("lost_inside", hurt, plain(chunk_ms=480), per_segment=5)


@foreign
def lost_reference() -> Recording:
    """Picture 165 has a NAL unit that is longer than the picture, and those behind it refer to it: no player shows them."""

    def hurt(data: bytes, segment: dash.Segment) -> bytes:
        at = segment.samples[15].at
        return data[:at] + b"\x7f\xff\xff\xff" + data[at + 4 :]

    return damaged("lost_reference", hurt, plain(codec="hevc", extra="open-gop=0"))


def composition(data: bytes, index: int) -> int:
    """Where the composition offset of a sample stands in a fragment."""
    (trun,) = boxes.find(data, b"moof", b"traf", b"trun")
    flags = struct.unpack_from(">I", data, trun.body)[0]
    before = sum(4 for bit in (0x100, 0x200, 0x400) if flags & bit)
    row = before + (4 if flags & 0x800 else 0)
    return trun.body + 8 + sum(4 for bit in (1, 4) if flags & bit) + index * row + before


@foreign
def led_key() -> Recording:
    """As ffmpeg's DASH muxer writes open GOPs: each random access picture has the time of its first leading picture."""
    return early_keys("led_key", plain(codec="hevc", bframes=2, extra="open-gop=1"))


@foreign
def led_recovery_point() -> Recording:
    """The same in H.264, where pictures behind a recovery point unmark references before it."""
    return early_keys("led_recovery_point", plain(bframes=3, extra="open-gop=1"))


def early_keys(name: str, video: Video) -> Recording:
    tracks = [picture(video)]
    manifest = dash.Manifest([dash.Period(tracks)], duration=Fraction(SECONDS))
    made = recorded(name, manifest, first=0, fps=video.fps, codec=video.codec)
    files = dict(made.files)
    for k, segment in list(enumerate(tracks[0].segments))[1:]:
        early = segment.samples[0].pts - min(sample.pts for sample in segment.samples)
        data, at = bytearray(segment.data), composition(segment.data, 0)
        struct.pack_into(">i", data, at, struct.unpack_from(">i", data, at)[0] - early)
        files[dash.segment_name(tracks[0], k, "time")] = bytes(data)
    return replace(made, files=files)


@foreign
def restarted() -> Recording:
    """A second encoder starts 400 ms before the end of what the first one recorded."""
    track, again = picture(plain()), picture(Video(count=150, first=140, bframes=0))
    again = again.moved(140 * track.timescale // 25)
    both = replace(track, segments=track.segments[:3] + again.segments)
    sound = plain_audio(SECONDS)
    whole = dash.Manifest([dash.Period([track, sound])], duration=Fraction(SECONDS))
    made = recorded("restarted", whole, first=0, fps=Fraction(25))
    return replace(made, files=dash.files(replace(whole, periods=[dash.Period([both, sound])])))


@foreign
def still_screen() -> Recording:
    """Five pictures every four seconds: the last of them stays on display."""
    return usual("still_screen", plain(gop=100, keep="lt(mod(n,100),5)", keys="expr:gte(t,n_forced*4)"))
