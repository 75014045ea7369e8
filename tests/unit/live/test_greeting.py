"""A client's first message and its frames."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.live.greeting import BadClient, is_end, read_greeting, samples_of


def test_only_the_uid_is_needed_and_null_means_missing() -> None:
    nulls = {"uid": "a", "language": None, "task": None, "send_last_n_segments": None, "audio_format": None}
    assert read_greeting(json.dumps(nulls)) == read_greeting('{"uid": "a"}')


def test_a_language_with_a_region_is_its_language() -> None:
    assert read_greeting('{"uid": "a", "language": "en-US"}').language == "en"


@given(st.text() | st.none() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_other_first_message_is_told_to_be_wrong(text: str | None) -> None:
    with pytest.raises(BadClient, match="first message"):
        read_greeting(text)


@pytest.mark.parametrize(
    ("audio_format", "frame"),
    [
        ("float32", np.array([0, 0.5, -1], "<f4").tobytes()),
        ("int16", np.array([0, 16384, -32768], "<i2").tobytes()),
        ("uint8", bytes([128, 192, 0])),
    ],
)
def test_every_format_gives_the_same_sound(audio_format: str, frame: bytes) -> None:
    assert samples_of(frame, audio_format).tolist() == [0.0, 0.5, -1.0]


@given(st.binary(max_size=400).map(lambda data: data[: len(data) - len(data) % 4]))
def test_any_whole_frame_is_finite_and_in_range(frame: bytes) -> None:
    samples = samples_of(frame, "float32")
    assert np.all(np.isfinite(samples))
    assert np.all(np.abs(samples) <= 1.0)


def test_half_a_sample_is_refused_in_words() -> None:
    with pytest.raises(BadClient, match="5 bytes is not whole float32"):
        samples_of(b"12345", "float32")


@pytest.mark.parametrize("message", ["END_OF_AUDIO", b"END_OF_AUDIO"])
def test_the_end_comes_as_text_or_as_bytes(message: str | bytes) -> None:
    assert is_end(message)
