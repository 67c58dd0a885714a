"""The generator tells the truth, and the verifier finds every planted fault."""

import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import cycle, pairwise
from pathlib import Path

import pytest

from . import dash, ffmpeg, forms, marks, nal, quality, reference, ts
from .captions import user_data
from .copied import Joined, expected_copies
from .recording import Recording, cached
from .truth import MS, Frame, Sound, Truth
from .verify import Report, container_faults, spans, verify

MPD = f"{{{dash.NAMESPACE}}}"
# ffmpeg reads fragments with negative composition offsets late by the largest of them, against the standard.
HLS_FORMS = [name for name in forms.FORMS if name.startswith("hls_")]
DASH_FORMS = [name for name in forms.FORMS if not name.startswith(("hls_", "file_"))]
REFERENCE_FORMS = [name for name in DASH_FORMS if name not in {"audio_only", "low_latency"}]


@pytest.fixture(scope="module")
def usual():
    return forms.build("static_time")


@pytest.fixture(scope="module")
def clip(usual, tmp_path_factory):
    return reference.render(usual, Fraction(13, 10), Fraction(3), tmp_path_factory.mktemp("clip") / "good.mp4")


@pytest.mark.parametrize("name, suffix", list(zip(REFERENCE_FORMS, cycle((".mp4", ".ts", ".ts", ".mp4")))))
def test_a_plain_cut_of_every_form_is_what_its_truth_expects(name, suffix, tmp_path):
    recording = forms.build(name)
    start = recording.truth.span()[0] + (Fraction(63, 10) if name == "audio_late" else Fraction(13, 10))
    expected = recording.truth.expected(start, Fraction(3))
    if "uneven" not in name:
        assert len(expected.frames) == round(3 * recording.truth.fps)
    assert all(len(tones) >= 2 for tones in expected.tones)
    clip = reference.render(recording, start, Fraction(3), tmp_path / f"clip{suffix}")
    report = verify(clip, recording.truth.fps, recording.truth.size)
    assert report.problems(expected, max_av_ms=2) == []


@pytest.mark.parametrize("name", HLS_FORMS)
def test_every_object_of_a_playlist_exists_unless_it_is_a_gap(name):
    files = forms.build(name).files
    playlists = [data.decode().splitlines() for name, data in files.items() if name.endswith(".m3u8")]
    named = {line for lines in playlists for line in lines if line[:1] != "#"}
    gaps = {two for lines in playlists for one, two in zip(lines, lines[2:]) if one == "#EXT-X-GAP"}
    assert playlists and len(named) > 2
    assert named - set(files) == gaps


@pytest.mark.parametrize("name", DASH_FORMS)
def test_every_listed_object_exists_unless_it_is_lost(name):
    recording = forms.build(name)
    root = ET.fromstring(recording.files["stream.mpd"])
    for period, model in zip(root.iter(f"{MPD}Period"), recording.manifest.periods):
        base = period.findtext(f"{MPD}BaseURL") or ""
        for track in model.tracks if model.form == "time" else ():
            template = next(r for r in period.iter(f"{MPD}Representation") if r.get("id") == track.rep).find(
                f"{MPD}SegmentTemplate"
            )
            times, at = [], 0
            for s in template.iter(f"{MPD}S"):
                at = int(s.get("t", at))
                for _ in range(int(s.get("r", 0)) + 1):
                    times.append(at)
                    at += int(s.get("d"))
            lost = [s.time for s in track.segments if s.listed and not s.stored]
            names = {f"{base}seg-{track.rep}-{time}.m4s" for time in times if time not in lost}
            assert names <= set(recording.files)
            assert len(times) == sum(s.listed for s in track.segments)


def test_truth_counts_lack_exactly():
    third = Fraction(1001, 30_000)
    frames = [Frame(n, n * third) for n in range(300) if not 100 <= n < 110]
    truth = Truth(
        Fraction(30_000, 1001), frames, [Sound(0, "eng", "mp4a.40.2", Fraction(0), [(Fraction(0), Fraction(10))])]
    )
    assert truth.expected(Fraction(0), Fraction(3)).lack_ms == 0
    hole = truth.expected(Fraction(3), Fraction(1))
    assert hole.lack_ms == 334 and hole.frames == [*range(90, 100), *range(110, 120)]
    beyond = truth.expected(Fraction(89, 10), Fraction(3))
    assert beyond.lack_ms == 1890 and beyond.tones == [[9]]
    inside = truth.expected(100 * third + Fraction(1, 100), Fraction(1, 100))
    assert inside.frames == [] and inside.lack_ms == 10
    shown_before = truth.expected(Fraction(1, 100), Fraction(1, 1000))
    assert shown_before.frames == [] and shown_before.lack_ms == 0


def test_a_lost_first_half_takes_its_gop_along():
    truth = forms.build("gap_in_gop").truth
    alive = [frame.number for frame in truth.frames if frame.decodable]
    assert spans(alive) == "0..125 150..249 300..399"


def test_a_seed_window_is_named_as_in_the_sample_request():
    recording = forms.build("seed")
    request = recording.request(Fraction(792), 9000)
    assert request == {"StartPos": 1562253612833, "StartTime": "792000", "Duration": 9000, "LivePath": forms.SEED_PATH}
    expected = recording.expected(1562253612833, 9000)
    assert expected.frames == list(range(19_800, 20_025)) and expected.lack_ms == 0


def test_a_good_clip_has_no_problem(usual, clip):
    report = verify(clip)
    assert report.problems(usual.truth.expected(Fraction(13, 10), Fraction(3)), max_av_ms=2) == []
    assert (report.video_codec, report.size, report.audio[0].codec) == ("h264", (320, 180), "aac")
    assert quality.clip_psnr(clip, usual, report.numbers) > 38


def _again(clip: Path, out: Path, *args: str) -> Path:
    ffmpeg.run(
        "-i",
        str(clip),
        "-fps_mode",
        "passthrough",
        "-enc_time_base:v",
        "1:90000",
        *args,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-movflags",
        "+faststart",
        str(out),
    )
    return out


PLANTED = {
    "dropped": (["-vf", "select='not(eq(n,30))',setpts=N/25/TB"], "frames 33..62 64..107"),
    "gone at the end": (["-vf", "select='lt(n,74)'"], "frames 33..106"),
    "one too early": (["-vf", "tpad=start=1:start_mode=clone,setpts=N/25/TB"], "repeated"),
    "repeated": (["-vf", "loop=1:1:30,setpts=N/25/TB"], "1 repeated"),
    "backward": (
        [
            "-vf",
            "select='between(n,0,40)',setpts=N/25/TB,split[a][b];[b]trim=end_frame=5,setpts=N/25/TB[c];[a][c]concat",
        ],
        "1 backward",
    ),
    "unreadable": (["-vf", "drawbox=0:0:192:64:gray:fill:enable='eq(n,20)'"], "1 unreadable"),
    "uneven": (["-vf", "setpts='N/25/TB+if(gte(N,30),0.01/TB,0)'"], "1 uneven"),
    "late sound": (["-af", "adelay=40:all=1"], "40."),
    "early sound": (["-af", "atrim=start=0.04,asetpts=PTS-STARTPTS"], "-40."),
    "lost track": (["-map", "0:v"], "0 audio tracks, not 1"),
    "wrong language": (["-metadata:s:a:0", "language=fra"], "audio 0 is fra"),
    "silent": (["-af", "volume=0"], "lacks the tones"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault, usual, clip, tmp_path):
    args, words = PLANTED[fault]
    report = verify(_again(clip, tmp_path / "bad.mp4", *args))
    found = report.problems(usual.truth.expected(Fraction(13, 10), Fraction(3)))
    assert any(words in problem for problem in found), found


def test_a_truncated_clip_is_found(clip, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(clip.read_bytes()[:-20_000])
    assert verify(bad).problems()


def test_damaged_bits_are_found(clip, tmp_path):
    data = bytearray(clip.read_bytes())
    for at in range(len(data) // 2, len(data) // 2 + 4000, 40):
        data[at] ^= 0xFF
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(data)
    assert verify(bad).problems()


def test_a_moov_at_the_end_and_a_broken_ts_are_found(clip, tmp_path):
    ffmpeg.run("-i", str(clip), "-c", "copy", str(tmp_path / "last.mp4"))
    assert "moov" in container_faults(tmp_path / "last.mp4")[0]
    ffmpeg.run("-i", str(clip), "-c", "copy", str(tmp_path / "good.ts"))
    data = (tmp_path / "good.ts").read_bytes()
    assert container_faults(tmp_path / "good.ts") == []
    (tmp_path / "hole.ts").write_bytes(data[: 188 * 100] + data[188 * 101 :])
    assert container_faults(tmp_path / "hole.ts")
    (tmp_path / "cut.ts").write_bytes(data[:-100])
    assert container_faults(tmp_path / "cut.ts") == ["not whole TS packets"]


def test_a_jpeg_is_known_by_its_number_and_its_looks(usual, clip, tmp_path):
    jpeg = tmp_path / "frame.jpg"
    ffmpeg.run("-i", str(clip), "-frames:v", "1", "-q:v", "3", str(jpeg))
    assert quality.jpeg_number(jpeg) == 33
    assert quality.jpeg_psnr(jpeg, clip) > 30
    assert quality.jpeg_source_psnr(jpeg, usual, 33) > 30
    other = tmp_path / "other.jpg"
    ffmpeg.run("-i", str(clip), "-vf", "trim=start_frame=40,hue=h=90:b=1", "-frames:v", "1", str(other))
    assert quality.jpeg_psnr(other, clip) < 30


def test_a_damaged_code_is_never_misread():
    cells = bytearray(b"\xeb" * 24 + b"\x10" * 24)
    assert marks.read_code(bytes(cells)) == 2**24 - 1
    cells[3] = 0x20
    assert marks.read_code(bytes(cells)) is None


def test_audio_across_a_gap_is_placed_on_both_sides(tmp_path):
    recording = forms.build("gap_in_audio")
    expected = recording.truth.expected(Fraction(9, 2), Fraction(6))
    assert expected.tones == [[5, 9, 10]] and expected.lack_ms == 0
    report = verify(reference.render(recording, Fraction(9, 2), Fraction(6), tmp_path / "gap.mp4"))
    assert report.problems(expected, max_av_ms=2) == []


def test_processes_that_make_the_same_recording_share_it(tmp_path):
    count = tmp_path / "count"
    count.mkdir()

    def make(out: Path) -> None:
        (count / out.parent.name).touch()
        time.sleep(0.2)
        out.write_text("made")

    key = ("test", str(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: cached(key, make), range(4)))
    assert len(made) == 1 and made.pop().read_text() == "made"
    before = len(list(count.iterdir()))
    cached(key, make).unlink()
    assert len(list(count.iterdir())) == before


def test_a_recording_moves_with_its_clock():
    late = replace(forms.build("seed").truth, ast_ms=1_000)
    assert late.instant(1_000 + 790_000) == 790 and MS * 1000 == 1


# ---- copies and joins


def _whole(recording: Recording, out: Path, *args: str) -> Report:
    """The first Period's picture track as one file, and what it holds."""
    source = out.with_name("source.mp4")
    source.write_bytes(next(recording.pictures())[0])
    ffmpeg.run("-i", str(source), "-c", "copy", *args, "-movflags", "+faststart", str(out))
    return verify(out, recording.truth.fps, recording.truth.size)


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
@pytest.mark.parametrize("name", ["static_time", "hevc_open", "all_keys", "slices", "uneven", "hdr10"])
def test_a_copied_sample_is_known_by_its_bytes(name, suffix, tmp_path):
    recording = forms.build(name)
    clip = tmp_path / f"clip{suffix}"
    joined = Joined(clip, recording, _whole(recording, clip))
    assert (joined.encoded, joined.problems()) == ([], [])
    assert joined.copied == {frame.number for frame in recording.truth.frames}


def test_an_encoded_frame_is_no_copy(usual, clip):
    joined = Joined(clip, usual, verify(clip))
    assert joined.copied == set() and joined.encoded == list(range(33, 108))
    assert joined.summary() == "encoded 33..107" and joined.problems() == []


def test_a_sample_with_one_other_bit_is_no_copy(usual, tmp_path):
    clip = tmp_path / "clip.mp4"
    report = _whole(usual, clip)
    data = bytearray(clip.read_bytes())
    data[data.rindex(usual.coded[0][-1].units[-1]) + 40] ^= 1
    clip.write_bytes(data)
    assert Joined(clip, usual, report).encoded == [usual.coded[0][-1].frame.number]


def test_slices_may_name_a_parameter_set_by_another_id():
    # first_mb_in_slice 0, slice_type 7, pic_parameter_set_id 0 or 30, and what is behind it.
    one = b"\x65" + int("1" + "0001000" + "1" + "1010101" + "10011001" * 3, 2).to_bytes(5, "big")
    two = b"\x65" + int("1" + "0001000" + "000011111" + "1010101" + "10011001" * 3, 2).to_bytes(6, "big")
    assert nal.is_copy("h264", [two], [one]) and nal.is_copy("h264", [one], [two])
    assert not nal.is_copy("h264", [two[:-1] + b"\x98"], [one])
    assert not nal.is_copy("h264", [b"\x41" + two[1:]], [one])


def test_a_cra_picture_may_be_named_bla_and_get_parameter_sets():
    run = forms.build("hevc_open").coded[0]
    cra = next(picture for picture in run if any(nal.kind("hevc", unit) == nal.CRA for unit in picture.units))
    bla = bytes([nal.BLA_W_LP << 1])
    renamed = [bla + unit[1:] if nal.kind("hevc", unit) == nal.CRA else unit for unit in cra.units]
    sets = [bytes([kind << 1, 1, 7]) for kind in (35, 32, 33, 34)]
    assert nal.is_copy("hevc", [*sets, *renamed], cra.units)
    assert not nal.is_copy("hevc", [*sets, *renamed[:-1]], cra.units)
    assert not nal.is_copy("hevc", [*renamed, renamed[-1]], cra.units)
    assert not nal.is_copy("hevc", run[0].units, cra.units)


EXPECTED_COPIES = {
    ("static_time", "6.33", "10.5"): "200..262",
    # The next pictures of the file are 265, 263, 264, and 265 lies behind the end.
    ("static_time", "6.33", "10.6"): "200..262",
    ("static_time", "8", "8.001"): "200",
    ("static_time", "8.001", "9.9"): "none",
    ("no_b", "6.33", "10.5"): "200..262",
    ("all_keys", "6.33", "6.5"): "159..162",
    # 146 to 149 follow the CRA picture 150 in the file, 196 to 199 the picture 200.
    ("hevc_open", "5.5", "8"): "150..195",
    ("hevc_radl", "5.5", "8.5"): "150..210",
    ("open_gop", "6.33", "10.5"): "none",
    ("long_gop", "3", "12"): "250..298",
    ("multi_period", "6.5", "9"): "200..224",
    ("multi_period", "5", "9"): "150..224",
    ("gap_declared", "4.5", "12"): "250..299",
    ("gap_in_gop", "4.5", "7"): "150..172",
}


@pytest.mark.parametrize("name, start, end", EXPECTED_COPIES)
def test_what_can_be_copied_is_known(name, start, end):
    found = expected_copies(forms.build(name), Fraction(start), Fraction(end))
    assert spans(sorted(found)) == EXPECTED_COPIES[name, start, end]


LOST = {
    "captions": ("captions", ["-bsf:v", "filter_units=remove_types=6"], "frames 0..399 lost SEI messages"),
    "colours": ("tagged", ["-bsf:v", "h264_metadata=transfer_characteristics=8"], "bt709 linear"),
    "pixel shape": ("tagged", ["-c:v", "libx264", "-vf", "setsar=1"], "sar 1/1"),
    "HDR": ("hdr10", ["-bsf:v", "filter_units=remove_types=39"], "lost SEI messages"),
    "range": ("static_time", ["-bsf:v", "h264_metadata=video_full_range_flag=1"], "yuvj420p"),
    "size": ("static_time", ["-c:v", "libx264", "-qp", "8", "-preset", "ultrafast"], "bytes for encoded frames"),
    "scan": ("interlaced", ["-c:v", "libx264", "-preset", "ultrafast", "-vf", "setfield=prog"], "scan P"),
}


@pytest.mark.parametrize("what", LOST)
def test_what_is_lost_on_the_way_is_found(what, tmp_path):
    name, args, words = LOST[what]
    recording, clip = forms.build(name), tmp_path / "clip.mp4"
    found = Joined(clip, recording, _whole(recording, clip, *args)).problems()
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
@pytest.mark.parametrize("name", ["static_time", "mono_44100", "surround", "long_gop"])
def test_samples_of_audio_are_placed_to_the_tenth_of_a_millisecond(name, suffix, tmp_path):
    recording = forms.build(name)
    inputs = []
    for kind in ("video", "audio"):
        (_, track), path = recording.tracks(kind, 0)[0], tmp_path / f"{kind}.mp4"
        path.write_bytes(track.init + b"".join(segment.data for segment in track.segments))
        inputs += ["-itsoffset", "0.005" if kind == "audio" else "0", "-i", str(path)]
    clip = tmp_path / f"clip{suffix}"
    ffmpeg.run(*inputs, "-map", "0", "-map", "1", "-c", "copy", "-movflags", "+faststart", str(clip))
    (offsets,) = Joined(clip, recording, verify(clip)).audio_offsets_ms()
    assert len(offsets) >= len(recording.sound(0)) - 2
    assert all(abs(offset - 5) < 0.1 for offset in offsets), (min(offsets), max(offsets))


@pytest.mark.parametrize("name", ["captions", "hdr10"])
def test_captions_say_which_frame_they_came_with(name):
    recording = forms.build(name)
    for picture in recording.coded[0]:
        said = [payload for what, payload in nal.metadata(recording.truth.codec, picture.units) if what == nal.T35]
        assert said == [user_data(picture.frame.number)]
    data, _ = next(recording.pictures())
    source = ffmpeg.run("-f", "mp4", "-i", "-", "-vf", "showinfo", "-f", "null", "-", stdin=data)
    assert source.stderr.count(b"A53 Part 4 Closed Captions") == 400


def test_emulation_prevention_is_undone():
    for payload in (b"", b"\x00\x00\x00\x00\x01", b"\x00\x00\x03", b"\x01\x00\x00\x02\x00\x00\x00"):
        assert nal.unescaped(nal.escaped(payload)) == payload
        assert b"\x00\x00\x00" not in nal.escaped(payload)


def test_every_sample_of_a_recording_is_told_apart():
    """What is found by its bytes must be there once."""
    for name in forms.FORMS:
        recording = forms.build(name)
        times: dict[bytes, Fraction] = {}
        for k in range(len(recording.truth.sounds)):
            heard = recording.sound(k)
            assert len({data for _, data in heard}) == len(heard) > 300, name
            assert all(times.setdefault(data, pts) == pts for pts, data in heard), name
        shown = [picture.data for run in recording.coded for picture in run]
        assert len(set(shown)) == len(shown), name


def test_faults_of_a_transport_stream_are_found(clip, tmp_path):
    path = tmp_path / "good.ts"
    ffmpeg.run("-i", str(clip), "-c", "copy", str(path))
    good = path.read_bytes()
    assert ts.faults(good) == [] and len([unit for unit in ts.pes(good) if unit.is_video]) == 75
    starts = [at for at in range(0, len(good), 188) if good[at + 1] & 0x40 and good[at + 3] & 0x20]
    announced = bytearray(good)
    announced[starts[5] + 5] |= 0x80
    assert "discontinuity" in ts.faults(bytes(announced))[0]
    begins = (k for k in range(len(good) // 2, len(good)) if good[k : k + 4] == b"\x00\x00\x01\xe0")
    at = next(k for k in begins if good[k + 7] >> 6 == 3)
    late = bytearray(good)
    late[at + 14 : at + 19] = late[at + 9 : at + 10] + b"\xff\xff\xff\xff"
    found = ts.faults(bytes(late))
    assert any("decoded at" in fault for fault in found) and any("goes from" in fault for fault in found), found


def test_a_track_that_is_silent_in_the_window_is_left_out():
    truth = forms.build("audio_late").truth
    assert truth.expected(Fraction(1), Fraction(3)).tracks == []
    assert truth.expected(Fraction(1), Fraction(5)).tracks == [0]
    assert forms.build("multi_audio").truth.expected(Fraction(1), Fraction(3)).tracks == [0, 1, 2]


def test_a_frame_is_on_display_until_the_next():
    recording = forms.build("uneven")
    expected = recording.truth.expected(Fraction(1), Fraction(1, 2))
    steps = {round(float(b - a) * 1000) for a, b in pairwise(expected.times)}
    assert expected.lack_ms == 0 and steps == {20, 80}
    assert recording.truth.expected(Fraction(107, 100), Fraction(1, 100)).lack_ms == 0


def test_a_clip_with_another_rhythm_is_found(tmp_path):
    recording = forms.build("uneven")
    report = _whole(recording, tmp_path / "clip.mp4")
    expected = replace(recording.truth.expected(Fraction(0), Fraction(20)), tones=[], languages=[])
    assert report.problems(expected) == []
    report = _whole(recording, tmp_path / "bad.mp4", "-bsf:v", "setts=ts=N*400")
    assert any("uneven" in problem for problem in report.problems(expected))


def test_likeness_is_measured_against_what_was_drawn(usual, clip):
    numbers = list(range(33, 108))
    whole = quality.likeness(clip, usual, numbers, numbers)
    assert whole.source == quality.chosen_psnr(clip, usual, numbers, numbers)
    assert abs(whole.source - quality.clip_psnr(clip, usual, numbers)) < 0.01
    assert whole.pristine < whole.recorded < whole.source
    shifted = quality.likeness(clip, usual, [number + 1 for number in numbers], numbers[1:])
    assert shifted.source < whole.source - 3 and shifted.recorded == pytest.approx(whole.recorded, abs=0.5)
