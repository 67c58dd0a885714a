"""Holds what the CDK synthesises to the template: with the same parameters both make the same resources and outputs, but for metadata.

cdk_diff.py FOLDER    of files with `parameters` and the `template` that the construct made of them, which its tests write
"""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from resolved import Resolved  # noqa: E402

# What is in no template of ours: the CDK's own.
OF_THE_CDK = {"CDKMetadata"}


def plain(value: object) -> object:
    """Without metadata, and a number as the text that CloudFormation makes of it."""
    if isinstance(value, dict):
        kept = {key: plain(each) for key, each in value.items() if key not in ("Metadata", "Condition", "Tags")}
        return kept | ({"DependsOn": sorted(kept["DependsOn"])} if isinstance(kept.get("DependsOn"), list) else {})
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(value).lower() if isinstance(value, (int, bool)) else value


def named_alike(value: object) -> object:
    """The layer's logical id ends in what SAM digests of its definition with its metadata."""
    return json.loads(re.sub(r"FfmpegLayer[0-9a-f]{10}", "FfmpegLayer", json.dumps(value)))


def differences(ours: object, theirs: object, at: str) -> list[str]:
    """Where two values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = sorted({*ours, *theirs})
        return [line for key in keys for line in differences(ours.get(key), theirs.get(key), f"{at}/{key}")]
    return [] if ours == theirs else [f"{at}: {ours} in the template, {theirs} by the CDK"]


def main() -> None:
    files, found = sorted(Path(sys.argv[1]).glob("*.json")), []
    for file in files:
        made = json.loads(file.read_text(encoding="utf-8"))
        ours, theirs = Resolved(**made["parameters"]), Resolved(source=made["template"])
        for part in ("resources", "outputs"):
            there = {name: each for name, each in getattr(theirs, part).items() if name not in OF_THE_CDK}
            found += differences(named_alike(plain(getattr(ours, part))), named_alike(plain(there)), f"{file.stem}/{part}")
    print("\n".join([*found[:50], f"cdk diff: {len(files)} stacks, {len(found)} differences"]))
    sys.exit(1 if found or len(files) < 4 else 0)


if __name__ == "__main__":
    main()
