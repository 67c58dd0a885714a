"""The catalogue: one function a recording, named as the recording, first its packager."""

import inspect
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from .packers import (
    AAC,
    HVC1,
    Listed,
    Movie,
    clocked,
    ffmpeg_dash,
    ffmpeg_hls,
    gstreamer,
    kept,
    listed,
    mp4box,
    node,
    periods,
    run,
    shaka,
    shaka_hls,
    x264,
    x265,
)
from .programs import system, version

AST = "2023-11-14T22:13:20Z"


@dataclass(frozen=True)
class Kind:
    """`needs`: the programs it is made with; `refused`: the error that is right for all its windows, "" if none."""

    name: str
    build: Callable[[Path], None]
    needs: tuple[str, ...]
    refused: str = ""


CATALOGUE: dict[str, Kind] = {}


def by(*needs: str, refused: str = "") -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    def enter(build: Callable[[Path], None]) -> Callable[[Path], None]:
        CATALOGUE[build.__name__] = Kind(build.__name__, build, ("ffmpeg", *needs), refused)
        return build

    return enter


def able() -> list[Kind]:
    return [kind for kind in CATALOGUE.values() if all(map(version, kind.needs))]


def made(kind: Kind) -> Path:
    """The folder of a recording; its manifest is `stream.mpd` or `stream.m3u8`."""

    def build(out: Path) -> None:
        out.mkdir()
        kind.build(out)

    from . import packers

    return kept((kind.name, _code(kind.build), inspect.getsource(packers), *map(version, kind.needs)), build)


def _code(build: Callable) -> str:
    return inspect.getsource(build)


def both(movie: Path) -> list[tuple[Path, str, str]]:
    return [(movie, "video", ""), (movie, "audio", "")]


def langs(*names: str, codec: tuple[str, ...] = AAC) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, codec) for name in names)


AC3, EAC3 = ("-c:a", "ac3", "-b:a", "128k"), ("-c:a", "eac3", "-b:a", "128k")
OPUS, FLAC, MP3 = (
    ("-c:a", "libopus", "-b:a", "64k"),
    ("-c:a", "flac", "-strict", "-2"),
    ("-c:a", "libmp3lame", "-b:a", "128k"),
)


# ---- HLS


@by()
def hls_ff5(out):
    ffmpeg_hls("ffmpeg", Movie().file(), out)


@by()
def hls_ff5_2997(out):
    movie = Movie(x264(60, 3, "b-pyramid=normal"), "30000/1001", scene="life").file()
    ffmpeg_hls("ffmpeg", movie, out, dates=False)


@by("ffmpeg8")
def hls_ff8_single_file(out):
    ffmpeg_hls("ffmpeg8", Movie(x264(40, 2)).file(), out, "single_file")


@by("ffmpeg8")
def hls_ff8_hevc(out):
    ffmpeg_hls("ffmpeg8", Movie((*x265(), *HVC1)).file(), out)


@by()
def hls_ff5_renditions(out):
    movie = Movie(sounds=langs("eng", "fra")).file()
    streams = ("-var_stream_map", "v:0,agroup:s a:0,agroup:s,language:eng,default:yes a:1,agroup:s,language:fra")
    ffmpeg_hls("ffmpeg", movie, out, more=(*streams, "-master_pl_name", "stream.m3u8"))


@by("shaka")
def hls_shaka(out):
    shaka_hls(out, both(Movie(x264(60, 3), "30", scene="noise").file()))


@by("shaka")
def hls_shaka_open_gop(out):
    shaka_hls(out, both(Movie((*x265(50, 4, "open-gop=1"), *HVC1), scene="life").file()))


@by("shaka")
def hls_shaka_from_ts(out):
    shaka_hls(out, both(Movie(suffix=".ts").file()))


@by()
def hls_ff5_ts(out):
    ffmpeg_hls("ffmpeg", Movie(x264(50, 3, "b-pyramid=normal"), scene="noise").file(), out, form="mpegts")


@by("ffmpeg8")
def hls_ff8_ts_hevc(out):
    movie = Movie((*x265(48, 4, "open-gop=1"), *HVC1), "24000/1001", sounds=langs("eng", "fra")).file()
    ffmpeg_hls("ffmpeg8", movie, out, form="mpegts", dates=False)


@by("shaka")
def hls_shaka_ts(out):
    shaka_hls(out, both(Movie(x264(120, 2), "60000/1001", scene="life").file()), "ts")


@by("shaka")
def hls_shaka_packed(out):
    shaka_hls(out, both(Movie(x264(100, 3)).file()), "ts", audio="aac")


@by("shaka")
def hls_shaka_packed_ac3(out):
    shaka_hls(out, both(Movie(x264(60, 2), sounds=langs("eng", codec=AC3)).file()), "ts", audio="ac3")


# ---- Shaka Packager 3.8


@by("shaka")
def shaka_time(out):
    shaka(out, both(Movie().file()), "--generate_static_live_mpd")


@by("shaka")
def shaka_number_5994(out):
    movie = Movie(x264(120, 1), "60000/1001", scene="life").file()
    shaka(out, both(movie), "--generate_static_live_mpd", number=True)
    clocked(out)


@by("shaka")
def shaka_b_pyramid_30(out):
    shaka(out, both(Movie(x264(60, 3, "b-pyramid=normal"), "30").file()), "--generate_static_live_mpd")


@by("shaka")
def shaka_b_pyramid_23976(out):
    movie = Movie(x264(48, 3), "24000/1001", scene="mandelbrot").file()
    shaka(out, both(movie), "--generate_static_live_mpd")
    clocked(out)


@by("shaka")
def shaka_on_demand(out):
    movie = Movie(x264(60, 2), "30", sounds=(("eng", (*AAC, "-ar:a", "44100")),)).file()
    shaka(out, both(movie), single=True)


@by("shaka")
def shaka_dynamic(out):
    shaka(out, both(Movie(scene="noise").file()))


@by("shaka")
def shaka_from_ts(out):
    shaka(out, both(Movie(suffix=".ts").file()), "--generate_static_live_mpd")


@by("shaka")
def shaka_avc3_from_ts(out):
    movie = Movie(x264(40, 2), suffix=".ts").file()
    shaka(out, both(movie), "--strip_parameter_set_nalus=false")


@by("shaka")
def shaka_hev1_from_ts(out):
    movie = Movie(x265(50, 2), suffix=".ts", scene="mandelbrot").file()
    shaka(out, both(movie), "--strip_parameter_set_nalus=false", "--generate_static_live_mpd")


@by("shaka")
def shaka_hev1(out):
    shaka(out, both(Movie(x265(), "25").file()), "--generate_static_live_mpd")


@by("shaka")
def shaka_hevc_from_ts(out):
    shaka(out, both(Movie(x265(), "30000/1001", suffix=".ts").file()), "--generate_static_live_mpd")


@by("shaka")
def shaka_hvc1_30(out):
    movie = Movie(x265(60, 3, "open-gop=0:b-pyramid=1", *HVC1), "30", scene="mandelbrot").file()
    shaka(out, both(movie), "--generate_static_live_mpd")


@by("shaka")
def shaka_hvc1_5994(out):
    movie = Movie(x265(120, 3, "open-gop=0", *HVC1), "60000/1001", 10).file()
    shaka(out, both(movie), "--generate_static_live_mpd", number=True)


@by("shaka")
def shaka_hevc_open_gop(out):
    movie = Movie(x265(50, 4, "open-gop=1", *HVC1), scene="life").file()
    shaka(out, both(movie), "--generate_static_live_mpd")


@by("shaka")
def shaka_hevc_main10(out):
    colours = "open-gop=0:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    movie = Movie(x265(50, 2, colours, *HVC1, "-pix_fmt", "yuv420p10le")).file()
    shaka(out, both(movie), "--generate_static_live_mpd")


@by("shaka")
def shaka_low_latency(out):
    shaka(
        out,
        both(Movie().file()),
        "--low_latency_dash_mode=true",
        "--utc_timings",
        "urn:mpeg:dash:utc:http-xsdate:2014=https://localhost/",
        number=True,
    )


@by("shaka")
def shaka_fragments(out):
    shaka(out, both(Movie(x264(25, 2)).file()), "--fragment_duration", "0.5", "--generate_static_live_mpd")


@by("shaka")
def shaka_two_languages(out):
    movie = Movie(sounds=(("eng", AAC), ("fra", AC3))).file()
    streams = [(movie, "0", ""), (movie, "1", "language=en"), (movie, "2", "language=fr")]
    shaka(out, streams, "--generate_static_live_mpd")


@by("shaka")
def shaka_eac3(out):
    shaka(out, both(Movie(sounds=langs("eng", codec=EAC3)).file()), "--generate_static_live_mpd")


@by("shaka")
def shaka_opus(out):
    shaka(out, both(Movie(sounds=langs("eng", codec=OPUS)).file()), "--generate_static_live_mpd")


@by("shaka")
def shaka_ladder_vp9(out):
    low = Movie(
        ("-c:v", "libvpx-vp9", "-g", "50", "-deadline", "realtime", "-cpu-used", "8"), size=(320, 180), sounds=()
    ).file()
    high = Movie().file()
    shaka(out, [(low, "video", ""), *both(high)], "--generate_static_live_mpd")


@by("shaka", "ffmpeg8")
def shaka_ladder_av1_on_top(out):
    high = Movie(
        ("-c:v", "libsvtav1", "-preset", "12", "-g", "50"), size=(640, 360), sounds=(), program="ffmpeg8", seconds=10
    ).file()
    shaka(out, [(high, "video", ""), *both(Movie(seconds=10).file())], "--generate_static_live_mpd")


@by("shaka")
def shaka_trick_play(out):
    movie = Movie(x264(48, 2), "24").file()
    shaka(out, [*both(movie), (movie, "video", "trick_play_factor=1")], "--generate_static_live_mpd")


@by("shaka")
def shaka_ladder_sizes(out):
    low = Movie(x264(50), size=(256, 144), sounds=()).file()
    shaka(out, [(low, "video", ""), *both(Movie().file())], "--generate_static_live_mpd")


@by("shaka")
def shaka_ad_cues(out):
    shaka(out, both(Movie(x264(25)).file()), "--ad_cues", "6.0;10.0", "--generate_static_live_mpd")


@by("shaka")
def shaka_44100(out):
    movie = Movie(sounds=(("eng", (*AAC, "-ar:a", "44100")),), suffix=".ts").file()
    shaka(out, both(movie), "--generate_static_live_mpd")


@by("shaka")
def shaka_long_gop(out):
    shaka(
        out,
        both(Movie(x264(250, 2), seconds=24).file()),
        "--generate_static_live_mpd",
        "--fragment_sap_aligned=false",
        "--segment_sap_aligned=false",
    )


# ---- ffmpeg 5.1 of Debian


@by()
def ff5_time(out):
    ffmpeg_dash("ffmpeg", Movie().file(), out, "-seg_duration", "2")


@by()
def ff5_number(out):
    ffmpeg_dash("ffmpeg", Movie(x264(60, 2), "30").file(), out, "-seg_duration", "2", "-use_timeline", "0")


@by()
def ff5_single_file(out):
    ffmpeg_dash("ffmpeg", Movie().file(), out, "-seg_duration", "2", "-single_file", "1")


@by()
def ff5_defaults_hevc(out):
    """hev1 and open GOPs are what ffmpeg and x265 make unasked; the muxer writes a CRA at the time of its first leading
    picture."""
    movie = Movie(x265(50, 3, "open-gop=1"), "24000/1001").file()
    ffmpeg_dash("ffmpeg", movie, out, "-seg_duration", "2")
    shutil.copy(movie, out / "source.mp4")


@by()
def ff5_hev1(out):
    ffmpeg_dash("ffmpeg", Movie(x265(50)).file(), out, "-seg_duration", "2")


@by()
def ff5_hvc1_50(out):
    ffmpeg_dash("ffmpeg", Movie(x265(100, 2, "open-gop=0", *HVC1), "50", 10).file(), out, "-seg_duration", "2")


@by()
def ff5_encoding(out):
    ffmpeg_dash("ffmpeg", Movie(x264(50), scene="noise"), out, "-seg_duration", "2", "-window_size", "0")


@by()
def ff5_ldash(out):
    ffmpeg_dash(
        "ffmpeg",
        Movie(x264(50, 0)),
        out,
        "-seg_duration",
        "2",
        "-ldash",
        "1",
        "-streaming",
        "1",
        "-frag_type",
        "every_frame",
    )


@by()
def ff5_fragments(out):
    ffmpeg_dash("ffmpeg", Movie(), out, "-seg_duration", "2", "-frag_type", "duration", "-frag_duration", "0.5")


@by(refused="unsupported codec")
def ff5_webm(out):
    video = ("-c:v", "libvpx-vp9", "-g", "50", "-deadline", "realtime", "-cpu-used", "8")
    ffmpeg_dash(
        "ffmpeg",
        Movie(video, seconds=6, sounds=langs("eng", codec=OPUS), suffix=".mkv").file(),
        out,
        "-seg_duration",
        "2",
        "-dash_segment_type",
        "webm",
    )


@by()
def ff5_bottom_first(out):
    movie = Movie(x264(30, 2, "bff=1", "-flags", "+ildct+ilme"), "30000/1001", more=("-vf", "setfield=bff"))
    ffmpeg_dash("ffmpeg", movie, out, "-seg_duration", "2")


@by()
def ff5_top_first(out):
    movie = Movie(x264(50, 2, "tff=1", "-flags", "+ildct+ilme"), more=("-vf", "setfield=tff"))
    ffmpeg_dash("ffmpeg", movie, out, "-seg_duration", "2")


@by()
def ff5_anamorphic(out):
    ffmpeg_dash("ffmpeg", Movie(x264(50, 2, "", "-aspect", "4:3")), out, "-seg_duration", "2")


@by()
def ff5_colours(out):
    said = x264(50, 2, "colorprim=bt709:transfer=bt709:colormatrix=bt709:fullrange=off")
    ffmpeg_dash("ffmpeg", Movie(said, scene="smooth"), out, "-seg_duration", "2")


@by()
def ff5_long_gop(out):
    ffmpeg_dash("ffmpeg", Movie(x264(250, 3), seconds=22).file(), out, "-seg_duration", "2")


@by()
def ff5_default_gop_15(out):
    movie = Movie(("-c:v", "libx264", "-preset", "veryfast", "-threads", "1"), "15", 30).file()
    ffmpeg_dash("ffmpeg", movie, out, "-seg_duration", "2")


@by()
def ff5_intra_refresh(out):
    movie = Movie(x264(50, 0, "intra-refresh=1"), seconds=12, sounds=()).file()
    init_and_pieces(out, movie, timed=True)


@by()
def ff5_48(out):
    ffmpeg_dash("ffmpeg", Movie(x264(96, 3, "b-pyramid=normal"), "48", 10), out, "-seg_duration", "2")


@by()
def ff5_120(out):
    ffmpeg_dash("ffmpeg", Movie(x264(240, 2), "120", 8), out, "-seg_duration", "2")


@by()
def ff5_open_gop(out):
    """The muxer writes a recovery point at the time of its first leading picture."""
    movie = Movie(x264(50, 3, "open-gop=1"), "25").file()
    ffmpeg_dash("ffmpeg", movie, out, "-seg_duration", "2")
    shutil.copy(movie, out / "source.mp4")


@by()
def ff5_flac(out):
    ffmpeg_dash("ffmpeg", Movie(sounds=langs("eng", codec=FLAC)), out, "-seg_duration", "2")


@by()
def ff5_mp3(out):
    ffmpeg_dash("ffmpeg", Movie(sounds=langs("eng", codec=MP3)), out, "-seg_duration", "2")


@by()
def ff5_8k_sound(out):
    ffmpeg_dash(
        "ffmpeg",
        Movie(x264(50, 0), sounds=(("eng", ("-c:a", "aac", "-ar:a", "8000", "-b:a", "24k")),)),
        out,
        "-seg_duration",
        "2",
    )


@by()
def ff5_three_sounds(out):
    movie = Movie(sounds=(("eng", AAC), ("fra", AAC), ("deu", EAC3)))
    ffmpeg_dash(
        "ffmpeg",
        movie,
        out,
        "-seg_duration",
        "2",
        "-adaptation_sets",
        "id=0,streams=0 id=1,streams=1 id=2,streams=2 id=3,streams=3",
    )


@by()
def ff5_ladder(out):
    low = Movie(size=(256, 144), sounds=()).file()
    args = [
        system("ffmpeg"),
        "-v",
        "error",
        "-i",
        low,
        "-i",
        Movie().file(),
        "-map",
        "0:v",
        "-map",
        "1:v",
        "-map",
        "1:a",
        "-c",
        "copy",
    ]
    run([*args, "-seg_duration", "2", "-f", "dash", out / "stream.mpd"])


@by()
def ff5_hls_nominal(out):
    """Segments of ffmpeg's HLS muxer under whole seconds and numbers, as livesim2 lists its content."""
    init_and_pieces(out, Movie(x264(50)).file(), form="nominal", ast=AST)


@by()
def ff5_keyframe_fragments(out):
    init_and_pieces(out, Movie(x264(50), "25", scene="mandelbrot").file(), per=2)


@by()
def ff5_dynamic_number(out):
    init_and_pieces(out, Movie(x264(50)).file(), form="number", dynamic=True, ast=AST)


@by()
def ff5_variable_rate(out):
    """Two pictures of three are dropped in a part, as screen recorders do."""
    movie = Movie(x264(50, 2), more=("-vf", "select='lt(t,4)+gt(t,8)+not(mod(n,3))'", "-vsync", "vfr")).file()
    ffmpeg_dash("ffmpeg", movie, out, "-seg_duration", "2")


@by()
def ff5_rotated(out):
    movie = Movie(x264(50)).file()

    def turn(path: Path) -> None:
        run(
            [
                system("ffmpeg"),
                "-v",
                "error",
                "-i",
                movie,
                "-c",
                "copy",
                "-metadata:s:v",
                "rotate=90",
                "-f",
                "mp4",
                path,
            ]
        )

    init_and_pieces(out, kept(("turned", movie.name), turn, ".mp4"))


@by()
def ff5_late_sound(out):
    movie = Movie(before=(), more=("-af", "asetpts=PTS+0.4/TB")).file()
    ffmpeg_dash("ffmpeg", movie, out, "-seg_duration", "2")


@by()
def ff5_slices(out):
    ffmpeg_dash("ffmpeg", Movie(x264(50, 2, "slices=4")), out, "-seg_duration", "2")


@by()
def ff5_main422(out):
    ffmpeg_dash("ffmpeg", Movie(x264(50, 2, "", "-pix_fmt", "yuv422p10le"), seconds=8), out, "-seg_duration", "2")


@by()
def ff5_static_screen(out):
    """Three seconds without a new picture, as screen recorders leave them."""
    movie = Movie(x264(50, 0), more=("-vf", "select='lt(t,5)+gt(t,8)'", "-vsync", "vfr"), scene="life").file()
    init_and_pieces(out, movie, timed=True)


@by()
def ff5_ticks_of_smooth(out):
    """Picture and sound in 10 MHz ticks, as the heirs of Smooth Streaming write them."""
    init_and_pieces(out, Movie(x264(60, 2), "30").file(), scale="10000000")


@by()
def ff5_ticks_of_90k(out):
    init_and_pieces(out, Movie(x264(48, 3), "24000/1001").file(), scale="90000")


@by()
def ff5_millisecond_ticks(out):
    init_and_pieces(out, Movie(x264(60, 2), "30").file(), scale="1000")


@by()
def ff5_muxed(out):
    """Picture and two languages in one Representation."""
    movie = Movie(sounds=langs("eng", "fra")).file()
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "muxed.mp4"
        how = ["-movflags", "+empty_moov+default_base_moof+delay_moov+skip_trailer+frag_keyframe"]
        run([system("ffmpeg"), "-v", "error", "-i", movie, "-map", "0", "-c", "copy", *how, path])
        listed(out, [Listed("video", path.read_bytes(), "avc1.640014,mp4a.40.2")])


# ---- Periods of several packagers in one manifest


@by("shaka")
def periods_rates(out):
    """Another frame rate, another sampling rate of the sound and another packager after a cut within a segment."""
    one, two = out / "one", out / "two"
    for folder in (one, two):
        folder.mkdir()
    shaka(one, both(Movie(seconds=8).file()), "--generate_static_live_mpd")
    sounds = (("eng", (*AAC, "-ar:a", "44100")),)
    ffmpeg_dash("ffmpeg", Movie(x264(60), "30", 8, "life", sounds=sounds).file(), two, "-seg_duration", "2")
    periods(out, [(one, "5.4"), (two, "")])


@by("shaka")
def periods_advertisement(out):
    """A smaller advertisement between two parts of one recording, with sound in another codec."""
    parts = [out / name for name in ("one", "ad", "two")]
    for folder in parts:
        folder.mkdir()
    shaka(parts[0], both(Movie(seconds=6).file()), "--generate_static_live_mpd")
    ad = Movie(x264(50), seconds=4, scene="mandelbrot", size=(256, 144), sounds=langs("eng", codec=AC3), first=1000)
    ffmpeg_dash("ffmpeg", ad.file(), parts[1], "-seg_duration", "2")
    ffmpeg_dash("ffmpeg", Movie(seconds=6, first=2000).file(), parts[2], "-seg_duration", "2")
    periods(out, [(parts[0], "6"), (parts[1], "4"), (parts[2], "")])


@by("shaka")
def periods_languages(out):
    """The second Period lists its languages in another order."""
    one, two = out / "one", out / "two"
    for folder in (one, two):
        folder.mkdir()
    movie = Movie(seconds=8, sounds=langs("eng", "fra")).file()
    english, french = (movie, "1", "language=en"), (movie, "2", "language=fr")
    shaka(one, [(movie, "0", ""), english, french], "--generate_static_live_mpd")
    run(
        [
            system("ffmpeg"),
            "-v",
            "error",
            "-i",
            movie,
            *"-map 0:0 -map 0:2 -map 0:1 -c copy -f mp4".split(),
            two / "o.mp4",
        ]
    )
    sets = "id=0,streams=0 id=1,streams=1 id=2,streams=2"
    ffmpeg_dash("ffmpeg", two / "o.mp4", two, "-seg_duration", "2", "-adaptation_sets", sets)
    periods(out, [(one, "8"), (two, "")])


@by("shaka")
def periods_codecs(out):
    """HEVC follows H.264."""
    one, two = out / "one", out / "two"
    for folder in (one, two):
        folder.mkdir()
    shaka(one, both(Movie(seconds=6).file()), "--generate_static_live_mpd")
    ffmpeg_dash(
        "ffmpeg", Movie(x265(50, 2, "open-gop=0", *HVC1), seconds=6, first=500).file(), two, "-seg_duration", "2"
    )
    periods(out, [(one, "6"), (two, "")])


# ---- ffmpeg 8.1


@by("ffmpeg8")
def ff8_time_30(out):
    ffmpeg_dash(
        "ffmpeg8", Movie(x264(60, 3, "b-pyramid=normal"), "30", program="ffmpeg8").file(), out, "-seg_duration", "2"
    )


@by("ffmpeg8")
def ff8_hevc_open_gop(out):
    movie = Movie(x265(48, 4, "open-gop=1"), "24000/1001", program="ffmpeg8").file()
    ffmpeg_dash("ffmpeg8", movie, out, "-seg_duration", "2")
    shutil.copy(movie, out / "source.mp4")


@by("ffmpeg8")
def ff8_hvc1_5994(out):
    movie = Movie(x265(120, 3, "open-gop=0", *HVC1), "60000/1001", 10, program="ffmpeg8").file()
    ffmpeg_dash("ffmpeg8", movie, out, "-seg_duration", "2")


@by("ffmpeg8")
def ff8_number_sidx(out):
    movie = Movie(x264(50), program="ffmpeg8").file()
    ffmpeg_dash(
        "ffmpeg8", movie, out, "-seg_duration", "2", "-use_timeline", "0", "-global_sidx", "1", "-single_file", "1"
    )


@by("ffmpeg8", refused="unsupported codec")
def ff8_av1_alone(out):
    movie = Movie(("-c:v", "libsvtav1", "-preset", "12", "-g", "50"), seconds=6, program="ffmpeg8").file()
    ffmpeg_dash("ffmpeg8", movie, out, "-seg_duration", "2")


# ---- GStreamer 1.22


def gst_tracks(movie: Path, parser: str, sound: str = "aacparse", fragment: int = 2000) -> tuple[bytes, bytes]:
    """A movie's picture and sound, each as a fragmented file of mp4mux."""
    with tempfile.TemporaryDirectory() as work:
        found = []
        for pad, parse in (("video_0", parser), ("audio_0", sound)):
            out = Path(work) / f"{pad}.mp4"
            gstreamer(
                "filesrc",
                f"location={movie}",
                "!",
                "qtdemux",
                "name=d",
                f"d.{pad}",
                "!",
                "queue",
                "!",
                parse,
                "!",
                "mp4mux",
                f"fragment-duration={fragment}",
                "!",
                "filesink",
                f"location={out}",
            )
            found.append(out.read_bytes())
    return found[0], found[1]


@by("gstreamer")
def gst_h264(out):
    picture, sound = gst_tracks(Movie(x264(50)).file(), "h264parse")
    listed(out, [Listed("video", picture, "avc1.640014"), Listed("audio", sound, "mp4a.40.2", language="en")])


@by("gstreamer")
def gst_h264_2997_number(out):
    picture, sound = gst_tracks(Movie(x264(60, 3), "30000/1001").file(), "h264parse")
    listed(
        out,
        [Listed("video", picture, "avc1.640014"), Listed("audio", sound, "mp4a.40.2")],
        "number",
        AST,
        rate="30000/1001",
    )


@by("gstreamer")
def gst_hevc(out):
    picture, sound = gst_tracks(Movie(x265(50, 2, "open-gop=0", *HVC1)).file(), "h265parse")
    listed(out, [Listed("video", picture, "hvc1.1.6.L60.90"), Listed("audio", sound, "mp4a.40.2")])


def gst_encoded(movie: Path, *encoder: str, fragment: int = 2000) -> bytes:
    """A movie's picture, encoded anew by an element of GStreamer, as a fragmented file of mp4mux."""
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "v.mp4"
        chain = [
            ["filesrc", f"location={movie}"],
            ["qtdemux"],
            ["h264parse"],
            ["avdec_h264"],
            ["videoconvert"],
            encoder,
            ["h264parse"],
            ["mp4mux", f"fragment-duration={fragment}"],
            ["filesink", f"location={out}"],
        ]
        gstreamer(*[word for element in chain for word in (*element, "!")][:-1])
        return out.read_bytes()


@by("gstreamer")
def gst_openh264(out):
    """Encoded by openh264: no B pictures, its own parameter sets."""
    picture = gst_encoded(Movie(x264(50, 0, "qp=1"), seconds=10).file(), "openh264enc", "gop-size=50", "bitrate=600000")
    _, sound = gst_tracks(Movie(seconds=10).file(), "h264parse")
    listed(out, [Listed("video", picture, "avc1.42c014"), Listed("audio", sound, "mp4a.40.2")])


@by("gstreamer")
def gst_x264(out):
    encoder = ["x264enc", "key-int-max=60", "bframes=2", "b-pyramid=true", "speed-preset=veryfast", "threads=1"]
    picture = gst_encoded(Movie(x264(60, 0, "qp=1"), "30", seconds=10).file(), *encoder, fragment=1000)
    _, sound = gst_tracks(Movie(x264(60), "30", seconds=10).file(), "h264parse", fragment=1000)
    listed(out, [Listed("video", picture, "avc1.640014", 0), Listed("audio", sound, "mp4a.40.2", 2)], rate="30")


# ---- npm: mp4box.js 2.4, mediabunny 1.61, mux.js 7.1


def js(muxer: str, source: Path, argument: object = "") -> bytes:
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "out.mp4"
        node("pack.mjs", muxer, source, out, argument)
        return out.read_bytes()


def apart(movie: Movie) -> tuple[Path, Path]:
    """Picture and sound of a movie as files of their own."""
    return replace(movie, sounds=()).file(), replace(movie, video=()).file()


@by("node")
def mp4boxjs(out):
    picture, sound = apart(Movie())
    tracks = [
        Listed("video", js("mp4box", picture, 50), "avc1.640014"),
        Listed("audio", js("mp4box", sound, 94), "mp4a.40.2"),
    ]
    listed(out, tracks)


@by("node")
def mp4boxjs_hevc_30(out):
    picture, sound = apart(Movie(x265(60, 3, "open-gop=0", *HVC1), "30"))
    tracks = [
        Listed("video", js("mp4box", picture, 30), "hvc1.1.6.L60.90"),
        Listed("audio", js("mp4box", sound, 47), "mp4a.40.2"),
    ]
    listed(out, tracks, "number", AST, rate="30")


@by("node")
def mediabunny(out):
    picture, sound = apart(Movie(x264(50), scene="mandelbrot"))
    tracks = [
        Listed("video", js("mediabunny", picture, 1), "avc1.640014"),
        Listed("audio", js("mediabunny", sound, 2), "mp4a.40.2", language="en"),
    ]
    listed(out, tracks)


@by("node")
def mediabunny_hevc_2997(out):
    picture, sound = apart(Movie(x265(60, 2, "open-gop=0", *HVC1), "30000/1001"))
    tracks = [
        Listed("video", js("mediabunny", picture, 1), "hvc1.1.6.L60.90"),
        Listed("audio", js("mediabunny", sound, 2), "mp4a.40.2"),
    ]
    listed(out, tracks, rate="30000/1001")


def cut_ts(movie: Path, folder: Path) -> None:
    run(
        [
            system("ffmpeg"),
            "-v",
            "error",
            "-i",
            movie,
            "-map",
            "0",
            "-c",
            "copy",
            "-f",
            "segment",
            "-segment_time",
            "1.9",
            "-segment_format",
            "mpegts",
            folder / "%03d.ts",
        ]
    )


@by("node")
def muxjs(out):
    with tempfile.TemporaryDirectory() as work:
        cut_ts(Movie(x264(50)).file(), Path(work))
        picture, sound = (js("muxjs", Path(work), kind) for kind in ("video", "audio"))
    listed(out, [Listed("video", picture, "avc1.640014"), Listed("audio", sound, "mp4a.40.2")])


@by("node")
def muxjs_5994(out):
    with tempfile.TemporaryDirectory() as work:
        cut_ts(Movie(x264(120, 2), "60000/1001", 10).file(), Path(work))
        picture, sound = (js("muxjs", Path(work), kind) for kind in ("video", "audio"))
    listed(
        out, [Listed("video", picture, "avc1.640014"), Listed("audio", sound, "mp4a.40.2")], ast=AST, rate="60000/1001"
    )


# ---- GPAC's MP4Box, where it is installed


@by("mp4box")
def gpac_live(out):
    movie = Movie(x264(60, 2), "30").file()
    mp4box(out, [f"{movie}#video", f"{movie}#audio"], "-dash", "2000", "-rap", "-profile", "live")


@by("mp4box")
def gpac_on_demand(out):
    movie = Movie().file()
    mp4box(out, [f"{movie}#video", f"{movie}#audio"], "-dash", "2000", "-rap", "-profile", "onDemand")


@by("mp4box")
def gpac_frag(out):
    """No tfdt after the first fragment of a segment: ffmpeg loses pictures of it."""
    movie = Movie().file()
    mp4box(out, [f"{movie}#video", f"{movie}#audio"], "-dash", "2000", "-frag", "500", "-rap", "-profile", "live")
    shutil.copy(movie, out / "source.mp4")


@by("mp4box")
def gpac_on_demand_frag(out):
    movie = Movie(x264(50, 3), "25", scene="life").file()
    mp4box(
        out,
        [f"{movie}#video", f"{movie}#audio"],
        "-dash",
        "2000",
        "-frag",
        "500",
        "-rap",
        "-profile",
        "onDemand",
        "-subsegs-per-sidx",
        "2",
    )
    shutil.copy(movie, out / "source.mp4")


@by("mp4box")
def gpac_hevc_5994(out):
    movie = Movie(x265(120, 3, "open-gop=0", *HVC1), "60000/1001", 10).file()
    mp4box(out, [f"{movie}#video", f"{movie}#audio"], "-dash", "2000", "-rap", "-profile", "live")


@by("mp4box")
def gpac_from_ts(out):
    movie = Movie(suffix=".ts").file()
    mp4box(out, [f"{movie}#video", f"{movie}#audio"], "-dash", "2000", "-rap", "-profile", "live")


@by("mp4box")
def gpac_cmaf(out):
    movie = Movie(x264(96, 3), "48", 10).file()
    mp4box(
        out,
        [f"{movie}#video", f"{movie}#audio"],
        "-dash",
        "2000",
        "-profile-ext",
        "urn:mpeg:dash:profile:cmaf:2019",
        "-rap",
        "-profile",
        "live",
    )


@by("mp4box")
def gpac_multi_period(out):
    one, two = Movie(seconds=8).file(), Movie(x264(50, 2, "ref=2"), seconds=8, scene="mandelbrot", first=1000).file()
    sources = [
        f"{path}#{kind}:period={number}:duration=6"
        for number, path in (("one", one), ("two", two))
        for kind in ("video", "audio")
    ]
    mp4box(out, sources, "-dash", "2000", "-rap", "-profile", "live")


@by("mp4box")
def gpac_inband(out):
    movie = Movie(x264(50)).file()
    mp4box(
        out,
        [f"{movie}#video", f"{movie}#audio"],
        "-dash",
        "2000",
        "-bs-switching",
        "inband",
        "-rap",
        "-profile",
        "live",
    )


def init_and_pieces(
    out: Path,
    movie: Path,
    form: str = "time",
    per: int = 1,
    dynamic: bool = False,
    ast: str = "",
    timed: bool = False,
    scale: str = "",
) -> None:
    """Picture and sound of a movie in fragments of ffmpeg's MP4 muxer. `timed`: of 2 s, not of a GOP; `scale`: ticks a
    second of the picture."""
    tracks = []
    kinds = ("v", "a") if b"soun" in movie.read_bytes() else ("v",)
    with tempfile.TemporaryDirectory() as work:
        for kind in kinds:
            path = Path(work) / f"{kind}.mp4"
            by_time = timed or kind == "a"
            flags = "+empty_moov+default_base_moof+delay_moov+skip_trailer" + ("" if by_time else "+frag_keyframe")
            how = ["-movflags", flags, *(["-frag_duration", "2000000"] if by_time else [])]
            how += ["-video_track_timescale", scale] if scale else []
            run([system("ffmpeg"), "-v", "error", "-i", movie, "-map", f"0:{kind}", "-c", "copy", *how, path])
            codecs = "avc1.640014" if kind == "v" else "mp4a.40.2"
            language = "" if kind == "v" else "en"
            tracks.append(Listed("video" if kind == "v" else "audio", path.read_bytes(), codecs, per, language))
    listed(out, tracks, form, ast, dynamic)
