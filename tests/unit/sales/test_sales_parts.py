"""Buffer, standing objections, sound on its way, WhisperLive's messages: LIV-2, LIV-6."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sales.buffer import Buffer
from app.sales.found import Found, Standing
from app.sales.messages import Segment
from app.sales.resample import Resampler
from app.sales.sound import RATE, BadSound, SoundQueue, Timeline, decode
from app.sales.whisper_live import Reader, ServerProblem

THRESHOLD, SEGMENTS, CHARS = 3.0, 2, 150

Spoken = list[tuple[float, float, int]]
spoken = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5), st.integers(1, 200)), max_size=30)


def said(pieces: Spoken) -> list[tuple[float, Segment]]:
    """Segments with the time at which each arrives: a pause, a length, a number of characters."""
    now, made = 0.0, []
    for id, (pause, length, size) in enumerate(pieces):
        start = now + pause
        now = start + length
        made.append((now, Segment(id=id, channel="call", start=start, end=now, text="x" * size)))
    return made


@given(spoken)
def test_a_buffer_loses_nothing_and_keeps_the_order(pieces: Spoken) -> None:
    buffer, out = Buffer(THRESHOLD, SEGMENTS, CHARS), []
    for now, segment in said(pieces):
        out += buffer.add(segment, now)
    out += buffer.take()
    assert [segment.id for segment in out] == list(range(len(pieces)))


@given(spoken)
def test_a_buffer_with_its_timer_keeps_nobody_waiting_longer_than_the_threshold(pieces: Spoken) -> None:
    buffer = Buffer(THRESHOLD, SEGMENTS, CHARS)
    arrived: dict[int, float] = {}
    for now, segment in said(pieces):
        if buffer.deadline is not None and buffer.deadline <= now:
            for each in buffer.due(buffer.deadline):
                assert arrived.pop(each.id) >= now - THRESHOLD - 10
        arrived[segment.id] = now
        for each in buffer.add(segment, now):
            assert now - arrived.pop(each.id) <= THRESHOLD
    if arrived:
        assert buffer.deadline == min(arrived.values()) + THRESHOLD


def segment(id: int, start: float, end: float, text: str = "some words") -> Segment:
    return Segment(id=id, channel="call", start=start, end=end, text=text)


def test_a_group_is_full_with_enough_characters_or_enough_segments_over_enough_time() -> None:
    buffer = Buffer(THRESHOLD, SEGMENTS, CHARS)
    assert buffer.add(segment(0, 0, 1, "x" * 149), 0) == []
    assert len(buffer.add(segment(1, 1, 1.5, "x"), 0)) == 2
    assert buffer.add(segment(2, 0, 1), 0) == []
    assert buffer.add(segment(3, 1, 2), 0) == []
    assert len(buffer.add(segment(4, 2, 3), 0)) == 3
    assert buffer.add(segment(5, 0, 60), 0) == []


def test_a_tail_is_due_after_the_threshold() -> None:
    buffer = Buffer(THRESHOLD, SEGMENTS, CHARS)
    buffer.add(segment(0, 0, 1), 10.0)
    assert buffer.due(12.99) == []
    assert [each.id for each in buffer.due(13.0)] == [0]
    assert buffer.deadline is None


def found(kind: Any = "price", start: float = 0.0, end: float = 1.0, **more: Any) -> Found:
    chosen: dict[str, Any] = {"channel": "call", "quote": "it is too expensive", "engine": "rules", **more}
    return Found(kind=kind, start=start, end=end, confidence=0.9, answers=("a",), smokescreen=False, **chosen)


def test_an_objection_is_told_once_while_it_stands_and_again_later() -> None:
    standing = Standing(stands=60)
    assert standing.is_new(found())
    assert not standing.is_new(found(start=50, end=51))
    assert not standing.is_new(found(start=100, end=101))
    assert standing.is_new(found(start=200, end=201))


def test_another_kind_or_another_speaker_is_another_objection() -> None:
    standing = Standing()
    assert standing.is_new(found())
    assert standing.is_new(found("timing", 5, 6, quote="now is not the time"))
    assert standing.is_new(found(start=7, end=8, channel="customer"))


def test_two_engines_that_name_the_same_words_differently_tell_them_once() -> None:
    standing = Standing()
    assert standing.is_new(found("budget"))
    assert not standing.is_new(found("price", 0.5, 2, quote="too expensive", engine="llm"))


blocks = st.lists(st.integers(1, 4000), max_size=40)


@given(blocks, st.data())
def test_sound_is_sent_whole_and_in_order_or_counted_as_dropped(
    sizes: list[int], data: st.DataObject
) -> None:
    queue, at, taken = SoundQueue(kept=0.5), 0, []
    for size in sizes:
        queue.put(np.arange(at, at + size, dtype=np.float32))
        at += size
        if data.draw(st.booleans()) and (block := queue.take()):
            taken.append(block)
    while block := queue.take():
        taken.append(block)
    positions = [place for position, samples in taken for place in range(position, position + samples.size)]
    assert positions == sorted(set(positions))
    assert all(samples[0] == position for position, samples in taken)
    assert len(positions) + queue.dropped == at


def test_after_a_lost_connection_sound_without_final_text_is_sent_again() -> None:
    queue = SoundQueue()
    queue.put(np.zeros(RATE, np.float32))
    queue.put(np.ones(RATE, np.float32))
    assert queue.take() is not None
    assert queue.take() is not None
    queue.settle(RATE)
    queue.rewind(RATE)
    block = queue.take()
    assert block is not None
    assert block[0] == RATE
    assert block[1].size == RATE
    assert queue.dropped == 0


def test_times_of_a_connection_are_places_in_the_channel_although_sound_was_left_out() -> None:
    timeline = Timeline()
    timeline.sent(RATE, RATE)
    timeline.sent(2 * RATE, RATE)
    timeline.sent(10 * RATE, RATE)
    assert [timeline.position(at) / RATE for at in (0, 0.5, 1.5, 2.0, 2.5)] == [1, 1.5, 2.5, 10, 10.5]


def test_sound_is_decoded_and_half_samples_are_refused() -> None:
    assert decode(np.array([-32768, 16384], "<i2").tobytes(), "int16").tolist() == [-1.0, 0.5]
    assert decode(np.array([np.nan, 7.0, -0.25], "<f4").tobytes(), "float32").tolist() == [0.0, 1.0, -0.25]
    with pytest.raises(BadSound):
        decode(b"123", "int16")


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=20), st.sampled_from([8000, 22050, 44100, 48000]))
def test_another_rate_gives_the_same_sound_however_it_is_cut(sizes: list[int], rate: int) -> None:
    sound = np.sin(2 * np.pi * 200 * np.arange(sum(sizes)) / rate).astype(np.float32)
    whole, pieces = Resampler(rate, RATE), Resampler(rate, RATE)
    cuts = np.split(sound, np.cumsum(sizes)[:-1])
    made = np.concatenate([pieces(cut) for cut in cuts])
    expected = whole(sound)
    assert abs(made.size - sound.size * RATE / rate) <= 8
    assert abs(made.size - expected.size) <= 1
    shared = min(made.size, expected.size)
    np.testing.assert_allclose(made[:shared], expected[:shared], atol=1e-3)


def message(*segments: tuple[str, str, str, bool]) -> str:
    return json.dumps(
        {
            "uid": "u",
            "segments": [
                {"start": start, "end": end, "text": text, "completed": done}
                for start, end, text, done in segments
            ],
        }
    )


def test_each_final_piece_is_given_once_and_the_last_open_one_is_what_is_being_said() -> None:
    reader = Reader()
    first = reader.read(message(("0.000", "1.500", " hello", True), ("1.500", "2.000", " how", False)))
    assert [said.text for said in first.final] == ["hello"]
    assert first.partial is not None
    assert first.partial.text == "how"
    again = reader.read(message(("0.000", "1.500", " hello", True), ("1.500", "3.000", " how are you", True)))
    assert [said.text for said in again.final] == ["how are you"]
    assert again.partial is None


def test_a_server_that_is_full_or_says_goodbye_is_understood() -> None:
    for told in (
        {"status": "WAIT", "message": 3},
        {"status": "ERROR", "message": "x"},
        {"message": "DISCONNECT"},
    ):
        with pytest.raises(ServerProblem):
            Reader().read(json.dumps(told))
    reader = Reader()
    reader.read(json.dumps({"uid": "u", "message": "SERVER_READY", "backend": "faster_whisper"}))
    assert reader.ready


@given(
    st.recursive(
        st.none() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_garbage_from_a_server_brings_nothing(document: Any) -> None:
    for text in (
        json.dumps(document),
        json.dumps({"segments": document}),
        json.dumps({"segments": [document]}),
    ):
        heard = Reader().read(text)
        assert heard.final == []
        assert heard.partial is None
