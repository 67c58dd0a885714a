"""What a deployment is told before anything is built."""

import argparse
import platform
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import parameters  # noqa: E402
import rollout  # noqa: E402

TEMPLATE = parameters.read_template(rollout.ROOT / "infra" / "sam" / "template.yaml")
STANDING = {"StackName": "s", "StackStatus": "UPDATE_COMPLETE", "Parameters": [
    {"ParameterKey": "LogLevel", "ParameterValue": "warn"}, {"ParameterKey": "DataExport", "ParameterValue": "off"},
    {"ParameterKey": "GoneByNow", "ParameterValue": "x"}]}


def chosen(words: str, file: str | None = None, described: dict | None = None, folder: Path | None = None, arch: str = "arm64"):
    """What a deployment sets, and all values."""
    path = None
    if file is not None:
        path = folder / "parameters.yaml"
        path.write_text(file, encoding="utf-8")
    return rollout.chosen(argparse.Namespace(arch=arch, file=path, parameters=words), TEMPLATE, described)


@pytest.mark.parametrize(
    ("words", "pairs"),
    [
        ("CompletionBusName=", {"CompletionBusName": ""}),
        ("A='x y' B=\"\" C=a=b,c", {"A": "x y", "B": "", "C": "a=b,c"}),
        ("", {}),
    ],
)
def test_words_are_read_as_a_shell_reads_them(words, pairs):
    assert parameters.from_words(words) == pairs


@pytest.mark.parametrize("words", ["LogLevel", "A='x"])
def test_words_that_are_no_pairs_are_told(words):
    with pytest.raises(parameters.ParameterError, match="PARAMETERS"):
        parameters.from_words(words)


def test_a_file_is_text_as_it_is_written(tmp_path):
    """`on`, `off` and `no` are no truth values here, a number keeps its form, nothing is the empty value."""
    file = tmp_path / "p.yaml"
    file.write_text("DataExport: off\nLogLevel: warn\nCompletionBusName:\nClipMemoryMb: 03008\nVpcSubnetIds: [subnet-1, subnet-2]\n")
    assert parameters.from_file(file) == {
        "DataExport": "off", "LogLevel": "warn", "CompletionBusName": "", "ClipMemoryMb": "03008", "VpcSubnetIds": "subnet-1,subnet-2"}
    for wrong in ("- a\n", "A: {b: c}\n", "A: [\n"):
        file.write_text(wrong)
        with pytest.raises(parameters.ParameterError, match="p.yaml"):
            parameters.from_file(file)
    with pytest.raises(parameters.ParameterError, match="nowhere"):
        parameters.from_file(tmp_path / "nowhere")


def test_without_a_file_the_stack_keeps_what_is_not_named(tmp_path):
    given, values = chosen("ClipConcurrency=3", described=STANDING)
    assert given == {"Architecture": "arm64", "DeletionProtection": "on", "ClipConcurrency": "3"}
    assert (values["LogLevel"], values["DataExport"], values["ClipConcurrency"]) == ("warn", "off", "3")
    assert values.keys() == TEMPLATE["Parameters"].keys()


def test_with_a_file_what_is_not_named_gets_its_default(tmp_path):
    given, values = chosen("ClipConcurrency=3", "DataExport: off\n", STANDING, tmp_path)
    assert given == values and values["LogLevel"] == "info" and values["ClipConcurrency"] == "3" and values["DataExport"] == "off"


def test_tables_are_protected_as_soon_as_the_stack_stands_unless_somebody_says_otherwise():
    review = {**STANDING, "StackStatus": "REVIEW_IN_PROGRESS"}
    assert [chosen("", described=each)[1]["DeletionProtection"] for each in (None, review, STANDING)] == ["off", "off", "on"]
    assert chosen("DeletionProtection=off", described=STANDING)[1]["DeletionProtection"] == "off"


def test_another_processor_than_the_one_that_is_built_for_is_refused():
    assert chosen("", arch="x86_64")[1]["Architecture"] == "x86_64"
    with pytest.raises(parameters.ParameterError, match="ARCH=arm64 is built"):
        chosen("Architecture=x86_64")


@pytest.mark.parametrize(
    ("words", "objection"),
    [
        ("DataExport=off", ""),
        ("", "Name all eight tables"),
        ("DataExport=off LogLevl=warn", "LogLevl: the template has no such parameter; LogLevel is meant?"),
        ("DataExport=maybe", "DataExport: one of on, off is wanted, not 'maybe'"),
        ("DataExport=off LegacyHttp=300", "LegacyHttp: one of (empty), 200 is wanted"),
        ("DataExport=off ClipConcurrency=1", "ClipConcurrency: at least 2 is wanted, not 1"),
        ("DataExport=off ClipMemoryMb=20000", "ClipMemoryMb: at most 10240 is wanted, not 20000"),
        ("DataExport=off ClipMemoryMb=3G", "ClipMemoryMb: a whole number is wanted, not '3G'"),
        ("DataExport=off ClipRetentionDays=3", "ClipRetentionDays: 0 (keep for ever), or at least 15 days"),
        (f"DataExport=off TenantKeyArns={','.join(['arn:aws:kms:r:' + '1' * 12 + ':key/*'] * 70)}", "TenantKeyArns: at most 2048 characters"),
        ("DataExport=off AuthMode=none", "DefaultTenant"),
    ],
)
def test_what_cloudformation_would_refuse_is_refused_before_anything_is_built(words, objection):
    given, values = chosen(words)
    told = list(parameters.objections(TEMPLATE, given, values))
    assert [objection in each for each in told] == [True] * bool(objection), told


def test_a_hidden_value_that_stays_is_nobodys_business():
    template = {"Parameters": {"Secret": {"Type": "String", "NoEcho": True, "AllowedPattern": "[a-z]+", "Default": "a"}}}
    assert not list(parameters.objections(template, {}, {"Secret": "****"}))
    assert list(parameters.objections(template, {"Secret": "1"}, {"Secret": "1"}))
    told = "\n".join(rollout.changes(template, None, {"Secret": "xyz"}))
    assert "(hidden)" in told and "xyz" not in told


def test_what_a_deployment_changes_is_told_and_what_stays():
    new = list(rollout.changes(TEMPLATE, None, chosen("DataExport=off")[1]))
    assert new == ["  DataExport = off, was on", "  the other parameters have the template's defaults"]
    update = list(rollout.changes(TEMPLATE, STANDING, chosen("LogLevel=info CompletionBusName=", described=STANDING)[1]))
    assert update[-1] == "  the other parameters stay as they are" and "  LogLevel = info, was warn" in update
    assert "  CompletionBusName = (empty), was default" in update and not [each for each in update if "DataExport " in each]


def test_the_page_has_the_words_that_a_failed_deployment_prints():
    page = (rollout.ROOT / "infra" / "FIRST-DEPLOYMENT.md").read_text(encoding="utf-8")
    program = Path(rollout.__file__).read_text(encoding="utf-8")
    for words in ("no region", "no valid AWS credentials", "there is no rustup", "its creation failed", "the stack stands: its tables are protected",
                  "is deleted", "What holds data stays, and costs, until you remove it:"):
        assert words in page and words in program, words
    assert all(status in page for status in ("ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED")) and set(rollout.WAYS_OUT) > {"ROLLBACK_COMPLETE"}


@pytest.mark.parametrize("status", [*rollout.WAYS_OUT, "CREATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_a_stack_that_cannot_be_updated_names_the_way_out(status):
    told = rollout.blocked({"StackName": "s", "StackStatus": status})
    assert status in told and ("s`" in told or "wait" in told)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "IMPORT_COMPLETE"])
def test_a_stack_that_can_be_deployed_into_is_not_in_the_way(status):
    assert rollout.blocked({"StackName": "s", "StackStatus": status}) == "" == rollout.blocked(None)


def test_a_rust_that_cannot_build_for_the_processor_is_told(monkeypatch, tmp_path):
    foreign = "arm64" if rollout.PROCESSORS.get(platform.machine()) != "arm64" else "x86_64"
    program = tmp_path / "rustc"
    program.write_text(f"#!/bin/sh\necho {tmp_path}/nowhere\n")
    program.chmod(0o755)
    (tmp_path / "cargo").symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    (told,) = rollout.toolchain(foreign)
    assert "rustup" in told and rollout.TARGETS[foreign] in told
    (tmp_path / "rustup").symlink_to(program)
    assert not list(rollout.toolchain(foreign))
    program.unlink()
    (told,) = rollout.toolchain(foreign)
    assert "Rust is not installed" in told


@pytest.mark.parametrize(
    ("limit", "words", "warnings"),
    [
        (1000, "", []),
        (10, "", ["10 functions at once"]),
        (10, "ClipMemoryMb=4096", ["10 functions at once", "3,008 MB"]),
        (900, "SubmitConcurrency=150 StatusConcurrency=100 DocumentsConcurrency=100 ReserveWorkers=on", ["837 of the account's 900"]),
        (937, "SubmitConcurrency=150 StatusConcurrency=100 DocumentsConcurrency=100 ReserveWorkers=on", []),
    ],
)
def test_what_a_small_account_cannot_run_is_told(limit, words, warnings):
    class Lambda:
        def client(self, _):
            return self

        def get_account_settings(self):
            return {"AccountLimit": {"ConcurrentExecutions": limit}}

    told = list(rollout.small_account(Lambda(), TEMPLATE, chosen(words)[1]))
    assert [warning in each for warning, each in zip(warnings, told, strict=True)] == [True] * len(warnings), told
