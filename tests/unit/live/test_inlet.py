"""What a client has sent and nobody has listened to yet."""

from __future__ import annotations

import pytest

from app.live.greeting import SAMPLE_BYTES, BadClient
from app.live.inlet import MOST_FRAME, PIECE, Inlet
from app.speech.cutter import SAMPLE_RATE

SECOND = bytes(range(256)) * (2 * SAMPLE_RATE // 256)


@pytest.mark.parametrize("form", list(SAMPLE_BYTES))
def test_all_sound_waits_noise_and_silence_alike(form: str) -> None:
    inlet = Inlet(form)
    for _ in range(3):
        inlet.put(bytes(SAMPLE_BYTES[form] * SAMPLE_RATE))
    assert inlet.waiting == 3.0
    inlet.take()
    assert inlet.waiting == 3.0 - PIECE


def test_what_came_is_taken_in_order_in_small_pieces_whatever_the_frames() -> None:
    inlet = Inlet("int16")
    for start in range(0, len(SECOND), 2):
        inlet.put(SECOND[start : start + 2])
    taken = b""
    while not inlet.idle:
        piece, pauses = inlet.take()
        assert 0 < len(piece) <= PIECE * 2 * SAMPLE_RATE
        assert not pauses
        taken += piece
    assert (taken, inlet.waiting) == (SECOND, 0.0)


def test_a_pause_stays_where_it_was_and_is_told_once() -> None:
    inlet = Inlet("int16")
    inlet.put(b"1234")
    inlet.pause()
    inlet.pause()
    inlet.put(b"5678")
    assert inlet.take() == (b"1234", True)
    assert inlet.take() == (b"5678", False)
    inlet.pause()
    assert not inlet.idle
    assert inlet.take() == (b"", True)
    inlet.pause()
    assert inlet.idle


def test_a_frame_that_is_too_large_or_broken_is_refused_in_words() -> None:
    inlet = Inlet("float32")
    inlet.put(bytes(MOST_FRAME))
    with pytest.raises(BadClient, match=f"{MOST_FRAME + 4} bytes is too large.*{MOST_FRAME} bytes at most"):
        inlet.put(bytes(MOST_FRAME + 4))
    with pytest.raises(BadClient, match="not whole float32"):
        inlet.put(b"123")
    assert inlet.waiting == MOST_FRAME / 4 / SAMPLE_RATE
