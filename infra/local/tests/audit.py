"""Reads policies, a line of JSON each, `[whose, document]`, and holds them to what parliament knows of IAM: actions and condition keys
exist, and fit each other and the resource. Runs in the environment of checkov, which has parliament."""

import json
import sys

from parliament import analyze_policy_string

# What is no fault, by parliament's name of it, and why.
INTENDED = {
    "RESOURCE_STAR": "what has no name yet; in a queue's policy it is AWS's own form",
    "NO_VERSION": "SAM writes the schedule's policy without",
}
# `service:*` on named resources also holds actions on resources of other kinds; AWS's transforms have no account.
OF_PEOPLE = {"RESOURCE_MISMATCH", "INVALID_ARN"}
# Actions of which parliament's data knows only a part of the resources: AWS's service authorization reference has executions too.
UNKNOWN_RESOURCES = {"states:DescribeExecution"}
PLANTED = [
    ({"Effect": "Allow", "Action": "s3:NoSuch", "Resource": "*"}, "UNKNOWN_ACTION"),
    (
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*", "Condition": {"Bool": {"s3:nope": "true"}}},
        "UNKNOWN_CONDITION_FOR_ACTION",
    ),
    ({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:s3:::a"}, "RESOURCE_MISMATCH"),
]


def findings(document: dict) -> list:
    found = analyze_policy_string(json.dumps(document), ignore_private_auditors=True).findings
    return [each for each in found if not (each.issue == "RESOURCE_MISMATCH" and {one["action"] for one in each.detail} <= UNKNOWN_RESOURCES)]


def main() -> None:
    for statement, fault in PLANTED:
        assert fault in {each.issue for each in findings({"Version": "2012-10-17", "Statement": [statement]})}, fault
    found, count = [], 0
    for count, line in enumerate(sys.stdin, 1):
        whose, document = json.loads(line)
        intended = INTENDED.keys() | (OF_PEOPLE if whose.endswith(".json") else set())
        found += [f"{whose}: {each.issue} {each.detail}" for each in findings(document) if each.issue not in intended]
    print("\n".join([*found, f"parliament: {count} policies, {len(found)} findings"]))
    sys.exit(1 if found or count < 50 else 0)


if __name__ == "__main__":
    main()
