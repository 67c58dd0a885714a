"""The slow, plain way to cut a clip: decode whole tracks, keep the window, encode. It tests the verifier."""

import tempfile
from fractions import Fraction
from pathlib import Path

from . import dash, ffmpeg
from .recording import Recording


def _trim(kind: str, index: int, track: dash.Track, period: dash.Period, window: tuple[Fraction, Fraction]) -> str:
    """Presentation time for media time, then the window moved to 0."""
    a = "a" if kind == "audio" else ""
    ahead = Fraction(track.offset, track.timescale) - period.start + window[0]
    half = (
        Fraction(1, 2500) if kind == "video" else Fraction(0)
    )  # a frame exactly at a limit must not depend on rounding
    media = f"{a}trim=start={float(ahead - half):.6f}:end={float(ahead + window[1] - half):.6f}"
    return f"[{index}:{kind[0]}]{media},{a}setpts=PTS-{float(ahead):.6f}/TB[o{index}]"


def render(recording: Recording, start: Fraction, duration: Fraction, out: Path, *extra: str) -> Path:
    """A re-encoded clip of [start, start + duration) s of presentation time, which must lie within one Period."""
    period = [period for period in recording.manifest.periods if period.start <= start][-1]
    videos = [track for track in period.tracks if track.kind == "video"][-1:]
    tracks = videos + [track for track in period.tracks if track.kind == "audio"]
    shown = [frame.pts for frame in recording.truth.frames if frame.pts >= start][:1] or [start]
    window = shown[0], start + duration - shown[0]
    inputs, graphs, maps = [], [], []
    with tempfile.TemporaryDirectory(prefix="reference-") as folder:
        for k, track in enumerate(tracks):
            path = Path(folder, f"{k}.mp4")
            path.write_bytes(track.init + b"".join(segment.data for segment in track.segments if segment.stored))
            inputs += ["-i", str(path)]
            graphs.append(_trim(track.kind, k, track, period, window))
            maps += ["-map", f"[o{k}]"]
        names = [
            arg
            for k, track in enumerate(tracks[len(videos) :])
            for arg in (f"-metadata:s:a:{k}", f"language={track.language}")
        ]
        codecs = ["-c:v", "libx264", "-preset", "veryfast", "-fps_mode", "passthrough", "-c:a", "aac"]
        output = [*maps, *names, *codecs, "-movflags", "+faststart", *extra, str(out)]
        ffmpeg.run("-copyts", *inputs, "-filter_complex", ";".join(graphs), *output)
    return out
