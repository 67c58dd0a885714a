"""What every finished export must satisfy."""

from fractions import Fraction
from pathlib import Path

from media import quality
from media.recording import Recording
from media.truth import MS, Expected
from media.verify import Report, verify

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
    report = verify(clip, recording.truth.fps)
    problems = report.problems(expected)
    if expected.frames:
        jpeg = stack.fetch(answer.body["ImagePath"], folder, bucket)
        problems += image_problems(jpeg, clip, expected.frames[0])
        if report.size != recording.truth.size:
            problems.append(f"pictures of {report.size}, not {recording.truth.size}")
    else:
        heard = sorted(tone.second for tone in report.audio[0].tones) if report.audio else []
        lost = {second % 16 for second in expected.tones[0]} - set(heard)
        problems += [f"lacks the tones of seconds {lost}"] if lost else []
    assert not problems, f"{report.summary()}: {problems}"
    return clip, report


def image_problems(jpeg: Path, clip: Path, number: int) -> list[str]:
    shown, likeness = quality.jpeg_number(jpeg), quality.jpeg_psnr(jpeg, clip)
    found = [f"JPEG shows frame {shown}, not {number}"] if shown != number else []
    return found + ([f"JPEG is {likeness:.1f} dB like the clip's first frame"] if likeness < 30 else [])
