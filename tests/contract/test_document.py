"""The document is whole: the template's routes, examples that fit, one definition of each schema."""

import json
import re
from collections.abc import Iterator

import jsonschema_rs
import pytest
from samtranslator.yaml_helper import yaml_parse

from e2e.mre import DATA, scenarios
from e2e.stack import ROOT

from .run import DOCUMENT

API = json.loads(DOCUMENT.read_text())
TEMPLATE = ROOT / "infra" / "sam" / "template.yaml"
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in API["paths"].items()
    for method, operation in methods.items()
}
GUIDES = {"event": "GuideEventExport", "replay": "GuideReplayExport"}


def validator(schema: dict) -> jsonschema_rs.Draft202012Validator:
    """A validator of a schema of the document, whose references it can follow."""
    whole = {"components": API["components"], "allOf": [schema]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def resolved(node: dict) -> dict:
    while "$ref" in node:
        target = API
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def media_types() -> Iterator[tuple[str, dict]]:
    """Each body of a request or an answer, by where it is."""
    for name, operation in OPERATIONS.items():
        for kind, media in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} {kind}", media
        for status, answer in operation["responses"].items():
            for kind, media in resolved(answer).get("content", {}).items():
                yield f"{name} {status} {kind}", media


EXAMPLES = {
    f"{where} {name}": (media["schema"], resolved(example)["value"])
    for where, media in media_types()
    for name, example in media.get("examples", {}).items()
}


def test_operations_are_the_templates_routes():
    resources = yaml_parse(TEMPLATE.read_text())["Resources"].values()
    routes = {each["Properties"]["RouteKey"].replace("+}", "}") for each in resources if each["Type"] == "AWS::ApiGatewayV2::Route"}
    assert set(OPERATIONS) == routes


def test_what_iam_guards_says_so():
    resources = yaml_parse(TEMPLATE.read_text())["Resources"].values()
    routes = [each["Properties"] for each in resources if each["Type"] == "AWS::ApiGatewayV2::Route"]
    guarded = {each["RouteKey"] for each in routes if "AuthorizationType" in each}
    assert guarded == {name for name, operation in OPERATIONS.items() if operation["security"] == [{"awsSigV4": []}]}


@pytest.mark.parametrize("where", EXAMPLES)
def test_every_example_fits_its_schema(where):
    schema, value = EXAMPLES[where]
    validator(schema).validate(value)


def test_an_example_of_another_shape_does_not_fit():
    schema, value = next(each for where, each in EXAMPLES.items() if where.startswith("POST /export application/json"))
    cases = {"StartPos": -1, "LivePath": "../x.mpd", "FetchThumb": True, "ServiceCaller": None, "Duration": 0}
    for name, wrong in cases.items():
        assert not validator(schema).is_valid({**value, name: wrong}), name


def test_the_samples_of_the_original_description_are_among_the_examples():
    text = (ROOT / "tests" / "data" / "seeds" / "tvu-export-api.md").read_text()
    values = [value for _, value in EXAMPLES.values()]
    paths = set(re.findall(r'"ImagePath":"([^"]+)"', text))
    assert paths <= {value.get("ImagePath") for value in values}
    messages = re.findall(r'"ErrorMessage":"([^"]+)"', text)
    assert len(messages) == 3
    shown = {value.get("ErrorMessage") for value in values if value.get("ImagePath") in paths}
    assert shown == set(messages)
    callers = [value for value in values if value.get("_ServiceName") == "resourceservice"]
    assert {value["FetchMedia"] for value in callers} == {True, False}
    for kind in GUIDES:
        assert json.loads((DATA / f"guide_{kind}_sample.json").read_text()) in values


@pytest.mark.parametrize("kind", GUIDES)
def test_a_guides_document_has_one_definition(kind):
    """The document's copy of `guide-*-export.schema.json` judges as the file does."""
    file = json.loads((DOCUMENT.parent / f"guide-{kind}-export.schema.json").read_text())
    original = jsonschema_rs.Draft202012Validator(file)
    copy = validator({"$ref": f"#/components/schemas/{GUIDES[kind]}"})
    documents = [each["guide"] for each in scenarios().values() if "guide" in each]
    spoilt = [{**each, "Event": {**each["Event"], "More": 1}} for each in documents]
    verdicts = [original.is_valid(each) for each in (*documents, *spoilt)]
    assert verdicts == [copy.is_valid(each) for each in (*documents, *spoilt)]
    assert set(verdicts) == {True, False}


def test_every_operation_is_described():
    for name, operation in OPERATIONS.items():
        assert operation["summary"] and operation["description"] and operation["operationId"], name
        for parameter in map(resolved, operation.get("parameters", [])):
            assert parameter["description"], (name, parameter["name"])
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids))


def test_every_member_is_described():
    request, answer = ("ExportRequest", "StoryRequest", "StorageEntry"), ("Reply", "Job", "JobRequest", "JobPage")
    bare = [
        f"{schema}.{member}"
        for schema in (*request, *answer, "Plan", "Story", "Slug")
        for member, what in API["components"]["schemas"][schema]["properties"].items()
        if not (what.get("description") or any("description" in each for each in what.get("oneOf", [])))
    ]
    assert not bare
