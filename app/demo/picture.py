"""The sample's picture: a timecode for people, and a row of blocks that carries the frame number.

Everything is luma (brightness) in a numpy array of HEIGHT × WIDTH, uint8. Block 0 is white and the
last one black, so that a reader knows that it looks at a sample; between them stand 20 bits of
frame number and 4 bits of checksum, most significant first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.demo.font import GLYPHS

WIDTH, HEIGHT, RATE = 640, 360, 25
BLOCK = 24
NUMBER_BITS, CHECK_BITS = 20, 4
BLOCKS = 1 + NUMBER_BITS + CHECK_BITS + 1
LEFT, TOP = (WIDTH - BLOCKS * BLOCK) // 2, HEIGHT - BLOCK - 8
FLASH_BOX = (slice(24, 104), slice(WIDTH - 104, WIDTH - 24))
BLACK, WHITE, MIDDLE = 16, 235, 126
CLEAR_CONTRAST = 40

Luma = NDArray[np.uint8]


def checksum(number: int) -> int:
    """Four bits that tell a damaged frame number from a sound one."""
    return (number ^ number >> 4 ^ number >> 8 ^ number >> 12 ^ number >> 16 ^ 0b1010) & 0b1111


def encode_number(number: int) -> list[bool]:
    """The blocks, white is True, for a frame number from 0 to 2**20 - 1."""
    if not 0 <= number < 1 << NUMBER_BITS:
        raise ValueError(f"frame number {number} does not fit in {NUMBER_BITS} bits")
    word = number << CHECK_BITS | checksum(number)
    bits = [bool(word >> place & 1) for place in reversed(range(NUMBER_BITS + CHECK_BITS))]
    return [True, *bits, False]


def decode_number(luma: Luma) -> int | None:
    """The frame number in a picture of any size, or None where it holds none that is sound."""
    height, width = luma.shape
    x_scale, y_scale = width / WIDTH, height / HEIGHT
    y = int((TOP + BLOCK / 2) * y_scale)
    half = max(1, int(BLOCK * min(x_scale, y_scale) / 6))
    centres = ((LEFT + (np.arange(BLOCKS) + 0.5) * BLOCK) * x_scale).astype(int)
    if centres[-1] + half >= width or y + half >= height:
        return None
    means = np.array([luma[y - half : y + half + 1, x - half : x + half + 1].mean() for x in centres])
    if np.abs(means - MIDDLE).min() < CLEAR_CONTRAST:
        return None
    bits = means > MIDDLE
    if not bits[0] or bits[-1]:
        return None
    word = int("".join("1" if bit else "0" for bit in bits[1:-1]), 2)
    number = word >> CHECK_BITS
    return number if word & 0b1111 == checksum(number) else None


def is_flash(luma: Luma) -> bool:
    """Whether the corner of the picture (of any size) flashes white."""
    height, width = luma.shape
    rows, columns = FLASH_BOX
    box = luma[
        rows.start * height // HEIGHT : rows.stop * height // HEIGHT : 4,
        columns.start * width // WIDTH : columns.stop * width // WIDTH : 4,
    ]
    return bool(box.size and box.mean() > MIDDLE + CLEAR_CONTRAST)


def timecode(number: int) -> str:
    """Hours, minutes, seconds and frames of a frame number at 25 frames a second."""
    seconds, frame = divmod(number, RATE)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}:{frame:02}"


def write(luma: Luma, text: str, x: int, y: int, scale: int, brightness: int = WHITE) -> None:
    """Writes text into the picture with the built-in 5 × 7 font, each dot `scale` pixels wide."""
    for place, character in enumerate(text.upper()):
        glyph = np.kron(GLYPHS.get(character, GLYPHS[" "]), np.ones((scale, scale), dtype=np.bool_))
        left = x + place * 6 * scale
        target = luma[y : y + glyph.shape[0], left : left + glyph.shape[1]]
        target[glyph[: target.shape[0], : target.shape[1]]] = brightness


def background() -> Luma:
    """What all pictures share: a dark gradient and the title."""
    column = np.linspace(30, 62, HEIGHT).astype(np.uint8)
    luma: Luma = np.repeat(column[:, None], WIDTH, axis=1)
    write(luma, "Voicestack", 32, 40, 5)
    write(luma, "sample broadcast", 32, 90, 2, 180)
    return luma


def draw(base: Luma, number: int, flash: bool) -> Luma:
    """The picture of a frame: timecode, a moving bar, the flash, the blocks of its number."""
    luma = base.copy()
    write(luma, timecode(number), 124, 170, 6)
    luma[240:246, 124 : 124 + 4 * (number % 98)] = 150
    if flash:
        luma[FLASH_BOX] = WHITE
    for place, bit in enumerate(encode_number(number)):
        left = LEFT + place * BLOCK
        luma[TOP : TOP + BLOCK, left : left + BLOCK] = WHITE if bit else BLACK
    return luma
