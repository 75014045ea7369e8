"""What is settled stays settled, in order, and nothing of it is lost, however the hypotheses are cut."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.live.agreement import Agreement
from app.live.transcript import Transcript
from app.speech.types import Word

SPOKEN = [Word(f"word{number}", number * 0.4, number * 0.4 + 0.3) for number in range(30)]
OTHER = st.sampled_from(["and", "the", "word1", "word7", "uh"])


def hypothesis(words: list[Word], wrong: int, instead: str) -> list[Word]:
    """The words with the last `wrong` of them misheard: what comes last is what changes."""
    sure = len(words) - wrong
    return words[: max(0, sure)] + [Word(instead, word.start, word.end) for word in words[max(0, sure) :]]


@given(
    st.lists(st.integers(0, len(SPOKEN)), min_size=10, max_size=12),
    st.lists(st.tuples(st.integers(0, 3), OTHER), min_size=12, max_size=12),
)
def test_every_cut_of_the_same_speech_gives_every_word_once_in_order(
    cuts: list[int], mistakes: list[tuple[int, str]]
) -> None:
    agreement = Agreement()
    told: list[Word] = []
    for length, (wrong, instead) in zip(sorted(cuts), mistakes, strict=False):
        before = list(told)
        told += agreement.propose(hypothesis(SPOKEN[:length], wrong, f"{instead}-{length}"))
        assert told[: len(before)] == before
    told += agreement.finish(SPOKEN)
    assert [word.middle for word in told] == [word.middle for word in SPOKEN]
    assert all(one.end <= other.start for one, other in itertools.pairwise(told))


@given(st.lists(st.lists(st.tuples(OTHER, st.floats(0, 100), st.floats(0, 2)), max_size=6), max_size=10))
def test_settled_words_never_go_back_in_time_whatever_the_hypotheses(
    proposals: list[list[tuple[str, float, float]]],
) -> None:
    agreement = Agreement()
    told: list[Word] = []
    for proposal in proposals:
        told += agreement.propose([Word(text, start, start + length) for text, start, length in proposal])
    assert all(one.end <= other.start <= other.end for one, other in itertools.pairwise(told))


@given(st.lists(st.lists(st.tuples(OTHER, st.floats(0, 100), st.floats(0, 2)), max_size=6), max_size=10))
def test_finished_segments_never_change_and_starts_never_go_back(
    phrases: list[list[tuple[str, float, float]]],
) -> None:
    transcript = Transcript(50, True)
    finished: list[dict[str, object]] = []
    for phrase in phrases:
        words = [Word(text, start, start + length) for text, start, length in phrase]
        messages, _ = transcript.final(words)
        for segments in [*messages, *transcript.partial(words)]:
            assert segments
            completed = [each for each in segments if each["completed"]]
            assert completed[: len(finished)] == finished
            finished = completed
            starts = [float(each["start"]) for each in segments]
            assert starts == sorted(starts)
            assert all(each["text"].startswith(" ") for each in segments)


def test_a_word_at_the_edge_of_the_sound_is_not_settled_though_it_is_heard_twice() -> None:
    agreement = Agreement()
    cut_off = [Word("the", 0.0, 0.4), Word("map.", 0.4, 0.7)]
    agreement.propose(cut_off, until=0.5)

    assert [word.text for word in agreement.propose(cut_off, until=0.5)] == ["the"]
    assert [word.text for word in agreement.pending] == ["map."]
