"""The encoder behind the recordings: one fragmented MP4 a track, so that cutting segments touches no packet."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from . import ffmpeg
from .marks import picture_graph, tone_graph

FRAGMENTED = "+default_base_moof+skip_trailer"


@dataclass(frozen=True)
class Video:
    """One encode of frames first .. first + count - 1. `edits`: start the track with an edit list, as a recorder that
    waits for its first packets does; without one, reordering shows as a late first picture. `keep`: which of the
    frames there are, as an expression of n. `drawn`: the size that the frames had before they were scaled."""

    count: int = 400
    first: int = 0
    fps: Fraction = Fraction(25)
    width: int = 320
    height: int = 180
    codec: str = "h264"
    gop: int = 50
    bframes: int = 2
    keys: str = ""
    extra: str = ""
    profile: str = ""
    rate: str = ""
    preset: str = "veryfast"
    noise: int = 4
    edits: bool = True
    negative_offsets: bool = False
    chunk_ms: int = 0
    key_starts: bool = True
    pixels: str = "yuv420p"
    fields: bool = False
    keep: str = ""
    tags: str = ""
    drawn: tuple[int, int] | None = None
    captions: bool = False

    def graph(self) -> str:
        """What is encoded, as `[v]`."""
        steps = [f"select='{self.keep}'" if self.keep else "", self.tags]
        steps += [f"scale={self.width}:{self.height}:flags=area" if self.drawn else ""]
        return picture_graph(
            self.drawn or (self.width, self.height),
            self.fps,
            self.count,
            self.first,
            self.noise,
            fields=self.fields,
            after=",".join(filter(None, steps)),
            pixels=self.pixels,
        )


@dataclass(frozen=True)
class Audio:
    """One encode of `samples` samples from sample `first` of recording time on."""

    samples: int
    first: int = 0
    track: int = 0
    rate: int = 48_000
    channels: int = 2
    codec: str = "aac"
    language: str = "eng"
    edits: bool = True
    fragment_ms: int = 2000


def _movflags(edits: bool, *more: str) -> list[str]:
    return ["-movflags", "".join([FRAGMENTED, "+delay_moov" if edits else "+empty_moov", *more])]


def _video_codec(spec: Video) -> list[str]:
    params = [f"keyint={spec.gop}", f"bframes={spec.bframes}", *filter(None, [spec.extra])]
    params += ["scenecut=0", f"min-keyint={1 if spec.keys else spec.gop}"]
    if spec.codec == "hevc":
        params += ["log-level=error", "pools=1", "frame-threads=1"]
        args = ["-c:v", "libx265", "-tag:v", "hvc1", "-preset", "ultrafast", "-x265-params", ":".join(params)]
    else:
        args = ["-c:v", "libx264", "-preset", spec.preset, "-threads", "1", "-x264-params", ":".join(params)]
    if spec.profile:
        args += ["-profile:v", spec.profile]
    if spec.keys:
        args += ["-force_key_frames", spec.keys]
    if spec.rate:
        args += ["-b:v", spec.rate, "-maxrate", spec.rate, "-bufsize", spec.rate]
    return args


def video(spec: Video, out: Path) -> None:
    """Encode a video track; fragments start at key frames (unless `key_starts` is off), and every `chunk_ms`."""
    starts = "+frag_keyframe" if spec.key_starts else ""
    flags = _movflags(spec.edits, starts, "+negative_cts_offsets" if spec.negative_offsets else "")
    chunks = ["-frag_duration", str(spec.chunk_ms * 1000)] if spec.chunk_ms else []
    ticks = ["-video_track_timescale", str(spec.fps.numerator * (512 if spec.fps.denominator == 1 else 1))]
    ffmpeg.run(
        "-filter_complex_threads",
        "1",
        "-filter_complex",
        spec.graph(),
        "-map",
        "[v]",
        "-fps_mode",
        "passthrough",
        *_video_codec(spec),
        *flags,
        *chunks,
        *ticks,
        "-f",
        "mp4",
        str(out),
    )


def audio(spec: Audio, out: Path) -> None:
    """Encode an audio track in fragments of about `fragment_ms`."""
    graph = tone_graph(spec.track, spec.rate, spec.channels, spec.samples, spec.first)
    codec = {"opus": "libopus"}.get(spec.codec, spec.codec)
    ffmpeg.run(
        "-filter_complex", graph, "-map", "[a]", "-c:a", codec, "-b:a", f"{48 * spec.channels}k",
        "-metadata:s:a:0", f"language={spec.language}", *_movflags(spec.edits),
        "-frag_duration", str(spec.fragment_ms * 1000), "-f", "mp4", str(out),
    )  # fmt: skip
