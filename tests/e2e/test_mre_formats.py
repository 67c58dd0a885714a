"""Events and replays in every format, each read by a reader that has nothing to do with ours."""

import csv
import io
import itertools
import json
import math
import urllib.parse
import urllib.request
from fractions import Fraction

import opentimelineio as otio
import pycmx
import pytest
import webvtt

from .mre import Mre, Names, scenarios
from .stack import Answer

ALL = scenarios()
TYPES = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
    "edl": "text/plain; charset=utf-8",
    "otio": "application/vnd.pixar.opentimelineio+json",
    "vtt": "text/vtt; charset=utf-8",
}
RATES = {
    "23.976": Fraction(24000, 1001), "25": Fraction(25), "29.97": Fraction(30000, 1001), "50": Fraction(50), "59.94": Fraction(60000, 1001),
}  # fmt: skip


@pytest.fixture(scope="module")
def mre(stack) -> Mre:
    return Mre(stack)


def get(mre: Mre, path: str, **options: str) -> Answer:
    answer = mre.get(f"{path}?{urllib.parse.urlencode(options)}")
    assert answer.status == 200, answer
    return answer


def frame(seconds: float, rate: Fraction) -> int:
    return max(0, math.ceil((Fraction(str(seconds)) - Fraction(1, 2000)) * rate))


def edits(document: dict, rate: Fraction) -> list[tuple[int, dict, range]]:
    """Each segment that has a frame, with its number and its frames, by the rules alone."""
    replay = document.get("Replay", {})
    track = str(int(replay.get("AudioTrack") or (document["Event"]["AudioTracksFound"] or [1])[0]))
    found = []
    for number, segment in enumerate(document["Segments"], 1):
        borders = segment["OptoStart"].get(track), segment["OptoEnd"].get(track)
        start, end = borders if None not in borders else (segment["Start"], segment["End"])
        frames = range(frame(start, rate), frame(end, rate))
        found += [(number, segment, frames)] if frames else []
    return found


def features(segment: dict) -> list[str]:
    return [each if isinstance(each, str) else each["AttribName"] or each["Name"] for each in segment["FeaturesFound"]]


def read_edl(text: str, document: dict, fps: str, drop: bool) -> None:
    """Both readers find each edit's frames, and what it is called."""
    rate, expected = RATES[fps], edits(document, RATES[fps])
    counted = otio.opentime.RationalTime(0, float(rate)).rate

    def label(at: int) -> str:
        return otio.opentime.RationalTime(at, counted).to_timecode(counted, drop_frame=drop)

    assert text.endswith("\r\n") and "\r\n\r\n" not in text
    timeline = otio.adapters.read_from_string(text, "cmx_3600", rate=counted)
    for track in timeline.tracks:
        clips = list(track.find_clips())
        ranges = [each.source_range for each in clips]
        assert [(each.start_time.value, each.duration.value) for each in ranges] == [(each.start, len(each)) for _, _, each in expected]
    listed = pycmx.parse_cmx3600(io.StringIO(text))
    events = list(listed.events)
    assert [int(each.number) for each in events] == list(range(1, len(expected) + 1))
    record = int(otio.opentime.from_timecode("01:00:00;00" if drop else "01:00:00:00", counted).value)
    for event, (_, segment, frames) in zip(events, expected, strict=True):
        (edit,) = event.edits
        labels = [frames.start, frames.stop, record, record + len(frames)]
        assert [edit.source_in, edit.source_out, edit.record_in, edit.record_out] == [label(at) for at in labels]
        assert edit.clip_name == document["Event"]["Name"]
        record += len(frames)
    assert not list(listed.unrecognized_statements)


def read_otio(text: str, document: dict, rate: Fraction) -> None:
    timeline = otio.adapters.read_from_string(text, "otio_json")
    expected = edits(document, rate)
    assert timeline.global_start_time.value == 3600 * math.ceil(rate)
    assert [(track.name, track.kind) for track in timeline.tracks] == [("Video", "Video"), ("Audio", "Audio")]
    told = json.loads(text)["metadata"]["mre"]
    assert told == {name: value for name, value in document.items() if name != "Segments"}
    for track in timeline.tracks:
        for clip, (number, segment, frames) in zip(track.find_clips(), expected, strict=True):
            span = clip.source_range
            assert (span.start_time.value, span.duration.value, span.start_time.rate) == (frames.start, len(frames), float(rate))
            assert clip.name == f"{document['Event']['Name']} {number:04}"
            assert [marker.name for marker in clip.markers] == (features(segment) if track.kind == "Video" else [])
    video, audio = ([clip["metadata"] for clip in track["children"]] for track in json.loads(text)["tracks"]["children"])
    assert video == [{"mre": segment} for _, segment, _ in expected] and audio == [{}] * len(expected)


def read_csv(text: str, document: dict) -> None:
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert len(rows) == len(document["Segments"])
    for number, (row, segment) in enumerate(zip(rows, document["Segments"], strict=True), 1):
        assert (row["Event"], row["Segment"]) == (document["Event"]["Name"], str(number))
        assert [float(row[name]) for name in ("Start", "End")] == [segment["Start"], segment["End"]]
        assert Fraction(row["Duration"]) == Fraction(row["End"]) - Fraction(row["Start"])
        assert [each for each in row["Features"].split("|") if each] == features(segment)
        told = {name.removeprefix("Feature_") for name, cell in row.items() if name.startswith("Feature_") and cell == "true"}
        known = {each for names in document["Event"]["AllOutputAttributes"].values() for each in names}
        assert told == set(features(segment)) & known
        for track in map(str, document["Event"]["AudioTracksFound"]):
            for name, cell in (("OptoStart", "OptoStart"), ("OptimizedClipLocation", "OptimizedClip"), ("OriginalClipLocation", "OriginalClip")):
                value = segment[name].get(track, "")
                assert row[f"{cell}_{track}"] == str(value), (name, track)
            verdicts = {name: verdict for each in segment["Feedback"] for of, each in each.items() if of == track for name, verdict in each.items()}
            for name in ("OptimizedFeedback", "OriginalFeedback"):
                assert row[f"{name}_{track}"] == verdicts.get(name, "")


def read_vtt(text: str, document: dict) -> None:
    cues = webvtt.from_string(text)
    expected = [(number, segment, each) for number, segment, each in edits(document, Fraction(1000))]
    if "Replay" not in document:
        expected.sort(key=lambda each: each[2].start)
    ends = itertools.accumulate(len(each) for _, _, each in expected)
    for cue, end, (number, segment, millis) in zip(cues, ends, expected, strict=True):
        shown = (end - len(millis), end) if "Replay" in document else (millis.start, millis.stop)
        assert (cue.start, cue.end) == tuple(clock(each) for each in shown)
        assert cue.text == (", ".join(features(segment)) or f"Segment {number}")


def clock(millis: int) -> str:
    seconds, millis = divmod(millis, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{millis:03}"


@pytest.mark.parametrize("name", ["event_tennis_optimizer", "replay_mp4_weight", "replay_mp4_equal_distribution_track2"])
def test_every_format_of_a_document_is_what_independent_readers_find(name, mre):
    names = mre.load(ALL[name])
    document = mre.get(names.path()).body
    assert document["Segments"]
    stem = f"{names.event}-{names.replay}" if names.replay else names.event
    texts = {}
    for form, media in TYPES.items():
        answer = get(mre, names.path(), format=form)
        texts[form] = answer.text.decode()
        assert answer.headers["content-type"] == media
        kind = "inline" if form in ("ndjson", "vtt") else "attachment"
        disposition = None if form == "json" else f"{kind}; filename=\"{stem}.{form}\"; filename*=UTF-8''{stem}.{form}"
        assert answer.headers.get("content-disposition") == disposition
        assert f"-{form}" in answer.headers["etag"]
        known = mre.get(f"{names.path()}?format={form}", if_none_match=answer.headers["etag"])
        assert (known.status, known.text) == (304, b"")
    assert json.loads(texts["json"]) == document
    assert [json.loads(line) for line in texts["ndjson"].split("\n")[:-1]] == document["Segments"]
    own = get(mre, names.mre_path(), format="ndjson", view="mre", source="live").text.decode()
    shown = json.loads(get(mre, names.path(), view="mre").text)["Segments"]
    assert [json.loads(line) for line in own.split("\n")[:-1]] == shown
    read_csv(texts["csv"], document)
    read_vtt(texts["vtt"], document)
    for fps, rate in RATES.items():
        for drop in (False, True) if fps in ("29.97", "59.94") else (False,):
            edl = get(mre, names.path(), format="edl", fps=fps, df=str(int(drop)), tc="00:00:00:00").text.decode()
            read_edl(edl, document, fps, drop)
        read_otio(get(mre, names.path(), format="otio", fps=fps).text.decode(), document, rate)
    clips = get(mre, names.path(), format="edl", fps="25", media="clips").text.decode()
    files = [each.edits[0].source_file for each in pycmx.parse_cmx3600(io.StringIO(clips)).events]
    assert any(files)
    timeline = otio.adapters.read_from_string(get(mre, names.path(), format="otio", fps="25", media="clips").text.decode(), "otio_json")
    assert [getattr(clip.media_reference, "target_url", None) for clip in timeline.tracks[0].find_clips()] == files


HOSTILE = "=x\r\n002  AX       V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\u0085\u2028\"q\", <b> --> 🎾 FF"


def test_readers_find_no_more_than_there_is_under_a_hostile_name_and_past_999_edits(mre):
    names = mre.load(ALL["event_tennis_no_optimizer_2tracks"])
    row = {**mre.row(names), "Name": {"S": HOSTILE}, "FrameRate": {"S": "25"}, "TimecodeSource": {"S": "NOT_EMBEDDED"}}
    mre.put("Event", [row])
    partition = f"{names.program}#{HOSTILE}#TennisSegmentation"
    segment = {"PK": {"S": partition}, "ProgramEvent": {"S": f"{names.program}#{HOSTILE}"}, "Score": {"BOOL": True}}
    mre.put("PluginResult", [{**segment, "Start": {"N": f"{at}"}, "End": {"N": f"{at}.52"}} for at in range(1_050)])
    hostile = Names(HOSTILE, names.program)

    def text(form: str, **options: str) -> str:
        return mre.get(f"{hostile.query()}&{urllib.parse.urlencode({'format': form, **options})}").text.decode()

    edl = mre.get(f"{hostile.query()}&format=edl")
    assert edl.headers["x-export-warnings"] == "edl-over-999"
    assert len(list(pycmx.parse_cmx3600(io.StringIO(edl.text.decode())).events)) == 1_050
    timeline = otio.adapters.read_from_string(edl.text.decode(), "cmx_3600", rate=25)
    assert [[clip.duration().value for clip in track.find_clips()] for track in timeline.tracks] == [[13] * 1_050] * len(timeline.tracks)
    timeline = otio.adapters.read_from_string(text("otio"), "otio_json")
    assert len(list(timeline.tracks[0].find_clips())) == 1_050
    rows = list(csv.DictReader(io.StringIO(text("csv"), newline=""), strict=True))
    assert [row["Event"] for row in rows] == ["'" + HOSTILE] * 1_050
    assert len(webvtt.from_string(text("vtt"))) == 1_050
    assert len(text("ndjson").split("\n")) == 1_051


def test_accept_and_format_choose_and_what_is_not_there_is_refused(mre):
    names = mre.load(ALL["replay_mp4_weight"]).of_event()
    guide, own = names.path(), names.mre_path()
    for accept, media in [
        ("text/csv", TYPES["csv"]),
        ("application/jsonl", TYPES["ndjson"]),
        ("text/vtt;q=0.5, application/vnd.pixar.opentimelineio+json", TYPES["otio"]),
        ("*/*", TYPES["json"]),
    ]:
        assert mre.get(guide, accept=accept).headers["content-type"] == media, accept
    refused = mre.get(guide, accept="text/plain, application/octet-stream")
    assert (refused.status, refused.headers["content-type"]) == (406, "application/problem+json")
    assert "text/csv" in refused.body["detail"]
    assert mre.get(f"{guide}?format=json", accept="text/plain").status == 200
    assert mre.get(own, accept="text/csv").headers["content-type"] == TYPES["csv"]
    for accept in ("text/plain", "text/csv, */*;q=0.1", "text/csv, text/vtt"):
        assert list(mre.get(own, accept=accept).body) == ["BlobContent"], accept
    bare = mre.get(f"{own}?format=vtt", accept="application/octet-stream")
    assert bare.headers["content-type"] == TYPES["vtt"] and bare.text.startswith(b"WEBVTT\n")
    stored = mre.get(f"{own}?format=ndjson")
    assert stored.headers["x-export-source"] == "stored"
    blob = json.loads(mre.get(own).body["BlobContent"])
    assert [json.loads(line) for line in stored.text.decode().split("\n")[:-1]] == blob["Segments"]
    for query, detail in {
        "format=xml": "format: must be json, ndjson, csv, edl, otio or vtt",
        "format=csv&source=stored": "source: this format is built from the tables",
        "format=vtt&view=mre": "view: is no option of this format",
        "format=csv&track=1": "track: is no option of this format",
        "format=edl&fps=26": "fps: must be 23.976, 24, 25, 29.97, 30, 47.952, 48, 50, 59.94 or 60",
        "format=edl&df=1&fps=25": "df: only the rates 29.97 and 59.94 have drop-frame labels",
        "format=edl&tc=25:00:00:00&fps=25": "tc: must be HH:MM:SS:FF",
        "format=edl&fps=25&fps=25": "fps: is given more than once",
    }.items():
        answer = mre.get(f"{guide}?{query}")
        assert (answer.status, answer.body["detail"]) == (400, detail)
        answer = mre.get(f"{own}?{query}")
        assert (answer.status, answer.body["Message"]) == (400, f"ValidationError: {detail}")


def test_mres_route_of_edit_lists_wraps_what_the_format_gives(mre):
    names = mre.load(ALL["event_tennis_optimizer"])
    path = names.edl_path("2")
    text = get(mre, names.path(), format="edl", track="2").text.decode()
    answer = mre.get(path)
    assert (answer.status, answer.body) == (200, {"BlobContent": text})
    assert mre.get(path, accept="application/octet-stream").text.decode() == text
    head = mre.get(path, method="HEAD")
    assert (head.status, head.text, head.headers["etag"]) == (200, b"", answer.headers["etag"])
    assert text != get(mre, names.path(), format="edl", track="1").text.decode()
    assert mre.get(path.replace("track/2", "track/x")).body["Message"] == "ValidationError: track: must be the number of an audio track"
    missing = mre.get("/event/nope/edl/program/p/track/1")
    assert (missing.status, missing.body) == (404, {"Code": "NotFoundError", "Message": "Event 'nope' in Program 'p' not found"})
    mre.stack.dynamodb.update_item(
        TableName=mre.env["EVENT_TABLE_NAME"], Key={"Name": {"S": names.event}, "Program": {"S": names.program}},
        UpdateExpression="REMOVE FrameRate",
    )  # fmt: skip
    assert mre.get(path).body == {"BlobContent": "No Content found"}
    unknown = mre.get(f"{names.path()}?format=edl")
    assert (unknown.status, unknown.body["detail"]) == (400, "fps: the event has no frame rate; give one")


def test_a_link_calls_the_file_by_its_name(mre):
    names = mre.load(ALL["event_tennis_optimizer"])
    told = get(mre, names.path(), format="csv", delivery="link").body
    with urllib.request.urlopen(told["Location"], timeout=60) as reply:
        assert reply.headers["Content-Type"] == TYPES["csv"]
        assert reply.headers["Content-Disposition"] == f"attachment; filename=\"{names.event}.csv\"; filename*=UTF-8''{names.event}.csv"
        assert reply.read() == get(mre, names.path(), format="csv").text
