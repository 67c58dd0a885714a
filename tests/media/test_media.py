"""The generator tells the truth, and the verifier finds every planted fault."""

import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from . import dash, ffmpeg, forms, marks, quality, reference
from .recording import cached
from .truth import MS, Frame, Sound, Truth
from .verify import container_faults, spans, verify

MPD = f"{{{dash.NAMESPACE}}}"
# ffmpeg reads fragments with negative composition offsets late by the largest of them, against the standard.
REFERENCE_FORMS = [name for name in forms.FORMS if name not in {"audio_only", "low_latency"}]


@pytest.fixture(scope="module")
def usual():
    return forms.build("static_time")


@pytest.fixture(scope="module")
def clip(usual, tmp_path_factory):
    return reference.render(usual, Fraction(13, 10), Fraction(3), tmp_path_factory.mktemp("clip") / "good.mp4")


@pytest.mark.parametrize("name", REFERENCE_FORMS)
def test_a_plain_cut_of_every_form_is_what_its_truth_expects(name, tmp_path):
    recording = forms.build(name)
    start = recording.truth.span()[0] + (Fraction(63, 10) if name == "audio_late" else Fraction(13, 10))
    expected = recording.truth.expected(start, Fraction(3))
    assert len(expected.frames) == round(3 * recording.truth.fps)
    assert all(len(tones) >= 2 for tones in expected.tones)
    for suffix in (".mp4", ".ts"):
        report = verify(
            reference.render(recording, start, Fraction(3), tmp_path / f"clip{suffix}"), recording.truth.fps
        )
        assert report.problems(expected, max_av_ms=2) == []


@pytest.mark.parametrize("name", forms.FORMS)
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


def test_sound_across_a_gap_is_placed_on_both_sides(tmp_path):
    recording = forms.build("gap_in_sound")
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
