"""Writes every policy of the template but those of trust, which have no resource, resolved for the branches and for two partitions, and
those for the people: a line of JSON each, `[whose, document]`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from resolved import Resolved, branches, policy_documents  # noqa: E402

OF_PEOPLE = Path(__file__).resolve().parents[2] / "ops" / "policies"


def main() -> None:
    told = set()
    for partition in ("aws", "aws-cn"):
        for branch, parameters in branches(partition).items():
            for name, document in policy_documents(Resolved(partition, **parameters)):
                line = json.dumps([f"{name} ({branch}, {partition})", document])
                if (text := json.dumps(document)) not in told and not name.endswith("/AssumeRolePolicyDocument"):
                    told.add(text)
                    print(line)
    for path in sorted(OF_PEOPLE.glob("*.json")):
        print(json.dumps([path.name, json.loads(path.read_text(encoding="utf-8"))]))


if __name__ == "__main__":
    main()
