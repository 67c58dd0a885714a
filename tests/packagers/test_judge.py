"""The judge finds what is wrong with a clip, and nothing wrong with a right one."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from packagers import recordings
from packagers.decode import EAR
from packagers.judge import MS, Original, expected, judge
from packagers.programs import system

START, LENGTH = 1320 * MS, 1600 * MS


@pytest.fixture(scope="module")
def original() -> Original:
    return Original(recordings.made(recordings.CATALOGUE["ff5_time"]) / "stream.mpd")


class Clip:
    """A clip of the window as it ought to be, to be spoiled."""

    def __init__(self, original: Original) -> None:
        self.original = original
        wanted = expected(original.shown(""), START, LENGTH)
        _, _, held = original.parts("")[0]
        self.size = held.size
        self.planes = np.array([held.planes[each.index] for each in wanted])
        self.wave = np.nan_to_num(original.heard(original.audio_sets[0][1], float(wanted[0].at), int(1.6 * EAR)))
        self.language = "eng"
        self.video = ["-c:v", "libx264", "-crf", "16", "-preset", "veryfast"]
        self.lack_ms = 0
        self.more: list[str] = []
        self.turned = False

    def problems(self, folder: Path, suffix: str = ".mp4") -> list[str]:
        clip, sound = folder / f"clip{suffix}", folder / "sound.pcm"
        sound.write_bytes((np.clip(self.wave, -1, 1) * 32_767).astype("<i2").tobytes())
        w, h = self.size
        pictures = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{w}x{h}", "-r", "25", "-i", "-"]
        sounds = ["-f", "s16le", "-ar", str(EAR), "-ac", "1", "-i", str(sound)]
        coded = [*self.video, "-c:a", "aac", "-metadata:s:a:0", f"language={self.language}", *self.more]
        command = [system("ffmpeg"), "-v", "error", "-y", *pictures, *sounds, *coded, str(clip)]
        subprocess.run(command, input=self.planes.tobytes(), check=True)
        if self.turned:
            upright = clip.rename(folder / f"upright{suffix}")
            copied = ["-c", "copy", "-metadata:s:v", "rotate=90"]
            subprocess.run([system("ffmpeg"), "-v", "error", "-i", upright, *copied, clip], check=True)
        return judge(self.original, clip, START, LENGTH, "", self.lack_ms).problems


@pytest.fixture
def clip(original: Original) -> Clip:
    return Clip(original)


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_a_right_clip_is_right(clip, tmp_path, suffix):
    assert clip.problems(tmp_path, suffix) == []


def lose_one(clip: Clip) -> None:
    clip.planes = np.delete(clip.planes, 17, axis=0)


def lose_the_first(clip: Clip) -> None:
    clip.planes = clip.planes[1:]


def repeat_one(clip: Clip) -> None:
    clip.planes[18] = clip.planes[17]


def swap_two(clip: Clip) -> None:
    clip.planes[[5, 6]] = clip.planes[[6, 5]]


def begin_a_picture_late(clip: Clip) -> None:
    _, _, held = clip.original.parts("")[0]
    first = expected(clip.original.shown(""), START, LENGTH)[0].index
    clip.planes = held.planes[first + 1 : first + 1 + len(clip.planes)]


def ruin_the_pictures(clip: Clip) -> None:
    clip.video = ["-c:v", "libx264", "-crf", "48"]


def stretch_the_pixels(clip: Clip) -> None:
    clip.more = ["-aspect", "4:3"]


def turn(clip: Clip) -> None:
    clip.turned = True


def use_another_codec(clip: Clip) -> None:
    clip.video = ["-c:v", "mpeg4", "-q:v", "2"]


def lie_about_the_lack(clip: Clip) -> None:
    clip.lack_ms = 80


def delay_the_sound(clip: Clip) -> None:
    clip.wave = np.roll(clip.wave, int(0.03 * EAR))


def silence_the_beginning(clip: Clip) -> None:
    clip.wave[: int(0.07 * EAR)] = 0


def silence_a_part(clip: Clip) -> None:
    clip.wave[EAR // 2 : EAR] = 0


def play_faster(clip: Clip) -> None:
    at = np.arange(len(clip.wave)) * 48 / 44.1
    clip.wave = np.interp(at, np.arange(len(clip.wave)), clip.wave)


def play_other_sound(clip: Clip) -> None:
    clip.wave = clip.wave[::-1].copy()


def name_another_language(clip: Clip) -> None:
    clip.language = "fra"


def leave_the_sound_out(clip: Clip) -> None:
    clip.more = ["-an"]


FAULTS = [
    (lose_one, "39 pictures, not 40"),
    (lose_the_first, "39 pictures, not 40"),
    (repeat_one, "picture 18 is not 51"),
    (swap_two, "picture 5 is not 38"),
    (begin_a_picture_late, "shows 34-73 for 33-72"),
    (ruin_the_pictures, "dB like the recorded one"),
    (stretch_the_pixels, "pixels of"),
    (turn, "pictures of (180, 320)"),
    (use_another_codec, "codec mpeg4, not h264"),
    (lie_about_the_lack, "LackLength 80, not 0"),
    (delay_the_sound, "ms late"),
    (silence_the_beginning, "silent"),
    (silence_a_part, "silent"),
    (play_faster, "track 0"),
    (play_other_sound, "other sound"),
    (name_another_language, "track 0 is fra, not eng"),
    (leave_the_sound_out, "0 tracks of sound, not 1"),
]


@pytest.mark.parametrize(("spoil", "told"), FAULTS, ids=[spoil.__name__ for spoil, _ in FAULTS])
def test_a_fault_is_found(clip, tmp_path, spoil, told):
    spoil(clip)
    problems = clip.problems(tmp_path)
    assert any(told in problem for problem in problems), problems
