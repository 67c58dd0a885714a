"""The catalogue of recordings: one function a form, named as the form."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from . import dash, ffmpeg, hls
from .encode import Audio, Video
from .recording import Recording, cached, encoded, iso, recorded

SECONDS = 16
AST_MS = 1_562_252_820_833  # 2019-07-04T15:07:00.833Z
SEED_PATH = "mp4/55524C2004E/55524C2041268-6bdb82b53e0a/1/stream.mpd"
CODECS = {
    "h264": "avc1", "hevc": "hvc1", "aac": "mp4a.40.2", "ac3": "ac-3", "opus": "opus", "pcm_s16le": "ipcm"
}  # fmt: skip
HDR10 = (
    "hdr10=1:repeat-headers=1:max-cll=1000,400:"
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
)
# Pictures 20 to 80 ms apart, and every fourth second all of them: nothing repeats within a GOP.
UNEVEN = "gt(mod((n+2)*(n+2),7),1)+eq(mod(floor(n/50),4),3)"
TRICK_MODE = (
    '<AdaptationSet contentType="video">'
    '<EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode" value="0"/>'
    '<Representation id="trick" mimeType="video/mp4" codecs="avc1.64000d" bandwidth="2000000" width="640" height="360">'
    '<SegmentTemplate timescale="1" duration="2" initialization="trick.mp4" media="trick-$Number$.m4s"/>'
    "</Representation></AdaptationSet>"
)
FORMS: dict[str, Callable[[], Recording]] = {}


def form(build: Callable[[], Recording]) -> Callable[[], Recording]:
    FORMS[build.__name__] = build
    return build


def build(name: str) -> Recording:
    """One recording of the catalogue; raises KeyError for an unknown name."""
    return FORMS[name]()


# ---- parts


def picture(spec: Video, rep: str = "0", per_segment: int = 1) -> dash.Track:
    """A video track in segments."""
    size = (spec.width, spec.height)
    blank = dash.Track(rep, "video", CODECS[spec.codec], b"", 0, 0, [], size=size, fps=spec.fps, spec=spec)
    track = dash.cut(encoded(spec), blank, per_segment)
    if spec.codec == "h264":
        # Profile, constraints and level, as RFC 6381 writes them, are the second to fourth byte of avcC.
        at = track.init.index(b"avcC") + 5
        track.codecs = f"avc1.{track.init[at : at + 3].hex()}"
    else:
        profile = track.init[track.init.index(b"hvcC") + 5] & 0x1F
        track.codecs = f"hvc1.{profile}.{6 if profile == 1 else 4}.L60.90"
    return track


def sound(spec: Audio, rep: str | None = None) -> dash.Track:
    """An audio track in segments of about two seconds."""
    blank = dash.Track(
        rep or str(1 + spec.track),
        "audio",
        CODECS[spec.codec],
        b"",
        0,
        0,
        [],
        spec.language,
        bandwidth=96_000,
        rate=spec.rate,
    )
    return dash.cut(encoded(spec), blank)


def plain_audio(seconds: int = SECONDS, **spec) -> dash.Track:
    rate = spec.get("rate", 48_000)
    return sound(Audio(samples=seconds * rate, **spec))


def usual(name: str, video: Video, audio: list[dash.Track] | None = None, **options) -> Recording:
    """A static recording of one Period."""
    addressing = options.pop("form", "time")
    tracks = [picture(video), *([plain_audio()] if audio is None else audio)]
    seconds = video.count / video.fps + options.get("frame_shift", 0)
    manifest = dash.Manifest([dash.Period(tracks, addressing)], duration=seconds)
    return recorded(name, manifest, first=video.first, fps=video.fps, codec=video.codec, **options)


def heavy() -> Recording:
    """12 Mb/s: a clip of four seconds is uploaded in parts."""
    return usual("heavy", Video(noise=40, rate="12000k"))


def wide() -> Recording:
    """Larger than the others: encoding four seconds of it is estimated to take more than one."""
    return usual("wide", Video(width=960, height=540), size=(960, 540))


def by_ffmpeg(name: str, timeline: bool) -> Recording:
    """Segments and MPD as ffmpeg's own DASH muxer writes them."""

    def make(out) -> None:
        out.mkdir()
        inputs = []
        for k, data in enumerate((encoded(Video()), encoded(Audio(SECONDS * 48_000)))):
            (out.parent / f"{k}.mp4").write_bytes(data)
            inputs += ["-i", str(out.parent / f"{k}.mp4")]
        label = "$Time$" if timeline else "$Number%05d$"
        names = [
            "-init_seg_name",
            "init-$RepresentationID$.mp4",
            "-media_seg_name",
            f"seg-$RepresentationID$-{label}.m4s",
        ]
        style = ["-seg_duration", "2", "-use_template", "1", "-use_timeline", str(int(timeline)), *names]
        ffmpeg.run(*inputs, "-map", "0:v", "-map", "1:a", "-c", "copy", "-f", "dash", *style, str(out / "stream.mpd"))

    folder = cached(("dash muxer", Video(), timeline), make)
    # ffmpeg names the first audio file by its priming's negative time, and lists it as 0.
    files = {path.name.replace("--1024.", "-0."): path.read_bytes() for path in folder.iterdir()}
    tracks = []
    for rep, kind, codec in (("0", "video", "h264"), ("1", "audio", "aac")):
        names = sorted(
            (n for n in files if n.startswith(f"seg-{rep}-")), key=lambda n: int(n.split("-")[2].partition(".")[0])
        )
        data = files[f"init-{rep}.mp4"] + b"".join(files[name] for name in names)
        blank = dash.Track(rep, kind, CODECS[codec], b"", 0, 0, [])
        if kind == "video":
            blank = replace(blank, spec=Video(), size=(Video.width, Video.height))
        tracks.append(dash.cut(data, blank))
    period = dash.Period(tracks, "time" if timeline else "number")
    return replace(recorded(name, dash.Manifest([period]), first=0, fps=Fraction(25)), files=files)


def losing(
    name: str, video_lost: list[int], audio_lost: list[int], *, listed: bool, video: Video = Video(), **options
) -> Recording:
    """A dynamic recording whose segments at these indexes are gone."""
    tracks = [picture(video).without(video_lost, listed=listed), plain_audio().without(audio_lost, listed=listed)]
    manifest = dash.Manifest(
        [dash.Period(tracks, options.pop("form", "time"))], dynamic=True, availability_start=iso(AST_MS)
    )
    return recorded(name, manifest, first=0, fps=video.fps, ast_ms=AST_MS, **options)


# ---- addressing


@form
def static_time() -> Recording:
    return by_ffmpeg("static_time", timeline=True)


@form
def static_number() -> Recording:
    return by_ffmpeg("static_number", timeline=False)


@form
def dynamic_growing() -> Recording:
    """The last two segments are neither listed nor stored yet."""
    return losing("dynamic_growing", [-1, -2], [-1, -2], listed=False)


@form
def dynamic_number() -> Recording:
    """A numbered MPD without an end: nothing in it says that the last files are missing."""
    return losing("dynamic_number", [-1, -2, -3], [-1, -2, -3], listed=True, form="number")


@form
def segment_list() -> Recording:
    """Object names with a space, percent-encoded in the MPD."""
    return usual("segment_list", Video(), form="list")


@form
def single_file() -> Recording:
    """One file a track with a sidx, and no edit list: the picture starts two frames late, the sound one AAC frame."""
    shift, lag = Fraction(2, 25), Fraction(1024, 48_000)
    made = usual("single_file", Video(edits=False), [plain_audio(edits=False)], form="single", frame_shift=shift)
    return _late_audio(made, lag)


def _late_audio(made: Recording, lag: Fraction) -> Recording:
    sounds = [replace(s, shift=lag) for s in made.truth.sounds]
    return replace(made, truth=replace(made.truth, sounds=sounds))


@form
def offset() -> Recording:
    """Media time runs 1000 s ahead of presentation time; no edit lists: @presentationTimeOffset carries it all."""
    video, audio = picture(Video(edits=False)).moved(1000 * 12_800), plain_audio(edits=False).moved(1000 * 48_000)
    video.offset, audio.offset = 1000 * 12_800 + 1024, 1000 * 48_000 + 1024
    manifest = dash.Manifest([dash.Period([video, audio])], duration=Fraction(SECONDS))
    return recorded("offset", manifest, first=0, fps=Fraction(25))


@form
def multi_period() -> Recording:
    """An encoder restarted after 8 s with other parameter sets, its files in another folder and its clock at 10 s."""
    second = Video(count=200, first=200, bframes=0, profile="main", preset="fast", extra="ref=1:cabac=0")
    halves = []
    for k, spec in enumerate((Video(count=200), second)):
        tracks = [picture(spec), sound(Audio(8 * 48_000, first=k * 8 * 48_000))]
        for track in tracks if k else ():
            track.offset = 10 * track.timescale
        tracks = [track.moved(track.offset) for track in tracks]
        halves.append(dash.Period(tracks, start=Fraction(8 * k), base=f"p{k}/", duration=Fraction(8)))
    return recorded("multi_period", dash.Manifest(halves, duration=Fraction(16)), first=0, fps=Fraction(25))


@form
def multi_period_sizes() -> Recording:
    """An encoder restarted with a smaller picture: what it shows is the same, scaled."""
    halves = []
    for k in range(2):
        small = {"width": 256, "height": 144, "drawn": (320, 180)} if k else {}
        tracks = [picture(Video(count=200, first=200 * k, **small)), sound(Audio(8 * 48_000, first=k * 8 * 48_000))]
        halves.append(dash.Period(tracks, start=Fraction(8 * k), base=f"p{k}/", duration=Fraction(8)))
    return recorded("multi_period_sizes", dash.Manifest(halves, duration=Fraction(16)), first=0, fps=Fraction(25))


@form
def epoch() -> Recording:
    """Media time is wall-clock time: availabilityStartTime is 1970."""
    base = 1_562_253_612
    tracks = [picture(Video()).moved(base * 12_800), plain_audio().moved(base * 48_000)]
    manifest = dash.Manifest([dash.Period(tracks)], dynamic=True, availability_start="1970-01-01T00:00:00Z")
    return recorded("epoch", manifest, first=0, fps=Fraction(25), ast_ms=0)


def seconds_into(name: str, start: int, seconds: int, live_path: str = "", ast_ms: int = AST_MS, **spec) -> Recording:
    """A dynamic recording of which only the seconds from `start` on are stored: numbers, tones and media time count
    from its beginning."""
    video = Video(count=seconds * 25, first=start * 25, **spec)
    tracks = [
        picture(video).moved(start * 12_800),
        sound(Audio(seconds * 48_000, first=start * 48_000)).moved(start * 48_000),
    ]
    manifest = dash.Manifest([dash.Period(tracks)], dynamic=True, availability_start=iso(ast_ms))
    return recorded(name, manifest, first=video.first, fps=video.fps, live_path=live_path, ast_ms=ast_ms)


@form
def seed() -> Recording:
    """What the sample request of the API's description names: 9 s from minute 13:12 on."""
    return seconds_into("seed", 786, 18, SEED_PATH)


# ---- losses


@form
def gap_declared() -> Recording:
    """Two segments lost; the time line jumps over them."""
    return losing("gap_declared", [3, 4], [3, 4], listed=False)


@form
def gap_silent() -> Recording:
    """The same loss, but the MPD still lists them."""
    return losing("gap_silent", [3, 4], [3, 4], listed=True)


@form
def gap_in_gop() -> Recording:
    """Segments of half a GOP that end between a P picture and its B pictures. One second half is lost, and one first
    half, which takes the second with it."""
    return losing("gap_in_gop", [5, 10], [], listed=True, video=Video(chunk_ms=1080))


@form
def gap_in_audio() -> Recording:
    """Only sound is lost."""
    return losing("gap_in_audio", [], [3], listed=True)


# ---- tracks


@form
def multi_audio() -> Recording:
    tracks = [plain_audio(track=k, language=language) for k, language in enumerate(("eng", "fra", "jpn"))]
    return usual("multi_audio", Video(), tracks)


@form
def audio_late() -> Recording:
    """Sound starts 5 s after the picture."""
    track = sound(Audio(11 * 48_000, first=5 * 48_000)).moved(5 * 48_000)
    return usual("audio_late", Video(), [track])


@form
def mono_44100() -> Recording:
    return usual("mono_44100", Video(), [plain_audio(rate=44_100, channels=1)])


@form
def surround() -> Recording:
    return usual("surround", Video(), [plain_audio(channels=6)])


@form
def ac3() -> Recording:
    return usual("ac3", Video(), [plain_audio(codec="ac3")])


@form
def video_only() -> Recording:
    return usual("video_only", Video(), [])


@form
def audio_only() -> Recording:
    manifest = dash.Manifest([dash.Period([plain_audio()])], duration=Fraction(SECONDS))
    return recorded("audio_only", manifest, first=0, fps=Fraction(25), codec="")


@form
def ladder() -> Recording:
    """A smaller Representation that claims more bandwidth, the real one, and a larger trick-mode set without files."""
    small = picture(Video(width=256, height=144), rep="small")
    small.bandwidth = 900_000
    period = dash.Period([small, picture(Video()), plain_audio()], extra_sets=TRICK_MODE)
    return recorded("ladder", dash.Manifest([period], duration=Fraction(SECONDS)), first=0, fps=Fraction(25))


# ---- pictures


@form
def irregular() -> Recording:
    """Key frames 0.4 s to 5.96 s apart; segments follow them."""
    return usual("irregular", Video(keys="0,0.4,3.16,4,9.96,10.36,15", gop=150, bframes=3))


@form
def open_gop() -> Recording:
    """H.264 recovery points: only the first key frame is an IDR."""
    return usual("open_gop", Video(extra="open-gop=1", bframes=3))


@form
def no_b() -> Recording:
    return usual("no_b", Video(bframes=0))


@form
def ntsc() -> Recording:
    return usual("ntsc", Video(fps=Fraction(30_000, 1001), count=480, gop=60))


@form
def ntsc_fast() -> Recording:
    """59.94 frames a second with two reordered pictures."""
    return usual("ntsc_fast", Video(fps=Fraction(60_000, 1001), count=960, gop=120, bframes=3))


@form
def uneven() -> Recording:
    """Variable frame rate with B pictures."""
    return usual("uneven", Video(fps=Fraction(50), count=800, keep=UNEVEN))


@form
def uneven_no_b() -> Recording:
    return usual("uneven_no_b", Video(fps=Fraction(50), count=800, keep=UNEVEN, bframes=0))


@form
def all_keys() -> Recording:
    """Every picture is an IDR picture. Segments of two seconds."""
    tracks = [picture(Video(gop=1, bframes=0, noise=2), per_segment=50), plain_audio()]
    manifest = dash.Manifest([dash.Period(tracks)], duration=Fraction(SECONDS))
    return recorded("all_keys", manifest, first=0, fps=Fraction(25))


@form
def long_gop() -> Recording:
    """GOPs of ten seconds in segments of two: most begin without a random access point."""
    return usual("long_gop", Video(count=600, gop=250, chunk_ms=2000), [plain_audio(24)])


@form
def gops_in_segment() -> Recording:
    """Three GOPs in each fragment, one fragment a segment."""
    return usual("gops_in_segment", Video(gop=20, chunk_ms=2400, key_starts=False))


@form
def slices() -> Recording:
    """Four slices a picture."""
    return usual("slices", Video(extra="slices=4"))


@form
def flagged_interlaced() -> Recording:
    """Progressive pictures whose parameter sets allow fields: 25p in 50i."""
    return usual("flagged_interlaced", Video(extra="fake-interlaced=1"))


@form
def interlaced() -> Recording:
    """50i: macroblock-adaptive frames of two fields, the upper one first."""
    return usual("interlaced", Video(extra="tff=1", fields=True, noise=2))


@form
def ten_bit() -> Recording:
    return usual("ten_bit", Video(pixels="yuv420p10le"))


@form
def captions() -> Recording:
    """Closed captions (A/53) in every picture."""
    return usual("captions", Video(captions=True))


@form
def tagged() -> Recording:
    """Pixels that are not square, and colours as BT.709 defines them."""
    tags = "setsar=4/3,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    return usual("tagged", Video(tags=tags))


@form
def low_latency() -> Recording:
    """CMAF chunks: several fragments a segment, and negative composition offsets instead of an edit list."""
    tracks = [picture(Video(chunk_ms=480, negative_offsets=True), per_segment=5), plain_audio()]
    return recorded(
        "low_latency", dash.Manifest([dash.Period(tracks)], duration=Fraction(SECONDS)), first=0, fps=Fraction(25)
    )


@form
def hevc() -> Recording:
    return usual("hevc", Video(codec="hevc", extra="open-gop=0"))


@form
def hevc_open() -> Recording:
    """CRA pictures with RASL pictures."""
    return usual("hevc_open", Video(codec="hevc", extra="open-gop=1", bframes=4))


@form
def hevc_radl() -> Recording:
    """IDR pictures with leading pictures that can be decoded."""
    return usual("hevc_radl", Video(codec="hevc", extra="open-gop=0:radl=2", bframes=4))


@form
def hevc_ten_bit() -> Recording:
    return usual("hevc_ten_bit", Video(codec="hevc", extra="open-gop=0", pixels="yuv420p10le"))


@form
def hdr10() -> Recording:
    """PQ in BT.2020 with mastering display and light level at each IDR picture, and captions in every picture."""
    tags = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
    deep = Video(codec="hevc", extra=f"open-gop=0:{HDR10}", pixels="yuv420p10le", tags=tags, captions=True)
    return usual("hdr10", deep)


# ---- the same under HLS playlists


@form
def hls_dated() -> Recording:
    return hls.listed(multi_audio(), "hls_dated", hls.Style(zone="+0000"))


@form
def hls_undated() -> Recording:
    """Without a date time counts from the first segment."""
    return hls.listed(static_time(), "hls_undated", hls.Style(lambda at: False))


@form
def hls_rounded() -> Recording:
    """29.97 fps, one date, and lengths in whole seconds."""
    return hls.listed(ntsc(), "hls_rounded", hls.Style(lambda at: at == 0, lambda length: str(round(length))))


@form
def hls_sections() -> Recording:
    return hls.listed(multi_period(), "hls_sections", hls.Style(lambda at: at == 0))


@form
def hls_open_gop() -> Recording:
    return hls.listed(hevc_open(), "hls_open_gop", hls.Style(lambda at: at % 3 == 0))


@form
def hls_gap() -> Recording:
    return hls.listed(gap_declared(), "hls_gap", hls.Style())


@form
def hls_ranges() -> Recording:
    return hls.listed(static_time(), "hls_ranges", hls.Style(single=True))


@form
def hls_ts() -> Recording:
    return hls.transported(multi_audio(), "hls_ts")


@form
def hls_ts_open_gop() -> Recording:
    """With packed audio."""
    return hls.transported(hevc_open(), "hls_ts_open_gop", packed=True)


@form
def file_mp4() -> Recording:
    return hls.filed(hevc_open(), "file_mp4", "stream.mp4", "-metadata:s:a:0", "language=eng")


@form
def file_mp4_index() -> Recording:
    """In fragments that an index at its beginning lists."""
    flags = ("-movflags", "dash+global_sidx+frag_keyframe+delay_moov", "-metadata:s:a:0", "language=eng")
    return hls.filed(static_time(), "file_mp4_index", "stream.mp4", *flags)


@form
def file_ts() -> Recording:
    return hls.filed(multi_audio(), "file_ts", "stream.ts")
