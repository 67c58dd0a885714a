"""The developer guide's page on exports, sentence by sentence: `tests/data/seeds/mre-export-guide.md`."""

import base64
import gzip
import json

import pytest

from .clauses import DATA, clause, sample
from .mre import DATA as GOLDEN
from .mre import Mre, Names, python_text, scenarios, tokens, unordered

EVENT, REPLAY = '"Start": 222.2,', '"ReplayFormat": "Mp4",'
# The samples have empty names, which no path can say.
NAMES = {"Name": "Final", "Program": "Open", "Profile": "Tennis", "Event": "Final"}
REPLAY_ID = "2eae3581-5057-4274-a5c2-1d6cc4e10dab"


@pytest.fixture
def mre(stack) -> Mre:
    mre = Mre(stack)
    mre.clear()
    return mre


def load(mre: Mre, kind: str) -> Names:
    """The rows that render a sample, with names."""
    tables = json.loads((GOLDEN / f"guide_{kind}_tables.json").read_text())
    for table, content in tables.items():
        for item in content["Items"]:
            for name, value in item.items():
                if value == {"S": ""} and name in NAMES:
                    item[name] = {"S": NAMES["Profile"] if table == "mre-Profile" else NAMES[name]}
                elif name == "PK":
                    item[name] = {"S": value["S"].replace("#", "Open#Final", 1)}
        mre.put(table.removeprefix("mre-"), content["Items"])
    if kind == "event":
        return Names("Final", "Open")
    results = gzip.compress((GOLDEN / "guide_replay_results.json").read_bytes())
    key = {"ProgramEventReplayId": {"S": f"Open#Final#{REPLAY_ID}"}}
    mre.put("ReplayResults", [{**key, "ReplayResults": {"B": base64.b64encode(results).decode()}}])
    return Names("Final", "Open", REPLAY_ID)


def with_names(text: str) -> object:
    """A sample as the named rows render it."""
    document = tokens(text)
    event = document["Event"]
    assert (event["Name"], event["Program"], event["Profile"]["Name"]) == ("", "", "")
    event |= {"Name": NAMES["Name"], "Program": NAMES["Program"]}
    event["Profile"]["Name"] = NAMES["Profile"]
    return document


def the_sample_is_answered(mre: Mre, kind: str, line: str, path: str) -> None:
    names = load(mre, kind)
    assert names.path() == path
    answer = mre.get(path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer
    expected = with_names(sample(DATA, line))
    assert python_text(unordered(tokens(answer.text))) == python_text(unordered(expected))


@clause("The API to request an event specific export is here:", '"Start": 222.2,')
@clause("GET /export/data/event/{event}/program/{program}")
def test_the_event_route_answers_with_the_sample(mre):
    the_sample_is_answered(mre, "event", EVENT, "/export/data/event/Final/program/Open")


@clause("The API to request a replay specific export is here:", '"ReplayFormat": "Mp4",')
@clause("GET /export/data/replay/{id}/event/{event}/program/{program}")
@clause("Here's an example of the JSON formatted export data.")
def test_the_replay_route_answers_with_the_sample(mre):
    the_sample_is_answered(mre, "replay", REPLAY, f"/export/data/replay/{REPLAY_ID}/event/Final/program/Open")


@clause(
    "Media Replay Engine (MRE) provides the capability to export Event and Replay data into JSON format for enabling "
    "B2B and B2C contexts."
)
@clause(
    "These exports capture key metadata about the segments created, optimization applied, profiles used and the "
    "locations of clips/thumbnails."
)
@pytest.mark.parametrize("scenario", ["event_tennis_optimizer", "replay_mp4_weight"])
def test_an_export_tells_segments_optimization_profile_and_locations(scenario, mre):
    names = mre.load(scenarios()[scenario])
    document = mre.get(names.path()).body
    assert document["Event"]["Profile"]["Name"] and document["Event"]["Profile"]["Classifier"]["Name"]
    assert len(document["Segments"]) > 1
    for segment in document["Segments"]:
        assert segment["Start"] < segment["End"]
        assert {"OptoStart", "OptoEnd", "OptimizedClipLocation"} <= segment.keys()
        assert segment["OriginalClipLocation"] and segment["OriginalThumbnailLocation"]
    if names.replay:
        assert document["Replay"]["Mp4Location"] and document["Replay"]["Mp4ThumbnailLocation"]
    else:
        assert any(segment["OptimizedClipLocation"] for segment in document["Segments"])
