"""Encoders and packagers, each by its own command line, and a plain manifest for muxers that write none."""

import inspect
import os
import shutil
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from . import boxes, content
from .programs import CACHE, HERE, run, system, version, wheel

NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
PROGRAMS = {"ffmpeg": lambda: system("ffmpeg"), "ffmpeg8": partial(wheel, "ffmpeg")}


def kept(key: object, make: Callable[[Path], None], suffix: str = "") -> Path:
    """The file or folder that `make` fills once."""
    name = sha256((repr(key) + inspect.getsource(content)).encode()).hexdigest()[:20] + suffix
    target = CACHE / name
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=CACHE, prefix=".making-"))
        try:
            make(work / name)
            (work / name).rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def x264(gop: int = 50, b: int = 2, params: str = "", *args: str) -> tuple[str, ...]:
    said = f"keyint={gop}:min-keyint=1:scenecut=0:bframes={b}" + (f":{params}" if params else "")
    return ("-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-x264-params", said, *args)


def x265(gop: int = 50, b: int = 2, params: str = "open-gop=0", *args: str) -> tuple[str, ...]:
    said = f"keyint={gop}:min-keyint=1:scenecut=0:bframes={b}:log-level=error:pools=1:frame-threads=1:{params}"
    return ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", said, *args)


HVC1 = ("-tag:v", "hvc1")
AAC = ("-c:a", "aac", "-b:a", "96k")


@dataclass(frozen=True)
class Movie:
    """What is encoded, by which program, into what file. `sounds`: (language, encoder's arguments) of each track."""

    video: tuple[str, ...] = x264()
    rate: str = "25"
    seconds: float = 14
    scene: str = "test"
    size: tuple[int, int] = (320, 180)
    sounds: tuple[tuple[str, tuple[str, ...]], ...] = (("eng", AAC),)
    program: str = "ffmpeg"
    suffix: str = ".mp4"
    first: int = 0
    more: tuple[str, ...] = ()
    before: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        up, _, down = self.rate.partition("/")
        return int(self.seconds * int(up) / int(down or 1))

    def write(self, *output: object) -> None:
        """Encode into what `output` says."""
        with tempfile.TemporaryDirectory() as work:
            inputs: list[object] = []
            maps: list[object] = []
            codecs: list[object] = []
            if self.video:
                w, h = self.size
                inputs += [
                    *self.before,
                    "-f",
                    "rawvideo",
                    "-pix_fmt",
                    "yuv420p",
                    "-s",
                    f"{w}x{h}",
                    "-r",
                    self.rate,
                    "-i",
                    "-",
                ]
                maps += ["-map", "0:v"]
                codecs += self.video
            for index, (language, args) in enumerate(self.sounds):
                wave = Path(work) / f"{index}.pcm"
                wave.write_bytes(content.sound(self.seconds, index))
                inputs += ["-f", "s16le", "-ar", content.RATE, "-ac", "1", "-i", wave]
                maps += ["-map", f"{index + bool(self.video)}:a"]
                codecs += [each.replace(":a", f":a:{index}") if each.startswith("-") else each for each in args]
                codecs += [f"-metadata:s:a:{index}", f"language={language}"]
            data = content.frames(self.scene, self.count, self.rate, self.size, self.first) if self.video else b""
            run([PROGRAMS[self.program](), "-v", "error", "-y", *inputs, *maps, *codecs, *self.more, *output], data)

    def file(self) -> Path:
        """The movie as one progressive file (or `.ts`)."""
        forms = {".mp4": "mp4", ".ts": "mpegts", ".mkv": "matroska", ".h264": "h264", ".mov": "mov"}
        return kept(
            ("movie", self, version(self.program)), lambda out: self.write("-f", forms[self.suffix], out), self.suffix
        )


# ---- packagers


def ffmpeg_dash(program: str, source: Path | Movie, out: Path, *args: object) -> None:
    """ffmpeg's DASH muxer, fed with a file or while encoding."""
    target = [*args, "-f", "dash", out / "stream.mpd"]
    if isinstance(source, Movie):
        source.write(*target)
    else:
        run([PROGRAMS[program](), "-v", "error", "-y", "-i", source, "-map", "0", "-c", "copy", *target])


def ffmpeg_hls(
    program: str,
    source: Path,
    out: Path,
    *flags: str,
    dates: bool = True,
    form: str = "fmp4",
    more: Sequence[object] = (),
) -> None:
    """ffmpeg's HLS muxer: all tracks in the same segments, unless `more` maps them apart."""
    name = "track-%v.m3u8" if more else "stream.m3u8"
    said = "+".join([*["program_date_time"] * dates, *flags])
    style = ["-f", "hls", "-hls_segment_type", form, "-hls_playlist_type", "vod", "-hls_time", "2"]
    style += ["-hls_flags", said] if said else []
    run(
        [PROGRAMS[program](), "-v", "error", "-y", "-i", source, "-map", "0", "-c", "copy", *style, *more, name],
        cwd=out,
    )
    if form == "mpegts":
        shutil.copy(source, out / "source.mp4")


def shaka_hls(
    out: Path, streams: Sequence[tuple[Path, str, str]], ending: str = "m4s", audio: str | None = None
) -> None:
    """Shaka Packager's playlists, which have no dates; `audio`: the ending of the audio's segments."""
    told = []
    for index, (path, stream, more) in enumerate(streams):
        own = audio if audio and stream == "audio" else ending
        init = f"init_segment={index}/init.mp4," if own == "m4s" else ""
        place = f"{init}segment_template={index}-$Number$.{own},playlist_name={index}.m3u8"
        group = ",hls_group_id=s,hls_name=s" if stream == "audio" else ""
        told.append(f"in={path},stream={stream},{place}{group}{',' if more else ''}{more}")
    said = ["--hls_master_playlist_output", "stream.m3u8", "--segment_duration", "2", "--quiet"]
    run([wheel("packager"), *told, *said], cwd=out)
    if ending == "ts":
        shutil.copy(streams[0][0], out / "source.mp4")


def shaka(
    out: Path, streams: Sequence[tuple[Path, str, str]], *args: str, number: bool = False, single: bool = False
) -> None:
    """Shaka Packager: (file, stream selector, further fields) of each stream."""
    told = []
    for index, (path, stream, more) in enumerate(streams):
        if single:
            place = f"output={index}.mp4"
        else:
            place = (
                f"init_segment={index}/init.mp4,segment_template={index}/{'$Number%05d$' if number else '$Time$'}.m4s"
            )
        told.append(f"in={path},stream={stream},{place}{',' if more else ''}{more}")
    run([wheel("packager"), *told, "--mpd_output", "stream.mpd", "--segment_duration", "2", "--quiet", *args], cwd=out)


def mp4box(out: Path, sources: Sequence[str], *args: str) -> None:
    """GPAC's MP4Box, of the path that MP4BOX names."""
    run([os.environ.get("MP4BOX", "MP4Box"), "-quiet", *args, "-out", out / "stream.mpd", *sources], cwd=out)


def gstreamer(*pipeline: object) -> None:
    run(["gst-launch-1.0", "-q", *pipeline])


def node(script: str, *args: object) -> None:
    run(["node", HERE / script, *args])


# ---- a manifest for what other muxers wrote


@dataclass(frozen=True)
class Listed:
    """A fragmented file to list: cut at fragments, `per` of them a segment (0: a new segment at each key picture)."""

    kind: str
    data: bytes
    codecs: str
    per: int = 1
    language: str = ""
    size: tuple[int, int] = (320, 180)
    bandwidth: int = 400_000


def listed(
    out: Path,
    tracks: Sequence[Listed],
    form: str = "time",
    ast: str = "",
    dynamic: bool = False,
    seconds: int = 2,
    rate: str = "25",
) -> None:
    """Write segments and a manifest. `form`: `time`, `number` (with a SegmentTimeline) or `nominal` (`seconds`
    each, in whole seconds)."""
    sets, longest = [], 0.0
    for index, track in enumerate(tracks):
        init, pieces = boxes.split(track.data)
        scale = boxes.timescale(init)
        runs: list[list[boxes.Piece]] = []
        for piece in pieces:
            full = len(runs[-1]) >= track.per if runs and track.per else piece.key
            if not runs or full:
                runs.append([])
            runs[-1].append(piece)
        (out / f"{index}").mkdir()
        (out / f"{index}/init.mp4").write_bytes(init)
        rows = []
        for number, run_ in enumerate(runs, 1):
            following = runs[number][0].start if number < len(runs) else run_[-1].start + run_[-1].duration
            rows.append((run_[0].start, following - run_[0].start))
            name = run_[0].start if form == "time" else number
            (out / f"{index}/{name}.m4s").write_bytes(b"".join(piece.data for piece in run_))
        # Pictures without an edit list are shown later than they are decoded.
        longest = max(longest, (rows[-1][0] + rows[-1][1]) / scale + 0.2)
        inner = "".join(f'<S t="{start}" d="{length}"/>' for start, length in rows)
        media = f"{index}/{'$Time$' if form == 'time' else '$Number$'}.m4s"
        files = f'initialization="{index}/init.mp4" media="{media}" startNumber="1"'
        if form == "nominal":
            template = f'<SegmentTemplate {files} duration="{seconds}"/>'
        else:
            template = (
                f'<SegmentTemplate timescale="{scale}" {files}>'
                f"<SegmentTimeline>{inner}</SegmentTimeline></SegmentTemplate>"
            )
        w, h = track.size
        look = f' width="{w}" height="{h}" frameRate="{rate}"' if track.kind == "video" else ""
        spoken = f' lang="{track.language}"' if track.language else ""
        sets.append(
            f'<AdaptationSet mimeType="{track.kind}/mp4"{spoken}>{template}<Representation id="{index}" '
            f'codecs="{track.codecs}" bandwidth="{track.bandwidth}"{look}/></AdaptationSet>'
        )
    clock = f' availabilityStartTime="{ast}"' if ast else ""
    kind = (
        ' type="dynamic" minimumUpdatePeriod="PT2S"'
        if dynamic
        else f' type="static" mediaPresentationDuration="PT{longest:.3f}S"'
    )
    (out / "stream.mpd").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" minBufferTime="PT2S" '
        f'profiles="urn:mpeg:dash:profile:isoff-live:2011"{kind}{clock}><Period id="1" start="PT0S">'
        f"{''.join(sets)}</Period></MPD>\n"
    )


def clocked(out: Path, ast: str = "2023-11-14T22:13:20Z") -> None:
    """Give a manifest without a clock one."""
    path = out / "stream.mpd"
    text = path.read_text()
    path.write_text(
        text if "availabilityStartTime" in text else text.replace("<MPD", f'<MPD availabilityStartTime="{ast}"', 1)
    )


def periods(out: Path, parts: Sequence[tuple[Path, str]]) -> None:
    """One manifest of the first Period of others beside it: (folder, seconds until it is cut off, "" for all)."""
    ET.register_namespace("", NAMESPACE)
    whole = ET.Element(
        f"{{{NAMESPACE}}}MPD", type="static", minBufferTime="PT2S", availabilityStartTime="2023-11-14T22:13:20Z"
    )
    whole.set("profiles", "urn:mpeg:dash:profile:isoff-live:2011")
    at = 0.0
    for number, (folder, seconds) in enumerate(parts):
        period = ET.parse(folder / "stream.mpd").getroot().find(f"{{{NAMESPACE}}}Period")
        period.attrib = {"id": f"p{number}", "start": f"PT{at:g}S"} | ({"duration": f"PT{seconds}S"} if seconds else {})
        base = ET.Element(f"{{{NAMESPACE}}}BaseURL")
        base.text = f"{folder.name}/"
        period.insert(0, base)
        whole.append(period)
        at += float(seconds or 0)
    (out / "stream.mpd").write_bytes(ET.tostring(whole, xml_declaration=True, encoding="utf-8"))
