"""Parameters of the template: what a deployment gives them, and what the template objects to."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import yaml
from samtranslator.yaml_helper import yaml_parse

Values = dict[str, str]


class ParameterError(Exception):
    """What is wrong with parameters that were given, in words for the person at the terminal."""


def read_template(path: Path) -> dict:
    """A template, with intrinsic functions in their long form."""
    return yaml_parse(path.read_text(encoding="utf-8"))


def from_file(path: Path) -> Values:
    """`Name: value` lines of YAML or JSON. Every value is text as it is written, nothing is the empty value, a list becomes its parts
    separated by commas."""
    try:
        read = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - it makes text only
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParameterError(f"{path}: {error}") from error
    if not isinstance(read or {}, dict):
        raise ParameterError(f"{path}: lines of `Name: value` are wanted")
    return {name: _text(path, name, value) for name, value in (read or {}).items()}


def _text(path: Path, name: str, value: object) -> str:
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in parts):
        raise ParameterError(f"{path}: {name} is neither a text nor a list of texts")
    return ",".join(parts)


def from_words(words: str) -> Values:
    """`Name=value Name=` as on a command line, with a shell's quotes."""
    try:
        pairs = [each.partition("=") for each in shlex.split(words)]
    except ValueError as error:
        raise ParameterError(f"PARAMETERS: {error}") from error
    for name, sign, _ in pairs:
        if not sign:
            raise ParameterError(f"PARAMETERS: Name=value is wanted, not {name!r}")
    return {name: value for name, _, value in pairs}


def defaults(template: dict) -> Values:
    """What every parameter is if nobody says anything."""
    return {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}


def objections(template: dict, given: Values, values: Values) -> Iterator[str]:
    """Why CloudFormation would refuse a deployment: `given` by the operator, `values` of all parameters in the end."""
    for name in given.keys() - template["Parameters"].keys():
        near = difflib.get_close_matches(name, template["Parameters"], 1)
        yield f"{name}: the template has no such parameter{f'; {near[0]} is meant?' if near else ''}"
    # A hidden value that stays is known to CloudFormation alone.
    known = {name: each for name, each in template["Parameters"].items() if name in given or not each.get("NoEcho")}
    wrong = [f"{name}: {fault}" for name, each in known.items() if (fault := _fault(values[name], each))]
    yield from wrong
    if not wrong:
        yield from broken_rules(template, values)


def _fault(value: str, parameter: dict) -> str:
    """What is wrong with a value, "" if nothing is."""
    if "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
        return f"one of {', '.join(str(each) or '(empty)' for each in parameter['AllowedValues'])} is wanted, not {value!r}"
    if not re.fullmatch(parameter.get("AllowedPattern", "(?s).*"), value):
        return f"{parameter.get('ConstraintDescription') or parameter['AllowedPattern']} is wanted, not {value!r}"
    longest = int(parameter.get("MaxLength", 4096))
    if len(value.encode()) > longest:
        return f"at most {longest} characters are wanted, not {len(value.encode())}"
    if parameter["Type"] == "Number":
        return _number_fault(value, parameter)
    return ""


def _number_fault(value: str, parameter: dict) -> str:
    if not re.fullmatch(r"-?\d+", value):
        return f"a whole number is wanted, not {value!r}"
    if int(value) < int(parameter.get("MinValue", value)):
        return f"at least {parameter['MinValue']} is wanted, not {value}"
    if int(value) > int(parameter.get("MaxValue", value)):
        return f"at most {parameter['MaxValue']} is wanted, not {value}"
    return ""


def broken_rules(template: dict, values: Values) -> Iterator[str]:
    """What the rules of the template object to."""
    for rule in template.get("Rules", {}).values():
        if "RuleCondition" not in rule or holds(rule["RuleCondition"], template, values):
            yield from (each["AssertDescription"] for each in rule["Assertions"] if not holds(each["Assert"], template, values))


def holds(expression: dict, template: dict, values: Values) -> bool:
    """Whether a condition or an assertion holds for these values of all parameters."""
    ((function, operand),) = expression.items()
    if function == "Condition":
        return holds(template["Conditions"][operand], template, values)
    if function == "Fn::Equals":
        first, second = (values[each["Ref"]] if isinstance(each, dict) else str(each) for each in operand)
        return first == second
    if function == "Fn::Not":
        return not holds(operand[0], template, values)
    if function in ("Fn::And", "Fn::Or"):
        return (all if function == "Fn::And" else any)(holds(each, template, values) for each in operand)
    raise ParameterError(f"the template has a condition of an unknown form: {expression}")
