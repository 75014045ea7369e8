"""The frame number and the flash survive what a video encoder and a scaler do to the picture."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo import picture
from app.demo.font import GLYPHS

frame_numbers = st.integers(0, (1 << picture.NUMBER_BITS) - 1)
BASE = picture.background()


def scaled(luma: picture.Luma, width: int, height: int) -> picture.Luma:
    frame = av.VideoFrame.from_ndarray(luma, format="gray8")
    return frame.reformat(width=width, height=height).to_ndarray().astype(np.uint8)


@given(frame_numbers, st.booleans())
def test_what_is_drawn_is_read_back(number: int, flash: bool) -> None:
    luma = picture.draw(BASE, number, flash)
    assert picture.decode_number(luma) == number
    assert picture.is_flash(luma) == flash


@given(frame_numbers, st.sampled_from([(320, 180), (1280, 720), (1920, 1080), (480, 360)]))
def test_a_scaled_picture_is_read_too(number: int, size: tuple[int, int]) -> None:
    assert picture.decode_number(scaled(picture.draw(BASE, number, False), *size)) == number


@given(frame_numbers, st.integers(0, 2**32 - 1))
def test_noise_of_strong_compression_does_no_harm(number: int, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 25, BASE.shape)
    noisy = np.clip(picture.draw(BASE, number, True) + noise, 0, 255).astype(np.uint8)
    assert picture.decode_number(noisy) == number
    assert picture.is_flash(noisy)


@given(frame_numbers, st.integers(1, picture.NUMBER_BITS))
def test_one_wrong_block_is_noticed(number: int, place: int) -> None:
    luma = picture.draw(BASE, number, False)
    left = picture.LEFT + place * picture.BLOCK
    block = luma[picture.TOP : picture.TOP + picture.BLOCK, left : left + picture.BLOCK]
    block[:] = picture.BLACK if block[0, 0] > picture.MIDDLE else picture.WHITE
    assert picture.decode_number(luma) is None


@given(st.integers(0, 255))
def test_a_picture_of_something_else_has_no_number(brightness: int) -> None:
    luma = np.full((360, 640), brightness, dtype=np.uint8)
    assert picture.decode_number(luma) is None
    assert picture.decode_number(luma[:8, :8]) is None


def test_a_number_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit in 20 bits"):
        picture.encode_number(1 << picture.NUMBER_BITS)


def test_the_timecode_counts_hours_minutes_seconds_and_frames() -> None:
    assert picture.timecode(0) == "00:00:00:00"
    assert picture.timecode(25 * 3661 + 7) == "01:01:01:07"


def test_every_glyph_is_five_wide_and_seven_high() -> None:
    assert {glyph.shape for glyph in GLYPHS.values()} == {(7, 5)}
    assert set("0123456789:") <= set(GLYPHS)
