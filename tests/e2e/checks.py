"""What every finished export must satisfy."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from media import quality
from media.copied import Joined, expected_copies
from media.recording import Recording
from media.truth import MS, Expected
from media.verify import Report, spans, verify

from .stack import Answer, Stack

READY = {"TimeWait", "ErrorCode", "ErrorMessage", "ImagePath", "VideoPath", "Version", "S3Dir", "LackLength", "JobId"}
WORKING = {"TimeWait", "ErrorCode", "ErrorMessage", "Version", "S3Dir", "LackLength", "JobId"}
THUMBNAIL = {"TimeWait", "ErrorCode", "ErrorMessage", "ImagePath", "Version", "S3Dir", "JobId"}
REFUSED = {"TimeWait", "ErrorCode", "ErrorMessage", "Version", "S3Dir"}


def expected_of(recording: Recording, start: Fraction, duration_ms: int) -> Expected:
    return recording.truth.expected(start, duration_ms * MS)


def ready(answer: Answer, expected: Expected, *, image: bool = True) -> None:
    """The whole body of a finished media export."""
    body = answer.body
    assert answer.status == 200, answer
    assert body["ErrorCode"] == 5, answer
    assert set(body) == READY - (set() if image else {"ImagePath"}), answer
    constants = {key: body[key] for key in ("TimeWait", "ErrorMessage", "Version", "S3Dir")}
    assert constants == {"TimeWait": 0, "ErrorMessage": "Success", "Version": "v1", "S3Dir": "export"}
    assert body["LackLength"] == expected.lack_ms, f"LackLength {body['LackLength']}, not {expected.lack_ms}"


def exact(
    stack: Stack, recording: Recording, answer: Answer, expected: Expected, folder: Path, bucket: str | None = None
) -> tuple[Path, Report]:
    """Download clip and JPEG of a finished export and hold them to what the window must give."""
    ready(answer, expected, image=bool(expected.frames))
    clip = stack.fetch(answer.body["VideoPath"], folder, bucket)
    report = verify(clip, recording.truth.fps, recording.truth.size)
    problems = report.problems(expected)
    if expected.frames:
        jpeg = stack.fetch(answer.body["ImagePath"], folder, bucket)
        problems += image_problems(jpeg, clip, expected.frames[0], recording.truth.size)
        size = recording.size_of(expected.frames[0])
        if report.size != size:
            problems.append(f"pictures of {report.size}, not {size}")
    else:
        heard = sorted(tone.second for tone in report.audio[0].tones) if report.audio else []
        lost = {second % 16 for second in expected.tones[0]} - set(heard)
        problems += [f"lacks the tones of seconds {lost}"] if lost else []
    assert not problems, f"{report.summary()}: {problems}"
    return clip, report


@dataclass(frozen=True)
class Copy:
    """What became of a window's frames, by their numbers. `plan`: what the job says of it; `due`: those that can be
    copied."""

    plan: dict
    encoded: list[int]
    due: set[int]

    @property
    def is_copy(self) -> bool:
        return self.plan["kind"] != "reencode"


def kept(
    stack: Stack, recording: Recording, answer: Answer, start: Fraction, duration_ms: int, clip: Path, report: Report
) -> Copy:
    """Hold a clip in the recorded codec to the recording: samples of sound on time, captions, colours and size of what
    was encoded; and, unless the job was encoded anew as a whole, copies of all that can be copied."""
    joined = Joined(clip, recording, report)
    due = expected_copies(recording, start, start + duration_ms * MS)
    copy = Copy(stack.job(answer.body["JobId"])["plan"], joined.encoded, due)
    limit = report.audio_limit_ms()
    problems = joined.problems()
    for k, offsets in enumerate(joined.audio_offsets_ms()):
        if late := [offset for offset in offsets if abs(offset) > limit]:
            problems.append(f"{len(late)} samples of audio {k} are {min(late):.1f} to {max(late):.1f} ms late")
    if copy.is_copy:
        if left_out := sorted(due - joined.copied):
            problems.append(f"frames {spans(left_out)} can be copied")
        if copy.plan["frames_encoded"] != len(joined.encoded):
            problems.append(f"the plan says {copy.plan['frames_encoded']} frames encoded")
    assert not problems, f"{joined.summary()}: {problems}"
    return copy


def image_problems(jpeg: Path, clip: Path, number: int, drawn: tuple[int, int]) -> list[str]:
    shown, likeness = quality.jpeg_number(jpeg, drawn), quality.jpeg_psnr(jpeg, clip)
    found = [f"JPEG shows frame {shown}, not {number}"] if shown != number else []
    return found + ([f"JPEG is {likeness:.1f} dB like the clip's first frame"] if likeness < 30 else [])
