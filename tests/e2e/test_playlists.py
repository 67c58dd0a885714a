"""Clips as playlists: init segment, made ends and recorded segments are exactly the window, for who has the key.

`make soak-playlists` tries more windows, and has each player play more.
"""

import html
import os
import random
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from media import forms, playlists, verify
from media.hls import LivePlaylists
from media.recording import Live, Recording
from media.truth import MS

from . import checks
from .browser import chromium
from .conftest import RUN, SEED
from .stack import Answer, Stack, ask

# In each of these a window anywhere has a playlist.
LISTED = (
    "hls_dated",
    "hls_ranges",
    "hls_rounded",
    "static_time",
    "static_number",
    "segment_list",
    "single_file",
    "multi_audio",
    "no_b",
    "ntsc_fast",
    "captions",
    "long_gop",
    "gops_in_segment",
    "slices",
    "epoch",
    "low_latency",
)
# A window, in ms, and why it has none.
UNLISTED = {
    "flagged_interlaced": (3300, 3300, "interlaced"),
    "interlaced": (3300, 3300, "encoded"),
    "hevc": (3300, 3300, "codec"),
    "gap_declared": (2000, 9000, "hole"),
    "multi_period": (7000, 2000, "periods"),
    "offset": (3300, 3300, "audio"),
}
# Played by browsers.
PLAYED = ("static_time", "multi_audio", "gops_in_segment", "ntsc_fast")
LINK = re.compile(r"https?://[^\"\n<]+")
# Playlists of tracks that one of variants names, and the key in an address.
MEDIA = re.compile(r"[a-z0-9-]+\.m3u8")
KEY = re.compile(r"\?key=[^\"\n<]*")
COUNT = int(os.environ.get("PLAYLIST_WINDOWS") or 26)
PLAYED_MORE = bool(os.environ.get("PLAYER_WINDOWS"))
# ffmpeg shows pictures with negative composition offsets late, in the recording as well: only their numbers count.
LATE = {"low_latency"}


def window(index: int, recording: Recording) -> tuple[Fraction, int]:
    """A window of any length with a frame in it, decided by the seed and the index."""
    chance = random.Random(f"{SEED}/playlist/{index}")
    begin, end = (int(at / MS) for at in recording.truth.span())
    while True:
        start = Fraction(chance.randint(begin, end - 1), 1000)
        duration = min(int(40 * (9000 / 40) ** chance.random()), int((end * MS - start) / MS))
        if duration and recording.truth.expected(start, duration * MS).frames:
            return start, duration


def made(stack: Stack, recording: Recording, start: Fraction, duration: int, name: str, **fields: object) -> dict:
    """The resource of a finished job."""
    body = stack.request(recording, start, duration, f"{name}-{RUN}", **{"container": "mp4", **fields})
    answer = stack.finish(body, timeout=400)
    assert answer.code == 5, answer
    return resource(stack, answer.body["JobId"])


def resource(stack: Stack, job: str) -> dict:
    answer = stack.send("GET", f"/export/jobs/{job}", headers={"X-Session-Id": stack.session_id})
    assert answer.status == 200, answer
    return answer.body


def fetch(url: str, part: tuple[int, int] | None = None) -> bytes:
    """What is at a URL, without a session."""
    headers = {"Range": f"bytes={part[0]}-{part[1]}"} if part else {}
    answer = ask(urllib.request.Request(url, headers=headers))
    assert answer.status == (206 if part else 200), (answer.status, url)
    return answer.text


def problems(stack: Stack, job: dict, recording: Recording, start: Fraction, duration: int, folder: Path) -> list[str]:
    """What is wrong with the playlist of a job."""
    url = stack.env["API_URL"] + job["play"]["hls"]
    found = playlists.tracks(url, fetch)
    clip = playlists.joined(found, fetch, folder)
    expected = checks.expected_of(recording, start, duration)
    report = verify.verify(clip, recording.truth.fps, recording.truth.size)
    if report.numbers != expected.frames:
        return [f"frames {verify.spans(report.numbers)}, not {verify.spans(expected.frames)}"]
    if recording.name in LATE:
        return []
    # The language is the playlist's to say.
    return [text for text in report.problems(expected) if " is und, not " not in text]


def test_windows_anywhere_are_exact(stack, recorded, tmp_path):
    recordings = {form: recorded(form) for form in LISTED}

    def one(index: int) -> str:
        form = LISTED[index % len(LISTED)]
        start, duration = window(index, recordings[form])
        job = made(stack, recordings[form], start, duration, f"listed-{index}", container=("mp4", "ts")[index % 2])
        where = f"E2E_SEED={SEED}, {index}: {form} [{float(start):.3f}, +{duration} ms]"
        if not job["play"].get("exact"):
            return f"{where}: {job['play']}"
        folder = tmp_path / str(index)
        folder.mkdir()
        found = problems(stack, job, recordings[form], start, duration, folder)
        return f"{where}: {found}" if found else ""

    with ThreadPoolExecutor(4) as pool:
        wrong = [text for text in pool.map(one, range(COUNT)) if text]
    print(f"playlists: {len(wrong)} of {COUNT} windows are wrong")
    assert wrong == []


@pytest.mark.parametrize("form", UNLISTED)
def test_a_clip_without_a_playlist_says_why_and_is_made_all_the_same(stack, recorded, form):
    start, duration, why = UNLISTED[form]
    job = made(stack, recorded(form), Fraction(start, 1000), duration, f"unlisted-{form}")
    assert job["play"]["refused"] == why and job["play"]["detail"] and not job["play"].keys() & {"hls", "dash", "exact"}
    for file in ("stream.mpd", "stream.m3u8"):
        answer = stack.send("GET", f"/export/jobs/{job['id']}/play/{file}", headers={"X-Session-Id": stack.session_id})
        assert (answer.status, answer.body["detail"]) == (404, f"the job has no playlist: {job['play']['detail']}")


@pytest.fixture(scope="module")
def playing(stack: Stack, recorded: Callable[[str], Recording]) -> dict:
    return made(stack, recorded("static_time"), Fraction(33, 10), 9300, "playing")


def opened(stack: Stack, path: str, **headers: str) -> Answer:
    return stack.send("GET", path, headers=headers)


def test_a_key_opens_one_playlist_and_a_wrong_one_is_as_an_unknown_job(stack, playing):
    path, _, key = playing["play"]["dash"].partition("?key=")
    answer = opened(stack, playing["play"]["dash"])
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    unknown = opened(stack, f"/export/jobs/{'a' * 32}/play/stream.mpd?key={key}")
    assert (unknown.status, unknown.body["detail"]) == (404, "no such job")
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert opened(stack, f"{path}?key={wrong}").body == unknown.body
    assert opened(stack, path).status == 401
    other = stack.add_tenant(f"other-{RUN}")
    assert opened(stack, path, **{"X-Session-Id": other}).body == unknown.body


def test_only_two_files_a_track_are_made_and_each_lies_in_the_clips_folder(stack, playing):
    text = opened(stack, playing["play"]["hls"].replace("stream.m3u8", "video.m3u8")).text
    track = playlists.media(text.decode(), stack.env["API_URL"])
    buckets = Counter(source(stack, part.url) for part in track.parts)
    assert buckets["made"] == 3 and buckets["recorded"] == len(track.parts) - 3 >= 3
    folder = stack.key_of(playing["video_path"]).rpartition("/")[0]
    keys = [key for key in stack.exported() if key.startswith(f"{folder}/playlist.")]
    assert 5 <= len(keys) <= 7, keys
    for part in track.parts:
        query = parse_qs(urlsplit(part.url).query)
        # Twice 9.3 s and a quarter of an hour.
        assert 900 < int(query["X-Amz-Expires"][0]) <= 919


def source(stack: Stack, url: str) -> str:
    return "made" if f"/{stack.env['EXPORT_BUCKET']}/" in url else "recorded"


def test_a_recording_that_changed_is_not_played_as_the_clip(stack, recorded):
    job = made(stack, recorded("static_number"), Fraction(33, 10), 9300, "changed")
    video = job["play"]["hls"].replace("stream.m3u8", "video.m3u8")
    track = playlists.media(opened(stack, video).text.decode(), stack.env["API_URL"])
    inner = track.parts[len(track.parts) // 2].url
    key = unquote(urlsplit(inner).path).partition(f"/{stack.env['SOURCE_BUCKET']}/")[2]
    data = fetch(inner)
    try:
        stack.s3.put_object(Bucket=stack.env["SOURCE_BUCKET"], Key=key, Body=data[:-1] + b"!")
        for file in ("stream.mpd", "video.m3u8"):
            answer = opened(stack, job["play"]["hls"].replace("stream.m3u8", file))
            assert (answer.status, answer.body["detail"]) == (404, "the job has no playlist: the recording has changed since")
    finally:
        stack.s3.put_object(Bucket=stack.env["SOURCE_BUCKET"], Key=key, Body=data)
    assert opened(stack, video).status == 200


def test_a_playlist_is_gone_with_its_job_and_its_key_is_in_no_log(stack, recorded):
    job = made(stack, recorded("no_b"), Fraction(2), 3300, "forgotten")
    assert opened(stack, job["play"]["hls"]).status == 200
    assert stack.send("DELETE", f"/export/jobs/{job['id']}", headers={"X-Session-Id": stack.session_id}).status == 200
    answer = opened(stack, job["play"]["hls"])
    assert (answer.status, answer.body["detail"]) == (404, "no such job")
    secret = job["play"]["hls"].rpartition(".")[2]
    told = [line for lines in stack.logs().values() for line in lines]
    assert told and not any(secret in line or "X-Amz-Signature" in line for line in told)


def test_the_legacy_reply_says_nothing_of_it(stack, playing):
    answer = stack.status(playing["id"])
    assert answer.code == 5 and "play" not in {name.lower() for name in answer.body}


def offline(stack: Stack, job: dict) -> dict[str, bytes]:
    """The playlists of a job and everything that they name, by names without a folder."""
    hls = stack.env["API_URL"] + job["play"]["hls"]
    return copied(hls, ["stream.m3u8", "stream.mpd", *MEDIA.findall(fetch(hls).decode())], {})


def copied(hls: str, playlists: list[str], names: dict[str, str]) -> dict[str, bytes]:
    """The same of some playlists beside that at `hls`; what they name has the same name for the same `names`."""

    def local(match: re.Match) -> str:
        url = html.unescape(match[0])
        return names.setdefault(urlsplit(url).path, f"{len(names)}.m4s") if url.startswith("http") else url

    files, urls = {}, {}
    for name in playlists:
        text = fetch(hls.replace("stream.m3u8", name)).decode()
        urls |= {urlsplit(html.unescape(url)).path: html.unescape(url) for url in LINK.findall(text)}
        files[name] = KEY.sub("", LINK.sub(local, text)).encode()
    return files | {names[path]: fetch(url) for path, url in urls.items()}


def made_part(files: dict[str, bytes], n: int) -> str:
    """The name of the `n`th part of the pictures: 0 is the init segment."""
    return urlsplit(playlists.media(files["video.m3u8"].decode(), "").parts[n].url).path


def without_edits(files: dict[str, bytes]) -> dict[str, bytes]:
    name = made_part(files, 0)
    return files | {name: files[name].replace(b"edts", b"free")}


def without_sets(files: dict[str, bytes]) -> dict[str, bytes]:
    """The parameter sets of the rendered pictures are not in the init segment."""
    name = made_part(files, 0)
    data = bytearray(files[name])
    sets = data.index(b"avcC") + 9
    assert data[sets] & 31 == 2
    size = int.from_bytes(data[sets + 1 : sets + 3], "big")
    second = sets + 3 + size
    # The one with the higher identifier, behind the recorded one, becomes a unit that decoders pass over.
    data[second + 2] = 0x1F
    return files | {name: bytes(data)}


def with_late_decoding(files: dict[str, bytes]) -> dict[str, bytes]:
    """The head is decoded, and so shown, half a second late."""
    name = made_part(files, 1)
    data = bytearray(files[name])
    at = data.index(b"tfdt") + 8
    time = int.from_bytes(data[at : at + 8], "big") + 6400
    data[at : at + 8] = time.to_bytes(8, "big")
    return files | {name: bytes(data)}


MUTANTS = {"edits": (without_edits, "shaka"), "sets": (without_sets, "hls.js"), "times": (with_late_decoding, "shaka")}
needs_browser = pytest.mark.skipif(
    not (os.environ.get("BROWSER") or chromium.executable()), reason="there is no Chromium; BROWSER=1 insists"
)


def shown(files: dict[str, bytes], player: str, frames: list[int], fps: Fraction) -> list[tuple[int | None, int]]:
    """The frames that a player shows, each with its place on the player's clock, and then the one after a seek to 0."""
    showing = chromium.stream(player, files, len(frames), [0.0])
    places = [(picture.number, round(picture.time * fps)) for picture in showing.played()]
    return [*places, *((picture.number, 0) for picture in showing.sought)]


def due(frames: list[int]) -> list[tuple[int | None, int]]:
    return [*((number, place) for place, number in enumerate(frames)), (frames[0], 0)]


@needs_browser
@pytest.mark.parametrize("player", chromium.PLAYERS)
def test_players_show_every_frame_from_the_first_to_the_last(stack, recorded, player):
    for n in range(int(os.environ.get("PLAYER_WINDOWS") or 1)):
        form = PLAYED[n % len(PLAYED)]
        recording = recorded(form)
        start, duration = (Fraction(524, 100), 5000) if n == 0 else window(1000 + n, recording)
        job = made(stack, recording, start, duration, f"played-{n}")
        frames = checks.expected_of(recording, start, duration).frames
        seen = shown(offline(stack, job), player, frames, recording.truth.fps)
        assert seen == due(frames), (form, float(start), duration)


@needs_browser
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_player_shows_what_is_wrong_with_a_playlist(stack, recorded, mutant):
    change, player = MUTANTS[mutant]
    recording = recorded("static_time")
    start, duration = Fraction(524, 100), 5000
    job = made(stack, recording, start, duration, "played-0")
    frames = checks.expected_of(recording, start, duration).frames
    try:
        assert shown(change(offline(stack, job)), player, frames, recording.truth.fps) != due(frames)
    except RuntimeError as error:
        assert "cannot play" in str(error)


# ---- before the ends are made

GROWING = {"dash": ("stream.mpd", Live), "hls": ("stream.m3u8", LivePlaylists)}


@pytest.fixture
def live(request, stack, name):
    """A recording that began 8 s ago and of which 6 s are stored."""
    manifest, kind = GROWING[getattr(request, "param", "dash")]
    recording = forms.seconds_into(name, 0, 16, f"mp4/live/{name}/1/{manifest}", int(time.time() * 1000) - 8000)
    growing = kind(recording, stack.s3, stack.env["SOURCE_BUCKET"], stack.env["SOURCE_PREFIX"])
    growing.publish(Fraction(6))
    return growing


def announced(stack: Stack, recording: Recording, start: Fraction, duration: int, name: str) -> dict:
    """The resource of a new job as soon as it has a playlist."""
    answer = stack.export(stack.request(recording, start, duration, f"{name}-{RUN}", container="mp4"))
    assert answer.code == 1, answer
    return until(lambda: resource(stack, answer.body["JobId"]), lambda job: "play" in job)


def until(look: Callable[[], dict], there: Callable[[dict], bool], timeout: float = 60) -> dict:
    end = time.time() + timeout
    while not there(found := look()):
        assert time.time() < end, found
        time.sleep(0.2)
    return found


def media_of(stack: Stack, job: dict, name: str) -> playlists.Track:
    return playlists.media(opened(stack, job["play"]["hls"].replace("stream", name)).text.decode(), "")


@pytest.mark.parametrize("live", ["dash", "hls"], indirect=True)
def test_a_window_past_the_live_edge_grows_at_one_address_and_becomes_exact(stack, live, name, tmp_path):
    start, duration = Fraction(45, 10), 3000
    job = announced(stack, live.recording, start, duration, name)
    assert job["play"]["exact"] is False
    master = opened(stack, job["play"]["hls"]).text.decode()
    assert 'DATA-ID="media-export.exact",VALUE="no"' in master and "segments-video.m3u8" in master
    assert 'type="dynamic"' in opened(stack, job["play"]["dash"]).text.decode()
    not_made = opened(stack, job["play"]["hls"].replace("stream", "video"))
    assert (not_made.status, not_made.body["detail"]) == (409, "not ready")
    before = media_of(stack, job, "segments-video")
    assert not before.ended and [part.length for part in before.parts[1:]] == [2]
    live.publish(Fraction(10))
    done = until(lambda: resource(stack, job["id"]), lambda job: job["play"]["exact"])
    assert (done["play"]["hls"], done["play"]["dash"]) == (job["play"]["hls"], job["play"]["dash"])
    assert problems(stack, done, live.recording, start, duration, tmp_path) == []
    after = media_of(stack, job, "segments-video")
    paths = [[urlsplit(part.url).path for part in track.parts] for track in (before, after)]
    assert after.ended and paths[1][: len(paths[0])] == paths[0] and len(paths[1]) == len(paths[0]) + 1
    whole = playlists.joined([after], fetch, tmp_path)
    assert verify.verify(whole, live.recording.truth.fps, live.recording.truth.size).numbers == list(range(100, 200))


def played_while_it_grows(stack: Stack, live: Live, job: dict, player: str, end: int) -> chromium.Showing:
    """What a player shows that began before the window's end was recorded."""
    names: dict[str, str] = {}
    hls = stack.env["API_URL"] + job["play"]["hls"]
    again = ["segments.mpd", "segments-video.m3u8", "segments-audio-0.m3u8"]
    files = copied(hls, ["stream.m3u8", "stream.mpd", *again], names)
    with ThreadPoolExecutor(1) as pool:
        showing = pool.submit(chromium.stream, player, files, 25 * (end - 4), [0.0])
        time.sleep(2)
        live.publish(Fraction(end))
        files |= until(lambda: copied(hls, again, names), lambda files: b"ENDLIST" in files["segments-video.m3u8"])
        return showing.result()


@needs_browser
@pytest.mark.parametrize("player", chromium.PLAYERS if PLAYED_MORE else ["hls.js"])
def test_players_go_on_while_a_window_grows(stack, live, name, player):
    job = announced(stack, live.recording, Fraction(45, 10), 3000, name)
    assert job["play"]["exact"] is False
    showing = played_while_it_grows(stack, live, job, player, 8)
    seen = [(picture.number, round(picture.time * 25)) for picture in showing.played()]
    assert seen == [(100 + place, place) for place in range(100)]
    assert showing.sought[0].number == 100


@needs_browser
@pytest.mark.skipif(not PLAYED_MORE, reason="takes 40 s; PLAYER_WINDOWS asks for it")
def test_a_player_shows_that_a_window_ends_too_early(stack, live, name):
    job = announced(stack, live.recording, Fraction(45, 10), 3000, name)
    files = offline(stack, job)
    for track in ("segments-video.m3u8", "segments-audio-0.m3u8"):
        files[track] += b"#EXT-X-ENDLIST\n"
    assert [picture.number for picture in chromium.stream("hls.js", files, 100).played()] == list(range(100, 150))
