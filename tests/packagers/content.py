"""What is recorded: moving pictures that look like real ones and carry their number, and sound that never repeats.

Nothing judges by the numbers: they only make each picture unlike its neighbours, whatever moves in it.
"""

from functools import cache

import numpy as np

from .programs import run, system

CELL, BITS = 16, 12
RATE = 48_000

SCENES = {
    "test": "testsrc2=s={w}x{h}:r={r}",
    "mandelbrot": "mandelbrot=s={w}x{h}:r={r}:end_scale=0.05",
    "noise": "testsrc2=s={w}x{h}:r={r},noise=alls=24:allf=t",
    "life": "life=s={w}x{h}:r={r}:mold=10:ratio=0.4:seed=7:life_color=#C83232:death_color=#202060",
    "smooth": "gradients=s={w}x{h}:r={r}:seed=3:speed=0.02",
    "black": "color=black:s={w}x{h}:r={r}",
}


def frames(scene: str, count: int, rate: str, size: tuple[int, int] = (320, 180), first: int = 0) -> bytes:
    """`count` pictures in yuv420p, numbered from `first`."""
    w, h = size
    source = SCENES[scene].format(w=w, h=h, r=rate)
    raw = run(
        [
            system("ffmpeg"),
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            source,
            "-frames:v",
            count,
            "-pix_fmt",
            "yuv420p",
            "-f",
            "rawvideo",
            "-",
        ]
    )
    pictures = np.frombuffer(raw, np.uint8).reshape(count, w * h * 3 // 2).copy()
    numbers = np.arange(first, first + count)
    luma = pictures[:, : w * h].reshape(count, h, w)
    for bit in range(BITS):
        value = np.where(numbers >> (BITS - 1 - bit) & 1, 220, 32).astype(np.uint8)[:, None, None]
        cell = slice(bit * CELL, (bit + 1) * CELL)
        luma[:, h - 2 * CELL : h - CELL, cell] = value
        luma[:, h - CELL :, cell] = 252 - value
    return pictures.tobytes()


@cache
def _noise() -> np.ndarray:
    """40 s of band-limited noise, the same always."""
    random = np.random.default_rng(5)
    white = random.standard_normal(40 * RATE)
    spectrum = np.fft.rfft(white)
    hertz = np.fft.rfftfreq(len(white), 1 / RATE)
    spectrum *= (hertz > 80) * (hertz < 3000) / (1 + hertz / 500)
    shaped = np.fft.irfft(spectrum, len(white))
    return (shaped / np.abs(shaped).max()).astype(np.float32)


def sound(seconds: float, seed: int = 0) -> bytes:
    """Mono 16 bit at 48 kHz: noise, and a beep at each whole second; tracks of other seeds have nothing in common."""
    count = int(seconds * RATE)
    at = np.arange(count)
    noise = np.roll(_noise(), seed * 7 * RATE)[:count]
    pitch = 500 + 100 * (at // RATE % 16) + 37 * seed
    beep = np.sin(2 * np.pi * pitch * at / RATE) * (at % RATE < RATE // 20)
    return ((0.7 * noise + 0.25 * beep) * 32_000).astype("<i2").tobytes()
