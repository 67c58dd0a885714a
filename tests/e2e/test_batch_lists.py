"""Clips of edit lists, tables and documents: frame by frame, and as lists again."""

import csv
import io
import re
from fractions import Fraction

import opentimelineio as otio
import pycmx
import pytest

from media import dash, forms, hls, ts
from media.encode import Video
from media.recording import Recording, iso, recorded
from media.verify import verify

from .mre import Mre, scenarios, wait_for
from .stack import Answer, Stack

PAL = Video()
NTSC = Video(fps=Fraction(30_000, 1001), count=480, gop=60)
NTSC_FAST = Video(fps=Fraction(60_000, 1001), count=960, gop=120, bframes=3)
#: Time stamps of 33 bits begin anew after so many seconds.
TURN_S = (1 << 33) / hls.TICKS


def clocked(name: str, video: Video) -> Recording:
    """A recording whose first frame is recorded at a known instant."""
    tracks = [forms.picture(video), forms.plain_audio()]
    manifest = dash.Manifest([dash.Period(tracks)], dynamic=True, availability_start=iso(forms.AST_MS))
    return recorded(name, manifest, first=0, fps=video.fps, ast_ms=forms.AST_MS)


def post(stack: Stack, body: dict, **headers: str) -> Answer:
    return stack.send("POST", "/export/batch", body, {"X-Session-Id": stack.session_id, **headers})


def finished(stack: Stack, body: dict) -> dict:
    """The batch once all its clips have ended."""

    def done() -> dict | None:
        answer = post(stack, body, Prefer="wait=20")
        assert answer.status in (200, 202), answer
        return answer.body if answer.status == 200 else None

    return wait_for(done, "end of the batch", 120)


def get(stack: Stack, batch: dict, query: str) -> Answer:
    return stack.send("GET", f"/export/batch/{batch['id']}?{query}", headers={"X-Session-Id": stack.session_id})


@pytest.mark.parametrize(
    ("video", "fps", "drop", "offset"),
    [
        (PAL, "25", False, 1400),
        (NTSC, "30000/1001", False, 1590),
        (NTSC, "29.97", True, 1590),
        (NTSC_FAST, "60000/1001", True, 3180),
    ],
    ids=["25", "29.97-ndf", "29.97-df", "59.94-df"],
)
def test_an_edit_list_becomes_its_clips_frame_by_frame_and_a_list_again(
    video, fps, drop, offset, stack, name, tmp_path
):
    """Frame 0 of the recording is frame `offset` of the labels, which pass a minute within the recording."""
    recording = stack.upload(clocked(f"edl-{float(video.fps):.2f}", video))
    zero = forms.AST_MS - offset * 1000 / video.fps
    assert zero.denominator == 1
    minute = 60 * round(video.fps) - offset
    edits = [(0, 12), (minute - 5, minute + 7), (minute, minute + 1), (360, 391)]
    counted = otio.opentime.RationalTime(0, float(video.fps)).rate

    def label(at: int) -> str:
        return otio.opentime.RationalTime(at + offset, counted).to_timecode(counted, drop_frame=drop)

    lines = ["TITLE: selects", f"FCM: {'' if drop else 'NON-'}DROP FRAME"]
    for n, (first, behind) in enumerate(edits, 1):
        span = f"{label(first)} {label(behind)}"
        lines += [
            f"{n:03}  CAM1     V     C        {span} {span}",
            f"{n:03}  CAM1     A     C        {span} {span}",
            f"* FROM CLIP NAME: {name}-{n}",
        ]
    body = {
        "live_path": recording.live_path,
        "container": "mp4",
        "zero": int(zero),
        "edl": {"text": "\r\n".join(lines), "fps": fps},
    }
    batch = finished(stack, body)
    assert (batch["outcome"], [clip["name"] for clip in batch["clips"]]) == (
        "READY",
        [f"{name}-{n}" for n in range(1, 5)],
    )
    assert {each["why"] for each in batch["skipped"]} == {"the track has no picture"} and len(batch["skipped"]) == 4
    for clip, (first, behind) in zip(batch["clips"], edits, strict=True):
        report = verify(stack.fetch(clip["video_path"], tmp_path), video.fps)
        assert report.numbers == list(range(first, behind)), clip
    listed = get(stack, batch, f"format=edl&fps={fps}&df={int(drop)}")
    assert (listed.status, listed.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    text = listed.text.decode()
    timeline = otio.adapters.read_from_string(text, "cmx_3600", rate=counted)
    found = [clip.source_range for clip in timeline.tracks[0].find_clips()]
    expected = [(first + offset, behind - first) for first, behind in edits]
    assert [(each.start_time.value, each.duration.value) for each in found] == expected
    events = list(pycmx.parse_cmx3600(io.StringIO(text)).events)
    shown = [(event.edits[0].source_in, event.edits[0].source_out, event.edits[0].clip_name) for event in events]
    assert shown == [(label(first), label(behind), f"{name}-{n}") for n, (first, behind) in enumerate(edits, 1)]
    again = post(stack, {**body, "edl": {"text": text, "fps": fps}})
    assert (again.status, again.body["id"]) == (200, batch["id"])
    table = get(stack, batch, "format=csv")
    rows = list(csv.DictReader(io.StringIO(table.text.decode(), newline=""), strict=True))
    assert [row["video_path"] for row in rows] == [clip["video_path"] for clip in batch["clips"]]
    again = post(stack, {"container": "mp4", "zero": int(zero), "csv": table.text.decode()})
    assert (again.status, again.body["id"]) == (200, batch["id"])


def test_the_segments_of_a_document_are_its_clips(stack, name, tmp_path):
    recording = stack.upload(clocked("edl-25.00", PAL))
    segments = [
        {
            "Start": 9.0,
            "End": 10.48,
            "OptoStart": {"1": 8.96},
            "OptoEnd": {"1": 10.0},
            "FeaturesFound": ["Ace", "Score"],
        },
        {"Start": 1.04, "End": 2.2, "OptoStart": {}, "OptoEnd": {}, "FeaturesFound": ["Ace"]},
        {"Start": 3, "End": 4, "OptoStart": {}, "OptoEnd": {}, "FeaturesFound": ["Serve"]},
        {"Start": 5, "FeaturesFound": ["Ace"]},
    ]
    start = iso(forms.AST_MS)
    event = {
        "Name": name,
        "Program": "p",
        "Start": start,
        "AudioTracksFound": [1],
        "EmbeddedTimecodeSource": "UTC_BASED",
    }
    document = {"Event": event, "Segments": segments}
    body = {
        "live_path": recording.live_path,
        "container": "mp4",
        "document": document,
        "features": ["Ace"],
        "name": "{event}-{n:02}-{features}",
    }
    batch = finished(stack, body)
    assert (batch["outcome"], batch["skipped"]) == ("READY", [{"n": 4, "why": "has no End"}])
    assert [clip["name"] for clip in batch["clips"]] == [f"{name}-02-Ace", f"{name}-01-Ace-Score"]
    for clip, frames in zip(batch["clips"], [range(26, 55), range(224, 250)], strict=True):
        assert verify(stack.fetch(clip["video_path"], tmp_path), 25).numbers == list(frames)
    del event["EmbeddedTimecodeSource"]
    refused = post(stack, body)
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (400, "/zero")
    assumed = post(stack, {**body, "zero": "event_start"})
    assert (assumed.body["id"], assumed.body["warnings"]) == (batch["id"], batch["warnings"])


def test_the_segments_of_an_event_are_its_clips_frame_by_frame(stack, name, tmp_path):
    """The event is recorded in chunks whose time stamps begin anew within it. Seconds are rounded twice, as MRE's."""
    recording = stack.upload(hls.transported(clocked("mre-chunks", NTSC), "mre_chunks", offset=TURN_S - 8))
    chunks = sorted((n for n in recording.files if n.endswith(".ts")), key=lambda n: int(re.sub(r"\D", "", n)))
    stamps = [next(unit.pts for unit in ts.pes(recording.files[chunk]) if unit.is_video) for chunk in chunks]
    assert stamps[0] > stamps[-1], "33 bits begin anew"
    first = Fraction(stamps[0], hls.TICKS)
    frame = 1 / NTSC.fps

    def seconds(number: int) -> float:
        """Of a frame: the start of its chunk, and the time in that, each rounded to the millisecond."""
        begins = [(stamp - stamps[0]) % (1 << 33) * NTSC.fps / hls.TICKS for stamp in stamps]
        chunk = max(begin for begin in begins if begin <= number)
        return round(round(float(chunk * frame), 3) + float((number - chunk) * frame), 3)

    wanted = [(7, 38), (61, 62), (119, 185), (230, 260), (301, 366)]
    scenario = scenarios()["event_tennis_no_optimizer_2tracks"]
    mre = Mre(stack)
    mre.load(scenario)
    [event] = scenario["tables"]["mre-Event"]["Items"]
    rows = [row for row in scenario["tables"]["mre-PluginResult"]["Items"] if row["PK"]["S"].endswith("#TennisSegmentation")]
    mre.remove("PluginResult", rows)
    mre.put("Event", [{**event, "FirstPts": {"N": f"{float(first):.6f}"}}])
    mre.put(
        "PluginResult",
        [
            {**row, "Start": {"N": str(seconds(a))}, "End": {"N": str(seconds(b))}}
            for row, (a, b) in zip(rows, wanted, strict=False)
        ],
    )
    names = {"event": event["Name"]["S"], "program": event["Program"]["S"]}
    body = {"live_path": recording.live_path, "container": "mp4", "segments": "original", "mre": names}
    batch = finished(stack, body)
    assert (batch["outcome"], batch.get("warnings", [])) == ("READY", []), batch
    for clip, (a, b) in zip(batch["clips"], wanted, strict=True):
        assert verify(stack.fetch(clip["video_path"], tmp_path), NTSC.fps).numbers == list(range(a, b)), clip
    reel = finished(stack, {**body, "deliver": "reel", "name": name})
    assert verify(stack.fetch(reel["video_path"], tmp_path), NTSC.fps).numbers == [n for a, b in wanted for n in range(a, b)]


def test_a_hostile_list_is_refused_by_line_and_column_and_nothing_is_stored(stack):
    before = stack.items().keys()
    event = "001 AX V C 00:00:01:00 00:00:02:00 00:00:00:00 00:00:01:00\n"
    common = {"live_path": "mp4/a/stream.mpd", "zero": "2026-01-12T20:01:14Z"}
    drop = event.replace("00:00:01:00 00:00:02:00", "00:01:00:01 00:01:02:00")
    for body, pointer, line, column in [
        ({"edl": {"text": f"FCM: DROP FRAME\n{drop}", "fps": "30000/1001"}}, "/edl/text", 2, 12),
        ({"edl": {"text": event.replace("02:00", "00:00", 1), "fps": 25}}, "/edl/text", 1, 24),
        ({"edl": {"text": event.replace(" C ", " D 025 "), "fps": 25}}, "/edl/text", 1, 10),
        ({"edl": {"text": "\n" * 500_000 + "x", "fps": 25}}, "/edl/text", 500_001, 1),
        ({"edl": {"text": event, "fps": 26}}, "/edl/fps", None, None),
        ({"csv": "start,end\r\n1,2\r\n-3,4\r\n"}, "/csv", 3, 1),
        ({"csv": "start,end\n" + "5,4\n" * 200_000}, "/csv", 2, 3),
        ({"csv": "s\0t\0a\0r\0t\0"}, "/csv", 1, 2),
        ({"csv": "start,end\n1,2", "features": ["Ace"]}, "/features", None, None),
        ({"document": {"Segments": []}}, "/document", None, None),
        ({"document": {"Event": {}, "Segments": [7]}}, "/document/Segments/0", None, None),
    ]:
        refused = post(stack, {**common, **body})
        assert (refused.status, refused.headers["content-type"]) == (400, "application/problem+json"), refused
        fault = refused.body["errors"][0]
        assert (fault["pointer"], fault.get("line"), fault.get("column")) == (pointer, line, column), fault
        assert len(refused.body["errors"]) <= 50
    assert post(stack, {**common, "csv": "x" * (1 << 20)}).status == 413
    assert not [key for key in stack.items().keys() - before if key.startswith("B#")]
