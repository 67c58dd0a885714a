"""A row that the functions would refuse is never written, and one that they refuse is known for it."""

import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import boto3
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from directory import RowError, Target, Tenant, session_item  # noqa: E402

GOOD = Tenant("acme", "recordings", "acme/", (Target("clips", "eu-west-1"), Target("clips", "eu-west-1", "a/b", "123456789012")))


def test_a_row_reads_as_it_was_written():
    assert Tenant.of(GOOD.item()) == GOOD


def test_every_region_that_aws_has_is_a_targets():
    session = boto3.Session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("s3", partition):
            assert replace(GOOD, targets=(Target("clips", region),)).targets[0].region == region


def test_what_may_be_left_out_has_the_functions_defaults():
    row = {key: GOOD.item()[key] for key in ("pk", "source_bucket", "targets")}
    read = Tenant.of(row)
    assert (read.source_prefix, read.source_owner, read.default_target, read.max_active, read.max_scheduled) == ("", "", 0, 100, 1000)


@pytest.mark.parametrize("name", ["source_bucket", "source_owner", "source_prefix", "targets", "default_target", "max_active", "max_scheduled", "mre_programs"])
@pytest.mark.parametrize("value", [{"NULL": True}, {"SS": ["acme/"]}])
def test_a_row_with_an_attribute_of_the_wrong_type_opens_nothing(name, value):
    with pytest.raises(RowError, match=name):
        Tenant.of({**GOOD.item(), name: value})


@pytest.mark.parametrize(
    ("argument", "changes"),
    [
        ("tenant", {"name": "a b"}),
        ("tenant", {"name": ""}),
        ("tenant", {"name": "x" * 65}),
        ("source-bucket", {"source_bucket": "Recordings"}),
        ("source-bucket", {"source_bucket": "s3://recordings"}),
        ("source-prefix", {"source_prefix": "a//b/"}),
        ("source-prefix", {"source_prefix": "../b/"}),
        ("source-prefix", {"source_prefix": "a\n/"}),
        ("source-prefix", {"source_prefix": "x" * 600}),
        ("source-owner", {"source_owner": "me"}),
        ("target", {"targets": ()}),
        ("target", {"targets": (Target("clips", "Ireland"),)}),
        ("target", {"targets": (Target("clips", ""),)}),
        ("target", {"targets": (Target("c", "eu-west-1"),)}),
        ("target", {"targets": (Target("clips", "eu-west-1", "a/../b"),)}),
        ("target", {"targets": (Target("clips", "eu-west-1", "", "12"),)}),
        ("target", {"targets": (Target("clips", "eu-west-1", "a"), Target("clips", "eu-west-1", "/a/"))}),
        ("default-target", {"default_target": 2}),
        ("default-target", {"default_target": -1}),
        ("max-active", {"max_active": -1}),
        ("max-active", {"max_active": 2**32}),
        ("max-scheduled", {"max_scheduled": -1}),
        ("mre-program", {"mre_programs": ("tennis", "")}),
    ],
)
def test_what_the_functions_would_refuse_is_refused_and_named(argument, changes):
    with pytest.raises(RowError, match=f"^{argument}: "):
        replace(GOOD, **changes)


def test_a_session_is_stored_under_its_digest_only():
    row = session_item("2A39603DDB0F47CFB32E96C8366084AE", "acme", 1_562_300_000)
    assert row["pk"] == {"S": sha256(b"2A39603DDB0F47CFB32E96C8366084AE").hexdigest()}
    assert "2A39603D" not in str(row)
