"""What must be true of a job that ended, however it came there."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

from e2e import checks as e2e
from media.recording import Recording

from .calls import ENDINGS, Call, digest
from .world import AFTER_THE_END, World, keys


def history_problems(calls: list[Call]) -> list[str]:
    """What is wrong with the writes of one job that were accepted, in their order."""
    written = [call.item for call in calls if call.item and call.done]
    problems = []
    for before, after in zip(written, written[1:]):
        if after["rev"] != before["rev"] + 1:
            problems.append(f"revision {after['rev']} after {before['rev']}")
        if after["fence"] < before["fence"]:
            problems.append(f"fence {after['fence']} after {before['fence']}")
        ended = before["state"] in ENDINGS and after["generation"] == before["generation"]
        if ended and ending(before) != ending(after):
            problems.append(f"{after['state']} after {before['state']}")
    commits = Counter(call.item["generation"] for call in calls if call.step == "commit" and call.done)
    return problems + [f"{count} commits of generation {number}" for number, count in commits.items() if count != 1]


def ending(item: dict) -> dict:
    """A job's item without what may change after its end."""
    return {name: value for name, value in item.items() if name not in AFTER_THE_END}


def object_problems(world: World, item: dict) -> list[str]:
    """Whether the objects that a job speaks of are what its manifests say."""
    problems = []
    for kind, key in keys(item).items():
        manifest = item.get(kind)
        if manifest is None:
            continue
        parts = [{"PartNumber": number} for number in range(1, manifest["parts"] + 1)] or [{}]
        content = [world.stack.s3.get_object(Bucket=world.bucket, Key=key, **part)["Body"].read() for part in parts]
        composite = b"".join(bytes.fromhex(digest(part)) for part in content)
        sha256 = digest(composite if manifest["parts"] else content[0])
        if (sha256, sum(map(len, content))) != (manifest["sha256"], manifest["bytes"]):
            problems.append(f"the {kind} is not what its manifest says")
    return problems


class Clips:
    """Holds clips to their windows. Those of a window are all alike: only what differs is decoded again."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world, self._folder, self._seen = world, folder, set()

    def check(self, recording: Recording, window: tuple[Fraction, int], answer) -> None:
        item = self._world.proxy.items[answer.body["JobId"]]
        alike = (recording.name, window, item["video"]["sha256"], item["image"]["sha256"])
        expected = e2e.expected_of(recording, *window)
        e2e.ready(answer, expected)
        if alike not in self._seen:
            folder = self._folder / item["job_id"]
            folder.mkdir()
            e2e.exact(self._world.stack, recording, answer, expected, folder)
            self._seen.add(alike)
