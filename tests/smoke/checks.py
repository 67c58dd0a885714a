"""What is asked of a deployed stack, in this order. A check's first line is what it says of itself."""

import json
import secrets
import tempfile
import time
import urllib.request
from collections.abc import Callable
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

from botocore.exceptions import ClientError

from e2e import checks as clips
from e2e.mre import Names, scenarios
from e2e.stack import ask
from media import forms, quality
from media.recording import Recording

from .subject import Subject

ODD = ("a b+c&d=e", "100% ace", "Zoë 🎾 Finale")
SLASHED = "a/b?c#d"
# A reply holds 6 MB.
SEGMENTS, LOCATION = 40, 100_000
LIVE_S, LIVE_LIMIT_S, CLIP_S, EVENT_S, LOG_S = 16, 90, 60, 60, 60


class Skipped(Exception):
    """Why a check cannot be made on this stack."""


CHECKS: list[Callable[[Subject], None]] = []


def check(function: Callable[[Subject], None]) -> Callable[[Subject], None]:
    CHECKS.append(function)
    return function


def recording_of(subject: Subject) -> Recording:
    """Sixteen seconds whose pictures carry their number."""
    return subject.named(forms.build("static_time"), "recording")


@check
def sessions(subject: Subject) -> None:
    """Requests without a good session are refused"""
    if subject.open:
        raise Skipped("the stack's AuthMode is none")
    statuses = (401, 200) if subject.parameter("LegacyHttp") else (401,)
    body = subject.request(recording_of(subject), Fraction(1), 1000, "refused")
    for session in ("", secrets.token_hex(16).upper()):
        answer = subject.export({**body, "SessionId": session})
        assert answer.status in statuses and answer.body["ErrorMessage"] == "session invalid", answer
        headers = {"X-Session-Id": session} if session else {}
        listed = subject.send("GET", "/export/status", headers=headers)
        assert listed.status in statuses, f"GET /export/status: {listed}"


@check
def clip(subject: Subject) -> None:
    """A clip has exactly the frames of its window, and the same request is the same clip"""
    if "CompletionBusName" in subject.deployment.outputs:
        assert subject.listener
    recording = subject.upload(recording_of(subject))
    body = subject.request(recording, Fraction(11, 10), 3000, "clip")
    answer = subject.finish(body, CLIP_S)
    assert answer.code == 5, answer
    with tempfile.TemporaryDirectory(prefix="smoke-") as folder:
        clips.exact(subject, recording, answer, clips.expected_of(recording, Fraction(11, 10), 3000), Path(folder))
    assert subject.export(body).body == answer.body, "another answer to the same request"
    subject.clip = answer.body["JobId"]


@check
def recordings(subject: Subject) -> None:
    """A recording is found in its folder, with its range, and a clip of it can be planned"""
    if subject.parameter("RecordingsAccess") != "on":
        raise Skipped("the stack's RecordingsAccess is off")
    headers = {} if subject.open else {"X-Session-Id": subject.session_id}
    recording = subject.upload(recording_of(subject))
    folder, path = recording.folder, recording.live_path
    listed = subject.send("GET", f"/recordings?under={folder}", headers=headers)
    assert listed.status == 200, listed.status
    assert [each["live_path"] for each in listed.body["recordings"]] == [path], listed
    told = subject.send("GET", f"/recordings/{path}", headers=headers)
    assert told.status == 200 and told.body["end_time_ms"] > told.body["start_time_ms"], told
    plan = subject.send("POST", "/export/plan", subject.request(recording, Fraction(11, 10), 3000, "clip"))
    assert plan.status == 200 and plan.body["frames_copied"] + plan.body["frames_encoded"] == 75, plan


@check
def links(subject: Subject) -> None:
    """A link opens the clip without credentials, and no other file"""
    if subject.parameter("DownloadLinks") != "on":
        raise Skipped("the stack's DownloadLinks is off")
    if not subject.clip:
        raise Skipped("there is no clip")
    headers = {} if subject.open else {"X-Session-Id": subject.session_id}
    answer = subject.send("GET", f"/export/jobs/{subject.clip}/files", headers=headers)
    assert answer.status == 200, answer.status
    video, image = answer.body["video"], answer.body["image"]
    with urllib.request.urlopen(video["url"], timeout=60) as reply:
        taken = reply.read()
    assert len(taken) == video["bytes"] and sha256(taken).hexdigest() == video.get("sha256"), f"{len(taken)} bytes"
    other = video["url"].replace(video["url"].partition("?")[0], image["url"].partition("?")[0])
    refused = ask(urllib.request.Request(other))
    assert refused.status == 403, f"another file's address with the same signature: {refused.status}"


@check
def playlist(subject: Subject) -> None:
    """The clip is a playlist as well, which its key alone opens"""
    if subject.parameter("InstantPlayback") != "on":
        raise Skipped("the stack's InstantPlayback is off")
    if not subject.clip:
        raise Skipped("there is no clip")
    headers = {} if subject.open else {"X-Session-Id": subject.session_id}
    play = subject.send("GET", f"/export/jobs/{subject.clip}", headers=headers).body["play"]
    assert play.get("exact"), f"no playlist: {play}"
    for name in ("stream.m3u8", "video.m3u8"):
        answer = subject.send("GET", play["hls"].replace("stream.m3u8", name))
        assert answer.status == 200 and answer.text.startswith(b"#EXTM3U"), answer.status
    for url in [line for line in answer.text.decode().splitlines() if not line.startswith("#")]:
        assert ask(urllib.request.Request(url, method="GET")).status == 200, url.partition("?")[0]


@check
def batch(subject: Subject) -> None:
    """A batch makes the clips of its list"""
    recording = subject.upload(recording_of(subject))
    windows = [(Fraction(1), 500), (Fraction(3), 700)]
    zero = subject.request(recording, Fraction(0), 1000, "batch")["StartPos"]
    clips = [{"start": int(start), "duration_ms": ms} for start, ms in windows]
    body = {"live_path": recording.live_path, "zero": zero, "clips": clips}
    deadline = time.monotonic() + CLIP_S
    while (answer := subject.batch(body)).status == 202 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert answer.status == 200 and answer.body["outcome"] == "READY", answer
    for clip in answer.body["clips"]:
        assert clip["state"] == "READY" and subject.exists(subject.key_of(clip["video_path"])), answer


@check
def in_parts(subject: Subject) -> None:
    """A clip that is uploaded in parts is exact, too"""
    recording = subject.upload(subject.named(forms.heavy(), "heavy"))
    start, duration = Fraction(4), 4100
    answer = subject.finish(subject.request(recording, start, duration, "parts"), CLIP_S)
    with tempfile.TemporaryDirectory(prefix="smoke-") as folder:
        clips.exact(subject, recording, answer, clips.expected_of(recording, start, duration), Path(folder))
    key = {"Bucket": subject.env["EXPORT_BUCKET"], "Key": subject.key_of(answer.body["VideoPath"])}
    tag = subject.s3.head_object(**key)["ETag"].strip('"')
    assert int(tag.partition("-")[2] or 1) > 1, f"it is one part: {tag}"


@check
def thumbnail(subject: Subject) -> None:
    """A thumbnail shows the frame that was asked for"""
    recording = recording_of(subject)
    answer = subject.finish(subject.request(recording, Fraction(5), 1000, "still", FetchMedia=False), CLIP_S)
    assert answer.code == 0, answer
    with tempfile.TemporaryDirectory(prefix="smoke-") as folder:
        shown = quality.jpeg_number(subject.fetch(answer.body["ImagePath"], Path(folder)))
    (wanted, *_) = clips.expected_of(recording, Fraction(5), 1000).frames
    assert shown == wanted, f"it shows frame {shown}, not {wanted}"


@check
def caged(subject: Subject) -> None:
    """The platform refuses no part of ffmpeg's cage"""
    deadline = time.monotonic() + LOG_S
    while not (found := subject.logged("media-export-clip-worker", "Uncaged")) and time.monotonic() < deadline:
        time.sleep(2)
    assert found, "no worker has logged how its cage is"
    assert found[-1]["Uncaged"] == 0, "it does; the worker's log says which"


@check
def absent(subject: Subject) -> None:
    """A recording that is not there is told apart from one that may not be read"""
    body = subject.request(subject.named(forms.build("static_time"), "absent"), Fraction(1), 1000, "absent")
    deadline = time.monotonic() + CLIP_S
    while (answer := subject.export(body)).code == 1 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert (answer.code, answer.body["ErrorMessage"]) == (-1, "not such dir"), answer
    assert answer.body["TimeWait"] > 0, "it must be worth asking again"


@check
def live(subject: Subject) -> None:
    """A window past the live edge waits, and is exact when the recording has grown"""
    path = f"{subject.name}/live/stream.mpd"
    recording = forms.seconds_into("live", 0, LIVE_S, path, int(time.time() * 1000) - 8000)
    growing = subject.live(recording)
    growing.publish(Fraction(6))
    start, duration = Fraction(45, 10), 7000
    body = subject.request(recording, start, duration, "live")
    began, stored = recording.truth.ast_ms / 1000, 6
    answer = subject.export(body)
    assert answer.code == 1 and answer.body["LackLength"] > 0, f"it did not wait: {answer}"
    while not answer.final:
        while stored + 2 <= min(LIVE_S, time.time() - began):
            stored += 2
            growing.publish(Fraction(stored))
        assert time.time() - began < LIVE_LIMIT_S, f"still {answer}"
        time.sleep(1)
        answer = subject.export(body)
    with tempfile.TemporaryDirectory(prefix="smoke-") as folder:
        clips.exact(subject, recording, answer, clips.expected_of(recording, start, duration), Path(folder))


@check
def completion(subject: Subject) -> None:
    """The clip's completion event arrives on the event bus"""
    if "CompletionBusName" not in subject.deployment.outputs:
        raise Skipped("the stack's CompletionBusName is empty")
    if not subject.clip:
        raise Skipped("there is no clip")
    deadline, heard = time.monotonic() + EVENT_S, []
    while not (told := [event for event in heard if event["detail"].get("job", {}).get("id") == subject.clip]):
        assert time.monotonic() < deadline, f"{len(heard)} events, none about it"
        heard += subject.told()
    (event, *_) = told
    assert event["detail-type"] == "Media Export Ready" and event["detail"]["video_key"].endswith("/clip.ts"), event


@check
def published_once(subject: Subject) -> None:
    """A file below export/ is created once: not without If-None-Match, not a second time with it"""
    if subject.parameter("ExportBucketName"):
        raise Skipped("the export bucket is not the stack's own and keeps its own policy")
    if subject.deployment.env and not subject.deployment.env.get("ROLES_ENFORCED"):
        raise Skipped("this local stack enforces no bucket policies: ENFORCE_IAM=1")
    once = {"IfNoneMatch": "*"}
    for options, code in (({}, "AccessDenied"), (once, ""), (once, "PreconditionFailed")):
        try:
            subject.put_once(f"export/{subject.name}/once", **options)
            refused = ""
        except ClientError as error:
            refused = error.response["Error"]["Code"]
        assert refused == code, f"PutObject with {options}: {refused or 'done'}, not {code or 'done'}"


@check
def data_access(subject: Subject) -> None:
    """Event and replay documents are for those who sign"""
    exports_data(subject)
    if subject.parameter("DataExportAuth") == "NONE":
        raise Skipped("the stack's DataExportAuth is NONE")
    answer = subject.data(Names("nobody's", subject.name).path(), signed=False)
    assert answer.status == 403, answer


@check
def unknown_names(subject: Subject) -> None:
    """Unknown names of any kind reach the functions, which know none of them"""
    exports_data(subject)
    for event in ODD:
        for names in (Names(event, subject.name), Names(event, subject.name, "no such replay")):
            for path in (names.path(), signable(names)):
                answer = subject.data(path)
                told = (answer.status, answer.headers.get("content-type"))
                assert told == (404, "application/problem+json"), f"{path}: {answer}"
            text = f"Event '{event}' in Program '{subject.name}' not found"
            for path in (names.mre_path(), names.edl_path("1")):
                answer = subject.data(path)
                assert answer.status == 404 and answer.body.get("Message") == text, f"{path}: {answer}"


@check
def known_names(subject: Subject) -> None:
    """Documents of any name are served, by path and by query"""
    rows = mre_rows(subject)
    for event in (*ODD, SLASHED):
        subject.put_row("Event", {**rows["Event"], "Name": {"S": event}})
        names = Names(event, rows["Event"]["Program"]["S"])
        for path in [signable(names)] + ([] if event == SLASHED else [names.path()]):
            answer = subject.data(path)
            assert answer.status == 200 and answer.body["Event"]["Name"] == event, f"{path}: {answer}"
        answer = subject.data(f"{signable(names)}&format=csv")
        assert answer.status == 200 and answer.text.startswith(b"Event,Program,"), f"{event} as CSV: {answer}"


@check
def large(subject: Subject) -> None:
    """A document that does not fit into a reply comes as a redirect to S3"""
    rows = mre_rows(subject)
    names = Names(f"{subject.name} large", rows["Event"]["Program"]["S"])
    subject.put_row("Profile", rows["Profile"])
    subject.put_row("Event", {**rows["Event"], "Name": {"S": names.event}})
    segment = rows["PluginResult"]
    key = f"{names.program}#{names.event}#{segment['PK']['S'].rpartition('#')[2]}"
    clips_of = {"M": {track: {"S": f"s3://clips/{'x' * LOCATION}/{track}.mp4"} for track in "12"}}
    for at in range(SEGMENTS):
        times = {"Start": {"N": str(at * 10)}, "End": {"N": str(at * 10 + 8)}}
        subject.put_row("PluginResult", {**segment, **times, "PK": {"S": key}, "OriginalClipLocation": clips_of})
    answer = subject.data(names.path(), **{"Accept-Encoding": "identity"})
    assert answer.status == 307, f"{answer.status}, {len(answer.text)} bytes: {answer}"
    subject.forget_document(answer.headers["location"])
    with urllib.request.urlopen(answer.headers["location"], timeout=60) as reply:
        document = json.load(reply)
    assert len(document["Segments"]) == SEGMENTS, f"{len(document['Segments'])} segments, not {SEGMENTS}"


def exports_data(subject: Subject) -> None:
    """Ends a check that a stack without data exports cannot pass."""
    if subject.parameter("DataExport") == "off":
        raise Skipped("the stack's DataExport is off")


def mre_rows(subject: Subject) -> dict[str, dict]:
    """An event with its profile and a segment, under names of ours."""
    exports_data(subject)
    if not subject.own_mre:
        raise Skipped("Media Replay Engine's tables are not the stack's own (CreateMreTables)")
    tables = scenarios()["event_tennis_optimizer"]["tables"]
    first = {name.rpartition("-")[2]: table["Items"][0] for name, table in tables.items() if table["Items"]}
    text = json.dumps(first)
    for theirs in ("Wimbledon", "TennisProfile"):
        text = text.replace(theirs, f"{subject.name} {theirs}")
    return json.loads(text)


def signable(names: Names) -> str:
    """The query form with %20 for a space: a signature does not cover what a + means."""
    return names.query().replace("+", "%20")
