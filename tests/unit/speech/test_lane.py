from __future__ import annotations

import numpy as np

from app.speech.protocol import PhraseMark
from app.speech.sts.lane import MOST_SOUNDS, Lane, Mark, Sound
from app.speech.sts.phrase import Phrase
from app.speech.types import Samples, Word

RATE = 16000
SECOND = bytes(2 * RATE)


class StandInRecogniser:
    """Writes down what it is asked."""

    def __init__(self) -> None:
        self.heard = 0
        self.log: list[str] = []

    def feed(self, samples: Samples) -> None:
        self.heard += len(samples)

    def commit(self, until: float, pause: bool) -> list[Word]:
        self.log.append(f"commit {until:g} {pause}")
        return []

    def partial(self) -> list[Word]:
        return []

    def prompt(self, text: str) -> None:
        self.log.append(f"prompt {text}")

    def skip(self, until: float) -> None:
        self.log.append(f"skip {until:g}")

    def reset(self) -> None:
        self.log.append("reset")

    def close(self) -> None:
        self.log.append("close")


def phrase(number: int, *, over: bool) -> Phrase:
    mark = PhraseMark(id=number, start=0, end=(number + 1) * RATE, deadline=60.0)
    return Phrase(mark, abandoned=over)


def lane_with(over: tuple[bool, ...]) -> tuple[Lane, StandInRecogniser, list[int]]:
    recogniser, done = StandInRecogniser(), []
    lane = Lane(recogniser, RATE)
    for number, is_over in enumerate(over):
        lane.put_sound(Sound(number * RATE, SECOND))
        lane.put_mark(Mark(phrase(number, over=is_over), False, lambda one, _: done.append(one.mark.id)))
    return lane, recogniser, done


def drain(lane: Lane) -> None:
    while not lane.idle:
        lane.work()


def test_sound_of_phrases_that_nobody_waits_for_is_not_decoded_when_it_is_behind() -> None:
    lane, recogniser, done = lane_with((True, True, False))
    drain(lane)
    assert recogniser.heard == RATE
    assert lane.dropped == 2.0
    assert lane.backlog == 0.0
    assert done == [0, 1, 2]
    assert recogniser.log[-1].startswith("commit")


def test_what_is_in_time_is_heard_whole_and_in_order() -> None:
    lane, recogniser, done = lane_with((False, False, False))
    drain(lane)
    assert recogniser.heard == 3 * RATE
    assert (lane.dropped, lane.resets) == (0.0, 0)
    assert done == [0, 1, 2]
    assert recogniser.log == ["commit 1 False", "commit 2 False", "commit 3 False"]


def test_a_single_late_phrase_costs_no_context() -> None:
    recogniser = StandInRecogniser()
    lane = Lane(recogniser, RATE)
    lane.put_sound(Sound(0, SECOND[: RATE // 2]))
    lane.put_mark(Mark(phrase(0, over=True), False, lambda *_: None))
    lane.put_sound(Sound(RATE // 4, SECOND[: RATE // 2]))
    drain(lane)
    assert recogniser.heard == RATE // 2
    assert recogniser.log == ["skip 1"]
    assert np.isclose(lane.backlog, 0.0)


def test_pieces_that_wait_are_bounded_however_short_they_are_and_marks_are_counted() -> None:
    lane = Lane(StandInRecogniser(), RATE)
    for position in range(MOST_SOUNDS + 10):
        lane.put_sound(Sound(2 * position, b"12"))
        lane.put_sound(Sound(2 * position, b""))
    assert lane.dropped > 0
    assert lane.backlog * RATE <= MOST_SOUNDS
    lane.put_mark(Mark(phrase(0, over=False), True, lambda *_: None))
    assert lane.marks == 1
    drain(lane)
    assert (lane.marks, lane.backlog) == (0, 0.0)
