"""Properties of the recogniser's commits: in order, each word once, never revised. (SPK-1)"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.speech.engines.pocketsphinx import (
    FRAME,
    PocketSphinxSession,
    next_start,
    settled,
    spoken,
)
from app.speech.engines.voice import FACTORS, Evidence, VoiceScout
from app.speech.types import RECOGNISER_RATE, Word


@dataclass
class ScriptedDecoder:
    """Stands in for PocketSphinx: hears a script of words at fixed times, wherever an utterance starts.

    The position in the script is carried by the sound itself: sample n has the value n modulo 2^14.
    """

    script: list[Word]
    shift: float = 0.0
    start_at: int | None = None
    heard: int = 0
    ended: list[tuple[str, int, int]] = field(default_factory=list)

    def start(self) -> None:
        self.start_at, self.heard = None, 0

    def feed(self, pcm: bytes) -> None:
        block = np.frombuffer(pcm, "<i2")
        self.start_at = self.start_at if self.start_at is not None else FEEDER.position(block)
        self.heard += len(block)

    def end(self) -> None:
        first = (self.start_at or 0) / RECOGNISER_RATE
        last = first + self.heard / RECOGNISER_RATE
        self.ended = [
            (
                word.text,
                round((max(word.start, first) - first) / FRAME),
                round((word.end - first) / FRAME) - 1,
            )
            for word in self.script
            if word.middle >= first and word.middle < last
        ]

    def segments(self) -> list[tuple[str, int, int]]:
        return self.ended

    def forget_speaker(self, cepstral_mean: str) -> None:
        assert cepstral_mean

    def close(self) -> None:
        self.ended = []


class DeafScout(VoiceScout):
    """Tries nothing: every factor does as well as the other."""

    def scores(self, sound: np.ndarray) -> dict[float, float]:
        assert sound.size
        return dict.fromkeys(FACTORS, 0.0)


DEAF = DeafScout(lambda: None, background=False)  # type: ignore[arg-type, return-value]


class Feeder:
    """Sound whose samples tell their position, in steps of 160 samples (one frame)."""

    def block(self, start: int, size: int) -> np.ndarray:
        frames = (np.arange(start, start + size) // 160 % 16384).astype(np.float32)
        return frames / 32768

    def position(self, block: np.ndarray) -> int:
        changed = int(np.argmax(block != block[0])) if (block != block[0]).any() else 160
        return int(block[0]) * 160 + (160 - changed if changed < 160 else 0)


FEEDER = Feeder()


@st.composite
def scripts(draw: st.DrawFn) -> list[Word]:
    """Words w0, w1, … one after another, 0.05 to 0.9 s long with gaps of up to 0.8 s."""
    time, words = 0.0, []
    for number in range(draw(st.integers(1, 25))):
        time += draw(st.integers(0, 80)) * FRAME
        length = draw(st.integers(5, 90)) * FRAME
        words.append(Word(f"w{number}", round(time, 2), round(time + length, 2)))
        time += length
    return words


@given(script=scripts(), data=st.data())
def test_words_are_told_in_order_each_once_and_none_is_lost(script: list[Word], data: st.DataObject) -> None:
    session = PocketSphinxSession(ScriptedDecoder(script), lambda _: None, DEAF)  # type: ignore[arg-type]
    total = int((script[-1].end + 1.0) * RECOGNISER_RATE)
    told: list[Word] = []
    fed = cut = 0
    while fed < total:
        size = data.draw(st.integers(1, 200)) * 160
        session.feed(FEEDER.block(fed, size))
        fed += size
        if data.draw(st.booleans()):
            cut = data.draw(st.integers(cut, fed))
            told += session.commit(cut / RECOGNISER_RATE, pause=False)
    told += session.commit(fed / RECOGNISER_RATE, pause=True)

    assert [word.text for word in told] == [word.text for word in script]
    assert all(before.end <= after.end for before, after in itertools.pairwise(told))


@given(script=scripts(), until=st.integers(0, 1500))
def test_skipped_words_are_never_told(script: list[Word], until: int) -> None:
    session = PocketSphinxSession(ScriptedDecoder(script), lambda _: None, DEAF)  # type: ignore[arg-type]
    size = int((script[-1].end + 1.0) * RECOGNISER_RATE) // 160 * 160
    session.feed(FEEDER.block(0, size))
    session.skip(until * FRAME)
    told = session.commit(size / RECOGNISER_RATE, pause=True)

    assert all(word.middle >= until * FRAME for word in told)


@given(
    words=scripts(),
    told=st.floats(0, 20),
    until=st.floats(0, 20),
)
def test_settled_words_lie_between_what_was_told_and_the_cut(
    words: list[Word], told: float, until: float
) -> None:
    fresh = settled(words, told, until)

    assert {word.text for word in fresh} == {w.text for w in words if told <= w.middle < until}
    assert all(word.start >= told for word in fresh)


def test_the_next_utterance_starts_at_a_word_a_second_before_the_cut() -> None:
    words = [Word("the", 1.0, 1.2), Word("old", 1.2, 1.6), Word("boat", 2.4, 2.9)]

    assert next_start(words, until=2.9, earliest=0.0) == 1.2
    assert next_start(words, until=2.9, earliest=1.4) == 1.4
    assert next_start([], until=2.9, earliest=0.0) == 1.4


def test_fillers_and_marks_of_pronunciation_are_no_words() -> None:
    segments = [("<s>", 0, 9), ("read(2)", 10, 29), ("[NOISE]", 30, 39), ("<sil>", 40, 44), ("it", 45, 60)]

    assert [word.text for word in spoken(segments, 2.0)] == ["read", "it"]
    assert spoken(segments, 2.0)[0].start == 2.1
    assert round(spoken(segments, 2.0)[0].end, 6) == 2.3


def test_sound_that_nobody_asks_about_is_settled_in_bounded_pieces() -> None:
    script = [Word(f"w{n}", n * 0.5, n * 0.5 + 0.4) for n in range(80)]
    session = PocketSphinxSession(ScriptedDecoder(script), lambda _: None, DEAF)  # type: ignore[arg-type]
    longest = 0
    for start in range(0, 40 * RECOGNISER_RATE, 1600):
        session.feed(FEEDER.block(start, 1600))
        longest = max(longest, session._sound.size)
    told = session.commit(40.0, pause=True)

    assert longest <= 13 * RECOGNISER_RATE
    assert [word.text for word in told] == [word.text for word in script]


def test_a_voice_is_taken_for_average_until_the_evidence_says_otherwise() -> None:
    evidence = Evidence()
    assert evidence.add(dict.fromkeys(FACTORS, -0.2)) == 1.0
    assert evidence.add(dict.fromkeys(FACTORS, -math.inf)) == 1.0
    better = dict.fromkeys(FACTORS, -0.4) | {FACTORS[0]: -0.1}
    assert evidence.add(better) == FACTORS[0]
    assert evidence.add(dict.fromkeys(FACTORS, -math.inf)) == FACTORS[0]


def test_a_new_speaker_wins_over_the_one_before() -> None:
    evidence = Evidence()
    for _ in range(5):
        evidence.add(dict.fromkeys(FACTORS, -0.4) | {FACTORS[0]: -0.1})
    chosen = [evidence.add(dict.fromkeys(FACTORS, -0.4) | {FACTORS[-1]: -0.1}) for _ in range(6)]

    assert chosen[-1] == FACTORS[-1]
