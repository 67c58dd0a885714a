"""MP4 clips as others see them: a browser plays them, a parser that is neither ours nor ffmpeg's reads them."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from hashlib import md5
from pathlib import Path

import pytest

from media import boxes, ffmpeg, nal
from media.copied import expected_copies
from media.recording import Recording
from media.truth import MS, Expected

from . import checks, movie
from .browser import chromium
from .conftest import RUN

# Start and duration in ms: each begins and ends within a GOP.
WINDOWS = {
    "static_time": (3300, 3300),
    "multi_period": (5300, 3900),
    "gap_silent": (4700, 6500),
    "all_keys": (2310, 2500),
    "multi_audio": (1900, 3300),
    "audio_late": (3300, 3300),
    "hevc": (3300, 3300),
}
# `hev1` is refused by some players.
ENTRIES = {"h264": {"avc1", "avc3"}, "hevc": {"hvc1"}}
PLAYED = ("static_time", "multi_period", "gap_silent")
PACKET = re.compile(r"0, *-?\d+, *(-?\d+), *\d+, *\d+, *(\w+)")


@dataclass(frozen=True)
class Clip:
    """A finished export of [start, end) s."""

    path: Path
    recording: Recording
    start: Fraction
    end: Fraction
    expected: Expected

    @property
    def fps(self) -> Fraction:
        return self.recording.truth.fps

    def joins(self) -> set[int]:
        """Numbers of the frames in front of which a copy may begin or end."""
        keys = {picture.frame.number for run in self.recording.coded for picture in run if picture.key}
        copies = expected_copies(self.recording, self.start, self.end)
        return (keys | {number + 1 for number in copies if number + 1 not in copies}) & set(self.expected.frames)


@pytest.fixture(scope="module")
def clips(stack, recorded, tmp_path_factory) -> dict[str, Clip]:
    """A clip of every form in `WINDOWS`, as recorded."""

    def export(form: str) -> Clip:
        recording, (start, duration) = recorded(form), WINDOWS[form]
        body = stack.request(
            recording, start * MS, duration, f"players-{form}-{RUN}", storage_info=stack.storage("mp4"), export_type=0
        )
        expected = checks.expected_of(recording, start * MS, duration)
        answer = stack.finish(body)
        checks.ready(answer, expected)
        path = stack.fetch(answer.body["VideoPath"], tmp_path_factory.mktemp(form))
        return Clip(path, recording, start * MS, (start + duration) * MS, expected)

    for form in WINDOWS:
        recorded(form)
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(WINDOWS, pool.map(export, WINDOWS)))


# ---- a browser


@pytest.fixture(scope="module")
def shown(clips) -> dict[str, chromium.Showing]:
    """What a browser showed of each clip, filled as it is asked for."""
    if not chromium.executable():
        if os.environ.get("BROWSER") == "1":
            pytest.fail("BROWSER=1, but there is no Chromium")
        pytest.skip("there is no Chromium; Debian has it as the package `chromium`")
    return {}


@pytest.fixture
def showing(request, clips, shown) -> tuple[Clip, chromium.Showing, list[tuple[int, Fraction]]]:
    """A clip, what the browser made of it, and the (frame number, time) that it was told to seek."""
    clip = clips[request.param]
    targets = seek_targets(clip)
    if request.param not in shown:
        seeks = [float(time) for _, time in targets]
        shown[request.param] = chromium.show(clip.path, len(clip.expected.frames), seeks)
    return clip, shown[request.param], targets


def seek_targets(clip: Clip) -> list[tuple[int, Fraction]]:
    """(frame number, time on the clip's clock) of the start, the middle and the end of every frame around a join, and
    of the clip's first and last ones."""
    frames = clip.expected.frames
    near = {k + step for k, number in enumerate(frames) if number in clip.joins() for step in (-1, 0, 1)}
    near |= {0, 1, *range(len(frames) - 5, len(frames))}
    within = (MS, 1 / clip.fps / 2, 1 / clip.fps - MS)
    return [(frames[k], k / clip.fps + step) for k in sorted(near & set(range(len(frames)))) for step in within]


played = pytest.mark.parametrize("showing", PLAYED, indirect=True)


@played
def test_a_browser_shows_every_frame_in_its_turn(showing):
    clip, seen, _ = showing
    pictures = seen.played()
    assert [picture.number for picture in pictures] == clip.expected.frames
    off = [float(picture.time - k / clip.fps) for k, picture in enumerate(pictures)]
    assert max(map(abs, off)) < 0.001
    for play in seen.plays:
        numbers = [picture.number for picture in play]
        assert numbers == sorted(set(numbers)), "a frame was shown again or too early"


@played
def test_a_browser_finds_each_frame_around_a_join_when_it_seeks(showing):
    _, seen, targets = showing
    wrong = [
        f"{picture.number} at {float(time):.3f} s, not {number}"
        for picture, (number, time) in zip(seen.sought, targets, strict=True)
        if picture.number != number
    ]
    assert not wrong


@played
def test_a_browser_knows_size_and_duration_and_reads_by_ranges(showing):
    clip, seen, _ = showing
    assert seen.size == clip.recording.truth.size
    assert seen.duration == pytest.approx(float(len(clip.expected.frames) / clip.fps), abs=0.001)
    assert seen.ranges


# ---- another parser


@pytest.fixture(params=WINDOWS)
def parsed(request, clips) -> tuple[Clip, movie.Movie]:
    clip = clips[request.param]
    return clip, movie.read(clip.path)


def test_another_parser_finds_the_same_samples(parsed):
    clip, found = parsed
    data = clip.path.read_bytes()
    for k, (track, trak) in enumerate(zip(found.tracks, boxes.find(data, b"moov", b"trak"), strict=True)):
        samples = [(each.pts, each.entry, data[each.begin : each.end]) for each in track.samples]
        assert samples == [(each.pts, each.entry, each.data) for each in boxes.stored(data, trak)]
        assert [(pts, md5(sample).hexdigest()) for pts, _, sample in samples] == packets(clip.path, k)


def packets(clip: Path, stream: int) -> list[tuple[int, str]]:
    """(composition time in track ticks, MD5) of every sample of a stream as ffmpeg reads it, its edits ignored."""
    args = ["-copyts", "-ignore_editlist", "1", "-i", str(clip), "-map", f"0:{stream}", "-c", "copy"]
    text = ffmpeg.run(*args, "-f", "framehash", "-hash", "md5", "-").stdout.decode()
    return [(int(m[1]), m[2]) for m in PACKET.finditer(text)]


def test_samples_fill_the_payload_and_use_every_sample_entry(parsed):
    _, found = parsed
    assert found.kinds == ["ftyp", "moov", "mdat"]
    places = sorted((sample.begin, sample.end) for track in found.tracks for sample in track.samples)
    assert [found.payload[0], *(end for _, end in places)] == [*(begin for begin, _ in places), found.payload[1]]
    for track in found.tracks:
        assert {sample.entry for sample in track.samples} == set(range(len(track.entries)))


def test_tracks_are_those_of_the_recording(parsed):
    clip, found = parsed
    truth = clip.recording.truth
    audio = [track for track in found.tracks if track.handler == "soun"]
    assert [track.language for track in audio] == clip.expected.languages
    assert [track.enabled for track in audio] == [True] + [False] * (len(audio) - 1)
    assert {kind for kind, _ in found.picture.entries} <= ENTRIES[truth.codec]
    sizes = {(fields["visual"]["width"], fields["visual"]["height"]) for _, fields in found.picture.entries}
    assert sizes == {truth.size}
    for track in audio:
        ((kind, _),) = track.entries
        # A decoder needs the AAC frame before: 14496-3's encoder delay, 14496-12 10.1.
        assert track.roll == ({-1: len(track.samples)} if kind == "mp4a" else {})


def test_sync_samples_are_those_that_a_decoder_may_start_with(parsed):
    clip, found = parsed
    data = clip.path.read_bytes()
    codec = clip.recording.truth.codec
    starts = [nal.starts_anew(codec, nal.of_sample(data[each.begin : each.end])) for each in found.picture.samples]
    assert [sample.sync for sample in found.picture.samples] == starts
    assert all(sample.sync for track in found.tracks if track.handler == "soun" for sample in track.samples)


def test_edits_show_every_picture_once_and_audio_for_as_long(parsed):
    clip, found = parsed
    pictures = movie.presented(found, found.picture)
    assert [sample for _, sample in pictures] == sorted(found.picture.samples, key=lambda sample: sample.pts)
    assert [time for time, _ in pictures] == [k / clip.fps for k in range(len(clip.expected.frames))]
    assert Fraction(found.duration, found.timescale) == len(pictures) / clip.fps
    for track in found.tracks:
        assert track.duration == sum(edit.duration for edit in track.edits) <= found.duration
        media = max(sample.pts for sample in track.samples)
        assert all(edit.media_time <= media for edit in track.edits if edit.media_time is not None)
        assert found.duration - track.duration <= found.timescale / 20
