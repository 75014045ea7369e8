"""The sounds of a phrase are added to its record, off the way of what is heard (DUB-13)."""

from __future__ import annotations

import io
import queue

import av
import numpy as np
import numpy.typing as npt

from app.dubbing.messages import Caption, Phrase
from app.dubbing.worker.recorder import DUB_RATE, Recorder

CHUNK = 512
WITHIN = 30.0


def record(id: int) -> Phrase:
    return Phrase(id, 1.0, 2.0, 3.0, 4.0, "good evening", "buenas noches", "in_time", "", 0.0, 1.0, {})


def tone(seconds: float, rate: int, loud: float = 0.5) -> npt.NDArray[np.float32]:
    return (loud * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def decoded(file: bytes) -> tuple[npt.NDArray[np.float32], int]:
    with av.open(io.BytesIO(file), "r") as container:
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    return np.concatenate(parts, axis=1)[0].astype(np.float32) / 32768.0, rate


class Desk:
    """A recorder that has heard `seconds` of a tone, and what it told."""

    def __init__(self, on: bool = True) -> None:
        self.told: queue.Queue[Caption | Phrase] = queue.Queue()
        self.recorder = Recorder(self.told.put, longest_phrase=5.0, on=on)
        self.position = 0

    def hear(self, seconds: float) -> None:
        pcm = (tone(seconds, 16000) * 32767).astype("<i2")
        for at in range(0, len(pcm) - CHUNK + 1, CHUNK):
            self.recorder.hear(self.position, pcm[at : at + CHUNK].tobytes())
            self.position += CHUNK

    def phrase(self) -> Phrase:
        event = self.told.get(timeout=WITHIN)
        assert isinstance(event, Phrase)
        return event


def test_a_phrase_is_told_with_what_was_said_and_what_is_heard() -> None:
    desk = Desk()
    desk.hear(4.0)
    desk.recorder.cut(1, 16000, 40000)
    desk.recorder.placed(1, tone(1.2, 48000, 0.25))
    desk.recorder.tell(record(1))
    sounds = desk.phrase().sounds
    assert sounds is not None
    original, rate = decoded(sounds.original)
    assert (len(original), rate) == (24000, 16000)
    assert np.allclose(original, tone(4.0, 16000)[16000:40000], atol=1e-3)
    dub, rate = decoded(sounds.dub)
    assert rate == DUB_RATE
    assert abs(len(dub) - 1.2 * DUB_RATE) < 50
    assert abs(float(np.sqrt(np.mean(dub**2))) - 0.25 / np.sqrt(2)) < 0.01


def test_a_phrase_that_nobody_dubbed_has_its_original_alone() -> None:
    desk = Desk()
    desk.hear(2.0)
    desk.recorder.cut(1, 0, 16000)
    desk.recorder.tell(record(1))
    sounds = desk.phrase().sounds
    assert sounds is not None
    assert (len(decoded(sounds.original)[0]), sounds.dub) == (16000, b"")


def test_off_nothing_is_kept_and_records_go_out_at_once() -> None:
    desk = Desk(on=False)
    desk.hear(2.0)
    desk.recorder.cut(1, 0, 16000)
    desk.recorder.placed(1, tone(1.0, 48000))
    desk.recorder.tell(record(1))
    assert desk.told.get_nowait() == record(1)


def test_switched_on_in_the_middle_of_a_phrase_it_begins_with_the_next() -> None:
    desk = Desk(on=False)
    desk.hear(1.024)
    desk.recorder.record(True)
    desk.hear(2.0)
    desk.recorder.cut(1, 8000, 30000)
    desk.recorder.tell(record(1))
    assert desk.phrase().sounds is None
    desk.recorder.cut(2, 30000, 40000)
    desk.recorder.tell(record(2))
    assert desk.phrase().sounds is not None
    desk.recorder.cut(3, 40000, 44000)
    desk.recorder.record(False)
    desk.recorder.tell(record(3))
    assert desk.phrase().sounds is None


def test_more_than_can_be_compressed_goes_out_without_sounds_and_nothing_is_lost() -> None:
    desk = Desk()
    desk.hear(5.0)
    for id in range(40):
        desk.recorder.cut(id, 0, 70000)
        desk.recorder.tell(record(id))
    assert sorted(desk.phrase().id for _ in range(40)) == list(range(40))
