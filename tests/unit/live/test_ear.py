"""What waits for a recogniser, and when it is asked."""

from __future__ import annotations

import numpy as np
import pytest

from app.live import ear as module
from app.live.ear import Ear
from app.speech.cutter import SAMPLE_RATE, Cut
from app.speech.gate import Spoken
from app.speech.types import Samples, Word

PIECE = SAMPLE_RATE // 4


class Clock:
    """A stand-in for the machine's clock."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """The time that the test says."""
        return self.now


class StandIn:
    """A stand-in for a recogniser: a word for each second of sound, and each guess takes `cost` seconds."""

    def __init__(self, clock: Clock, cost: float) -> None:
        self.clock, self.cost = clock, cost
        self.seconds, self.guesses, self.commits, self.skipped = 0.0, 0, 0, 0.0

    def feed(self, samples: Samples) -> None:
        """More sound."""
        self.seconds += samples.size / SAMPLE_RATE

    def partial(self) -> list[Word]:
        """A guess."""
        self.guesses += 1
        self.clock.now += self.cost
        return [Word(f"w{n}", float(n), n + 1.0) for n in range(int(self.seconds)) if n >= self.skipped]

    def commit(self, until: float, pause: bool) -> list[Word]:
        """All of it; a pause is all that the tests have."""
        assert pause
        self.commits += 1
        return [Word(f"w{n}", float(n), n + 1.0) for n in range(round(until))]

    def prompt(self, text: str) -> None:
        """Has no use for it."""

    def skip(self, until: float) -> None:
        """Forgets what is settled."""
        self.skipped = until

    def reset(self) -> None:
        """Starts afresh."""
        self.seconds = self.skipped = 0.0

    def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The ear's clock."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def piece(number: int, voiced: bool = True) -> Spoken:
    """The quarter of a second with that number."""
    return Spoken(number * PIECE, np.zeros(PIECE, "<i2").tobytes(), voiced)


def test_guesses_take_at_most_half_of_the_time_where_each_hears_all_anew(clock: Clock) -> None:
    recogniser = StandIn(clock, 0.6)
    ear = Ear(recogniser, hears_anew=True)
    began, number = clock.now, 0
    while number < 80:
        ear.put([piece(number)])
        number += 1
        ear.work()
        clock.now = max(clock.now, began + number * 0.25)
    assert 10 <= recogniser.guesses <= (clock.now - began) / 2 / 0.6 + 1


def test_waiting_for_its_turn_makes_guesses_rarer(clock: Clock) -> None:
    recogniser = StandIn(clock, 0.1)
    ear = Ear(recogniser, hears_anew=True)
    ear.put([piece(number) for number in range(3)])
    clock.now += 2.0
    ear.work()
    assert recogniser.guesses == 1
    ear.put([piece(3)])
    clock.now += 2.0
    ear.work()
    assert recogniser.guesses == 1
    ear.put([piece(4)])
    clock.now += 0.2
    ear.work()
    assert recogniser.guesses == 2


def test_there_is_no_guess_in_a_pause_nor_before_half_a_second_of_speech(clock: Clock) -> None:
    recogniser = StandIn(clock, 0.1)
    ear = Ear(recogniser, hears_anew=True)
    for number in range(8):
        ear.put([piece(number, voiced=False)])
        ear.work()
    ear.put([piece(8)])
    ear.work()
    assert recogniser.guesses == 0
    ear.put([piece(9)])
    ear.work()
    assert recogniser.guesses == 1
    clock.now += 1.0
    ear.put([piece(10, voiced=False)])
    ear.work()
    assert recogniser.guesses == 1


def test_a_recogniser_that_runs_on_is_asked_each_time(clock: Clock) -> None:
    recogniser = StandIn(clock, 0.6)
    ear = Ear(recogniser, hears_anew=False)
    told = []
    for number in range(8):
        ear.put([piece(number)])
        told.append([word.text for word in ear.work().partial])
    assert recogniser.guesses == 8
    assert told[-1] == ["w0", "w1"]


def test_much_waiting_sound_is_heard_without_guesses_and_its_phrase_is_settled(clock: Clock) -> None:
    recogniser = StandIn(clock, 0.1)
    ear = Ear(recogniser, hears_anew=False)
    ear.put([*(piece(number) for number in range(24)), Cut(0, 24 * PIECE, True, 0.1)])
    assert ear.is_final
    clock.now += 3.0
    heard = [ear.work() for _ in range(4) if not ear.idle]
    assert ear.idle
    assert recogniser.guesses == 0
    assert [len(each.final) for each in heard] == [0, 0, 1]
    assert [word.text for word in heard[-1].final[0]] == [f"w{n}" for n in range(6)]
    assert heard[-1].waited == [3.0]


@pytest.mark.parametrize(("hears_anew", "commits"), [(True, 1), (False, 3)])
def test_phrases_that_wait_are_settled_at_once_where_that_costs_one_hearing(
    clock: Clock, hears_anew: bool, commits: int
) -> None:
    recogniser = StandIn(clock, 0.1)
    ear = Ear(recogniser, hears_anew)
    for second in range(3):
        ear.put([piece(4 * second + number) for number in range(4)])
        ear.put([Cut(second * SAMPLE_RATE, (second + 1) * SAMPLE_RATE, True, 0.1)])
    ear.put([piece(12)])
    clock.now += 1.0
    phrases = []
    while not ear.idle:
        phrases += ear.work().final
    assert recogniser.commits == commits
    if hears_anew:
        assert [[word.text for word in each] for each in phrases] == [["w0"], ["w1"], ["w2"]]
    assert len(phrases) == 3


def test_words_that_are_settled_early_are_told_as_finished_with_their_phrase(clock: Clock) -> None:
    recogniser = StandIn(clock, 0.1)
    ear = Ear(recogniser, hears_anew=True)
    told = []
    for number in range(16):
        ear.put([piece(number)])
        clock.now += 1.0
        told.append(ear.work())
    assert recogniser.skipped >= 2.0
    assert all(not each.final for each in told)
    assert [word.text for word in told[-1].partial] == ["w0", "w1", "w2", "w3"]
    ear.put([Cut(0, 16 * PIECE, True, 0.1)])
    assert [[word.text for word in each] for each in ear.work().final] == [["w0", "w1", "w2", "w3"]]
    ear.put([piece(16)])
    assert [word.text for word in ear.work().partial] == []


def test_a_phrase_is_settled_before_sound_that_does_not_follow_it(clock: Clock) -> None:
    recogniser = StandIn(clock, 0.1)
    ear = Ear(recogniser, hears_anew=True)
    ear.put([*(piece(number) for number in range(4)), Cut(0, SAMPLE_RATE, True, 0.1), piece(40)])
    assert [[word.text for word in each] for each in ear.work().final] == [["w0"]]
    assert not ear.idle


def test_what_waits_is_what_was_put_and_not_yet_heard(clock: Clock) -> None:
    ear = Ear(StandIn(clock, 0.1), hears_anew=False)
    ear.put([piece(number) for number in range(20)])
    assert (ear.waiting, ear.is_final) == (5.0, False)
    ear.put([Cut(0, 20 * PIECE, True, 0.1)])
    assert (ear.waiting, ear.is_final) == (5.0, True)
    while not ear.idle:
        before = ear.waiting
        ear.work()
        assert ear.waiting < before or ear.idle
    assert (ear.waiting, ear.is_final) == (0.0, False)
