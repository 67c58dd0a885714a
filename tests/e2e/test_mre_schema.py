"""The published schemas of the guide's documents hold for every golden document and for the guide's own samples."""

import json

import pytest
from jsonschema import Draft202012Validator

from .mre import DATA, scenarios
from .stack import ROOT

ALL = scenarios()


def validator(kind: str) -> Draft202012Validator:
    schema = json.loads((ROOT / "infra" / "openapi" / f"guide-{kind}-export.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("kind", ["event", "replay"])
def test_the_guides_own_sample_is_valid(kind):
    validator(kind).validate(json.loads((DATA / f"guide_{kind}_sample.json").read_text()))


@pytest.mark.parametrize("name", [name for name, each in ALL.items() if "guide" in each])
def test_every_golden_document_is_valid(name):
    validator(name.partition("_")[0]).validate(ALL[name]["guide"])


@pytest.mark.parametrize("kind", ["event", "replay"])
def test_a_document_of_another_shape_is_not(kind):
    sample = json.loads((DATA / f"guide_{kind}_sample.json").read_text())
    del sample["Event"]["Profile"]
    assert not validator(kind).is_valid(sample)
    assert not validator(kind).is_valid({**sample, "Segments": {}})
