"""What a tenant's row says and the stack does not bear out is told."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tenants  # noqa: E402
from deployment import Deployment  # noqa: E402
from directory import Target, Tenant  # noqa: E402

REGION = "eu-west-1"
OUTPUTS = {"SourceBucket": "recordings", "ExportBucket": "clips"}


@pytest.fixture
def deployment(monkeypatch) -> Deployment:
    """A stack of which everything is known but what S3 says, which is that all buckets are there."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(tenants, "look", lambda *_: (200, REGION))
    made = Deployment()
    made.__dict__.update(outputs=OUTPUTS, parameters={"TenantTargetBucketArns": "arn:aws:s3:::others"})
    return made


def doubts(deployment: Deployment, bucket: str, root: str) -> str:
    return "\n".join(tenants.doubts(Tenant("acme", "recordings", "acme/", (Target(bucket, REGION, root),)), deployment))


def test_a_root_in_the_stacks_own_bucket_is_told_since_its_workers_may_not_write_there(deployment):
    assert "leave the root out" in doubts(deployment, "clips", "acme/")
    assert doubts(deployment, "clips", "") == doubts(deployment, "clips", "/") == ""


def test_a_root_in_a_bucket_that_the_parameter_names_is_no_doubt_even_if_it_is_the_stacks_own(deployment):
    assert doubts(deployment, "others", "acme/") == ""
    deployment.parameters["TenantTargetBucketArns"] = "arn:aws:s3:::others,arn:aws:s3:::clips"
    assert doubts(deployment, "clips", "acme/") == ""


def test_a_bucket_whose_name_begins_as_the_parameter_says_is_no_doubt(deployment):
    deployment.parameters["TenantTargetBucketArns"] = "arn:aws:s3:::others,arn:aws:s3:::acme-*"
    assert doubts(deployment, "acme-clips", "acme/") == ""
    assert "add it to TenantTargetBucketArns" in doubts(deployment, "acme", "")


@pytest.mark.parametrize(("seen", "told"), [((404, ""), "there is no bucket recordings"), ((403, "us-east-1"), "recordings lies in us-east-1"),
                                            ((200, REGION), ""), ((403, ""), "")])
def test_recordings_that_are_nowhere_or_in_another_region_are_told(deployment, monkeypatch, seen, told):
    """The workers read recordings from the stack's own region only."""
    monkeypatch.setattr(tenants, "look", lambda _, bucket: seen if bucket == "recordings" else (200, REGION))
    found = doubts(deployment, "clips", "")
    assert ("source-bucket" in found) == bool(told) and told in found


def test_a_bucket_that_the_stack_does_not_know_is_told(deployment):
    assert "add it to TenantTargetBucketArns" in doubts(deployment, "strangers", "")
