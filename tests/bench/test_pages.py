"""The committed pages say what the committed figures say."""

import json

import pytest

from . import cost, run

FIGURES = ("results", "media", "prices")
RESULTS, MEDIA, PRICES = (json.loads((run.HERE / f"{name}.json").read_text()) for name in FIGURES)
TEMPLATE = run.ROOT / "infra" / "sam" / "template.yaml"


def test_the_table_is_that_of_the_figures():
    assert run.PAGE.read_text() == run.page_text(RESULTS)


def test_the_bill_is_that_of_the_figures_and_the_prices():
    assert run.COST.read_text() == cost.text(RESULTS, MEDIA, PRICES)


def test_a_poll_reads_one_item_and_nothing_else():
    assert RESULTS["calls"]["media"]["poll"] == {"StatusPoll": {"dynamodb:GetItem": 1}}


def test_all_alarms_are_paid_for():
    """By metrics: an alarm on several costs as many."""
    text = TEMPLATE.read_text()
    of_one = text.count("Type: AWS::CloudWatch::Alarm") - text.count("\n      Metrics:\n")
    assert of_one + text.count("MetricStat:") == PRICES["alarms"]


def test_a_bill_adds_up_what_is_called():
    work = cost.Work("9 s", cpu_s=1.7, bytes_moved=75_000_000)
    assert work.seconds(calls=10) == pytest.approx(1.7 * 1769 / 3008 + 1 + 0.2)
    free = dict.fromkeys(PRICES, 0) | {"lambda_gb_second": {"arm64": 0}, "dynamodb_million_write_units": 1e6}
    lines = cost.bill(work, {"worker": {"dynamodb:UpdateItem": 2}}, {"poll": {"dynamodb:PutItem": 1}}, 1, free)
    assert sum(line.dollars for line in lines) == 1000 * (2 + cost.POLLS["9 s"]) * cost.UNITS_A_WRITE


def test_mediaconvert_bills_ten_seconds_at_least():
    assert cost.mediaconvert("9 s", PRICES) == pytest.approx(cost.mediaconvert("60 s", PRICES) / 6)
