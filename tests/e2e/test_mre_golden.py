"""Golden scenarios through the deployed functions: their triggers on the bus, their documents over HTTP.

`shared/mre/tests/mre/golden.rs` holds every scenario's bytes, location, attribute and event in memory. What the tables and the bus
add is held here by as many scenarios as have every attribute of every table, in every type that it has in any of them.
"""

import hashlib
import json

import pytest

from .mre import Mre, python_text, scenarios, tokens, unordered

ALL = scenarios()
# A second page of a query, an index, a separator of lines in a name, a row that is not there.
READS = ["event_200_segments_page_boundary", "event_feedback", "event_name_u2028", "replay_no_results"]


def attributes(scenario: dict) -> set[tuple[str, str, str]]:
    """(table, path, type) of everything that the scenario's rows hold."""
    found = set()

    def walk(table: str, path: str, value: dict) -> None:
        ((kind, content),) = value.items()
        found.add((table, path, kind))
        inner = content.values() if kind == "M" else content if kind == "L" else ()
        for each in inner:
            walk(table, f"{path}.", each)

    for name, table in scenario["tables"].items():
        for item in table["Items"]:
            for attribute, value in item.items():
                walk(name.rpartition("-")[2], attribute, value)
    return found


def covering(names: list[str]) -> list[str]:
    """`READS`, and of `names` as many as have every attribute that any of them has."""
    chosen = [name for name in READS if name in names]
    left = set().union(*(attributes(ALL[name]) for name in names)) - set().union(*(attributes(ALL[name]) for name in chosen))
    while left:
        best = max(names, key=lambda name: len(attributes(ALL[name]) & left))
        chosen.append(best)
        left -= attributes(ALL[best])
    return chosen


OK = covering([name for name, each in ALL.items() if each["outcome"] == "ok"])
GUIDES = covering([name for name, each in ALL.items() if "guide" in each])
CRASH = {
    "event_live_no_audio_tracks": "audio-tracks-missing",
    "event_name_percent": None,
    "event_name_slash": None,
    "event_plugin_deleted": "plugin-missing",
    "event_segment_missing_end": "segment-without-end",
    "replay_before_event_export": "stored-export-missing",
    "replay_minimal_request": "request-field-missing",
    "replay_optimizer_missing_track": "optimizer-track-missing",
}


@pytest.fixture(scope="module")
def mre(stack):
    with Mre(stack).listening() as mre:
        yield mre


def same(ours: bytes, theirs: object) -> None:
    expected = tokens(json.dumps(theirs, ensure_ascii=False))
    assert python_text(unordered(tokens(ours))) == python_text(unordered(expected))


def key_of(scenario: dict) -> str:
    return scenario["expected"]["document_location"].removeprefix("s3://").partition("/")[2]


def test_the_chosen_scenarios_have_every_attribute_and_both_kinds_of_document():
    for names, chosen in (([n for n, each in ALL.items() if each["outcome"] == "ok"], OK), ([n for n, each in ALL.items() if "guide" in each], GUIDES)):
        every = [set().union(*(attributes(ALL[name]) for name in some)) for some in (names, chosen)]
        assert every[0] == every[1]
        assert {name.partition("_")[0] for name in chosen} == {"event", "replay"}
    assert {*READS} <= {*OK}


@pytest.mark.parametrize("name", OK)
def test_the_export_is_mres(name, mre):
    scenario = ALL[name]
    names = mre.load(scenario)
    told = mre.export(scenario, names)
    key = key_of(scenario)
    location = f"s3://{mre.bucket}/{key}"

    stored = mre.object(key)
    same(stored, scenario["expected"]["document"])
    assert stored.decode() == python_text(tokens(stored)), "spaces and escapes are Python's"

    (update,) = scenario["expected"]["table_updates"]
    (attribute,) = update["set"]
    assert mre.row(names)[attribute] == {"S": location}

    (expected,) = scenario["expected"]["events_emitted"]
    assert (told["source"], told["detail-type"]) == (expected["Source"], expected["DetailType"])
    bucket = scenario["expected"]["document_location"].removeprefix("s3://").partition("/")[0]
    assert json.dumps(told["detail"]) == json.dumps(expected["Detail"]).replace(f"s3://{bucket}/base_", f"s3://{mre.bucket}/base_")

    blob = mre.get(names.mre_path())
    assert (blob.status, blob.headers["x-export-source"]) == (200, "stored")
    assert json.loads(blob.text) == {"BlobContent": stored.decode() + "\n"}
    raw = mre.get(names.mre_path(), accept="application/octet-stream")
    assert (raw.status, raw.text, raw.headers["content-type"]) == (200, stored + b"\n", "application/octet-stream")


@pytest.mark.parametrize("name", GUIDES)
def test_the_live_document_is_the_guides(name, mre):
    scenario = ALL[name]
    names = mre.load(scenario)
    if not names.replay:
        assert mre.get(names.path()).headers["x-export-profile-source"] == "derived"
        mre.export(scenario, names)
    answer = mre.get(names.path())
    assert answer.status == 200, answer
    same(answer.text, scenario["guide"])
    assert mre.get(names.query()).text == answer.text
    if not names.replay:
        assert answer.headers["x-export-profile-source"] == "trigger"


@pytest.mark.parametrize("name", CRASH)
def test_where_mre_crashes_there_is_a_document(name, mre):
    scenario = ALL[name]
    names = mre.load(scenario)
    told = mre.export(scenario, names)
    assert told["detail"]["State"] in ("BASE_EVENT_DATA_EXPORTED", "BASE_REPLAY_DATA_EXPORTED")
    for view in ("guide", "mre"):
        answer = mre.get(names.query() + f"&view={view}")
        assert answer.status == 200, answer
        assert json.loads(answer.text)["Event"]["Name"] == names.event
    stored = mre.get(names.query() + "&view=mre&source=stored")
    assert stored.headers["x-export-source"] == "stored"
    expected = CRASH[name]
    assert expected is None or expected in stored.headers["x-export-warnings"]


def test_a_replay_that_is_not_there_is_an_error_event_and_a_dead_letter(mre):
    scenario = ALL["replay_unknown_id"]
    names = mre.load(scenario)
    mre.dead_letters()
    told = mre.export(scenario, names)
    assert told["detail"]["State"] == "BASE_REPLAY_DATA_EXPORT_FAILED"
    assert told["detail"]["Event"]["ErrorCode"] == "NotFound"
    (kept,) = mre.dead_letters()
    assert kept["detail"] == scenario["trigger"]["detail"]
    assert mre.row(names) == {}
    for path in (names.path(), names.mre_path(), names.query()):
        assert mre.get(path).status == 404


def test_a_deleted_event_is_not_created_again(mre):
    scenario = ALL["event_feedback"]
    names = mre.load(scenario)
    mre.clear()
    told = mre.export(scenario, names)
    assert told["detail"]["State"] == "BASE_EVENT_DATA_EXPORT_FAILED"
    assert mre.row(names) == {}
    (kept,) = mre.dead_letters()
    assert kept["detail"] == scenario["trigger"]["detail"]


def test_the_same_state_gives_the_same_bytes(mre):
    scenario = ALL["event_tennis_optimizer"]
    names = mre.load(scenario)
    mre.export(scenario, names)
    first = mre.object(key_of(scenario))
    mre.stack.s3.delete_object(Bucket=mre.bucket, Key=key_of(scenario))
    mre.export(scenario, names)
    assert hashlib.sha256(mre.object(key_of(scenario))).digest() == hashlib.sha256(first).digest()
