from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from app.backoff import Backoff
from app.dubbing.messages import Caption, Phrase
from app.dubbing.worker.lag import LagMeter
from app.dubbing.worker.mixer import SAMPLE_RATE, Mixer
from app.dubbing.worker.phrases import LONGEST_SPEECH, Phrases
from app.dubbing.worker.profiles import PROFILES
from app.speech.client.sts_client import Answer
from app.speech.cutter import Cut
from app.speech.protocol import Dub, Timings

LIVE = PROFILES["live"]
RATE = 22050


class Desk:
    """Phrases before a real mixer, with a playhead that is set by hand."""

    def __init__(self) -> None:
        self.playhead = 0.0
        self.mixer = Mixer(LIVE.delay + 3.0)
        self.told: list[Caption | Phrase] = []
        self.phrases = Phrases(LIVE, self.mixer, threading.RLock(), lambda: self.playhead, self.told.append)

    def play_to(self, seconds: float) -> None:
        self.mixer.skip_to(round(seconds * SAMPLE_RATE))
        self.playhead = seconds

    def ask(self, start: float, end: float) -> int:
        return self.phrases.cut(Cut(round(start * 16000), round(end * 16000), True, 0.1)).id

    def outcome(self) -> tuple[str, float]:
        record = self.told[-1]
        assert isinstance(record, Phrase)
        return record.outcome, record.lateness


def dub(phrase: int, seconds: float) -> Answer:
    sound = 0.3 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE)) / RATE)
    message = Dub(
        id=phrase,
        source="good evening",
        target="buenas tardes",
        words=(),
        timings=Timings(waited=0, recognise=0.1, translate=0, synthesise=0),
        sample_rate=RATE,
        samples=len(sound),
    )
    return Answer(phrase, message, (sound * 32767).astype("<i2").tobytes(), "", "", 0.2)


def test_a_dub_that_comes_early_waits_for_its_place_and_is_captioned_at_once() -> None:
    desk = Desk()
    desk.phrases.answered(dub(desk.ask(2.0, 4.0), 1.5))
    caption, record = desk.told
    assert isinstance(caption, Caption)
    assert (caption.source, caption.target, caption.start) == ("good evening", "buenas tardes", 2.0)
    assert desk.outcome() == ("in_time", 0.0)
    assert isinstance(record, Phrase)
    assert record.speed == 1.0
    heard = np.abs(desk.mixer.read(4 * SAMPLE_RATE)[:, 0])
    assert not heard[: 2 * SAMPLE_RATE].any()
    assert heard[2 * SAMPLE_RATE + 2000 : 3 * SAMPLE_RATE].max() > 0.05


def test_a_dub_that_comes_a_little_late_plays_at_once_and_is_called_late() -> None:
    desk = Desk()
    number = desk.ask(2.0, 4.0)
    desk.play_to(2.5)
    desk.phrases.answered(dub(number, 1.5))
    outcome, lateness = desk.outcome()
    assert outcome == "late"
    assert lateness == pytest.approx(0.55, abs=0.01)


def test_a_dub_that_comes_far_too_late_is_dropped_and_nothing_ducks() -> None:
    desk = Desk()
    number = desk.ask(2.0, 4.0)
    desk.play_to(2.0 + LIVE.latest_start + 0.1)
    desk.phrases.answered(dub(number, 1.5))
    assert desk.outcome()[0] == "dropped"
    assert not desk.mixer.read(SAMPLE_RATE).any()


def test_without_a_dub_the_original_passes_and_sounds_without_words_are_no_phrases() -> None:
    desk = Desk()
    desk.phrases.answered(Answer(desk.ask(1.0, 2.0), None, b"", "no_host", "connection refused", 0.0))
    assert desk.outcome()[0] == "passed_through"
    desk.phrases.answered(Answer(desk.ask(3.0, 3.5), None, b"", "no_speech", "no words", 0.0))
    assert desk.outcome()[0] == "wordless"
    assert (desk.phrases.counts.phrases, desk.phrases.counts.wordless) == (1, 1)


def test_a_voice_that_does_not_stop_is_not_played_and_keeps_no_other_from_being_heard() -> None:
    desk = Desk()
    desk.phrases.answered(dub(desk.ask(2.0, 4.0), LONGEST_SPEECH + 1))
    assert desk.outcome()[0] == "dropped"
    desk.phrases.answered(dub(desk.ask(4.0, 6.0), 1.5))
    assert desk.outcome() == ("in_time", 0.0)


def test_a_dub_that_can_not_be_placed_has_an_outcome_all_the_same() -> None:
    desk = Desk()
    whole = dub(desk.ask(2.0, 4.0), 1.5)
    desk.phrases.answered(replace(whole, pcm=whole.pcm[:-1]))
    assert desk.outcome()[0] == "passed_through"
    assert desk.phrases.counts.phrases == 1


def test_what_was_asked_before_the_operator_wanted_the_original_is_not_played() -> None:
    desk = Desk()
    number = desk.ask(2.0, 4.0)
    desk.phrases.forget()
    desk.phrases.answered(dub(number, 1.5))
    assert desk.told == []
    assert not desk.mixer.read(5 * SAMPLE_RATE).any()


def test_the_deadline_is_what_is_left_until_a_dub_would_be_dropped() -> None:
    desk = Desk()
    desk.play_to(1.5)
    mark = desk.phrases.cut(Cut(2 * 16000, 4 * 16000, False, 0.1))
    assert mark.deadline == pytest.approx(2.0 + LIVE.latest_start - 1.5, abs=0.1)
    assert mark.seconds == pytest.approx(2.0)


def test_the_lag_has_percentiles_and_a_slope_an_hour() -> None:
    meter = LagMeter()
    assert meter.lag().p99 == 0.0
    for second in range(100):
        meter.add(float(second), 0.001 * second)
    assert meter.lag().p50 == pytest.approx(0.0495)
    assert meter.lag().slope == pytest.approx(3.6)


def test_a_backoff_doubles_to_its_longest_and_starts_again() -> None:
    backoff = Backoff(1.0, 30.0)
    assert [backoff.next() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.next() == 1.0
