"""Triggers on the bus: bursts, order, dead letters."""

import json
import time

import pytest

from .mre import Mre, scenarios, wait_for

ALL = scenarios()
EVENT = "event_feedback"


@pytest.fixture(scope="module")
def mre(stack):
    with Mre(stack).listening() as mre:
        yield mre


def told_until_quiet(mre: Mre, seconds: float = 4) -> list[dict]:
    """What is told until nothing more is for a while."""
    told, last = [], time.monotonic()
    while time.monotonic() - last < seconds:
        new = mre.told()
        if new:
            told, last = told + new, time.monotonic()
        time.sleep(0.1)
    return told


def test_a_burst_is_coalesced_and_its_last_trigger_is_not_lost(mre):
    scenario = ALL[EVENT]
    names = mre.load(scenario)
    mre.told()
    mre.dead_letters()
    triggers = 40
    for number in range(triggers):
        mre.stack.dynamodb.update_item(
            TableName=mre.env["EVENT_TABLE_NAME"], Key={"Name": {"S": names.event}, "Program": {"S": names.program}},
            UpdateExpression="SET ProgramId = :n", ExpressionAttributeValues={":n": {"S": f"state {number}"}},
        )  # fmt: skip
        mre.trigger(scenario["trigger"])
    told = told_until_quiet(mre)
    assert 1 <= len(told) <= triggers // 2, f"{len(told)} exports of {triggers} triggers"
    stored = mre.get(names.path() + "?view=mre&source=stored")
    assert stored.headers["x-export-source"] == "stored"
    assert stored.body["Event"]["ProgramId"] == f"state {triggers - 1}"
    assert mre.dead_letters() == []


def test_the_profile_of_the_last_trigger_is_shown(mre):
    scenario = ALL[EVENT]
    names = mre.load(scenario)
    for size in (11, 12):
        trigger = json.loads(json.dumps(scenario["trigger"]))
        trigger["detail"]["Event"]["EventInfo"]["Profile"]["ChunkSize"] = size
        mre.export({**scenario, "trigger": trigger}, names)
        answer = mre.get(names.path())
        assert answer.headers["x-export-profile-source"] == "trigger"
        assert answer.body["Event"]["Profile"]["ChunkSize"] == size


def test_an_event_created_anew_does_not_inherit_the_profile(mre):
    scenario = ALL[EVENT]
    names = mre.load(scenario)
    mre.export(scenario, names)
    row = {**mre.row(names), "Id": {"S": "another"}}
    row.pop("EventDataExportLocation")
    mre.put("Event", [row])
    assert mre.get(names.path()).headers["x-export-profile-source"] == "derived"


def test_a_trigger_without_names_is_kept_as_it_came(mre):
    mre.dead_letters()
    trigger = json.loads(json.dumps(ALL[EVENT]["trigger"]))
    del trigger["detail"]["Event"]["EventInfo"]["Event"]["Name"]
    mre.trigger(trigger)
    (kept,) = wait_for(lambda: mre.dead_letters() or None, "dead letter")
    assert kept["detail"] == trigger["detail"]


def test_other_events_of_the_bus_make_no_export(mre):
    mre.told()
    mre.dead_letters()
    scenario = ALL[EVENT]
    mre.load(scenario)
    for state, kind in (("CLIP_GEN_DONE", "EVENT_DATA"), ("CHUNK_START", "EVENT_CLIP_GEN")):
        trigger = json.loads(json.dumps(scenario["trigger"]))
        trigger["detail"] |= {"State": state}
        trigger["detail"]["Event"] |= {"EventType": kind}
        mre.trigger(trigger)
    assert told_until_quiet(mre, 1.5) == []
    assert mre.dead_letters() == []


def test_a_large_trigger_is_echoed_whole_below_the_limit(mre):
    scenario = ALL[EVENT]
    names = mre.load(scenario)
    trigger = json.loads(json.dumps(scenario["trigger"]))
    info = trigger["detail"]["Event"]["EventInfo"]
    info["Segments"] = [{"Start": 1, "Text": "x" * (250 * 1024)}]
    told = mre.export({**scenario, "trigger": trigger}, names)
    assert told["detail"]["Event"]["EventInfo"] == info


def test_an_ordered_document_is_built_and_kept(mre):
    names = mre.load(ALL[EVENT])
    message = mre.order(names)
    key = mre.ordered_key(message)
    mre.stack.sqs.send_message(QueueUrl=mre.env["DATA_EXPORT_QUEUE_URL"], MessageBody=message)
    assert wait_for(lambda: mre.object(key), "document") == mre.get(names.path()).text
    assert mre.dead_letters() == []
