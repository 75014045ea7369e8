"""The sample's script: sentences don't overlap, beeps stand in pauses, picture and sound end together."""

from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.demo import sample, script
from app.demo.beep import SECONDS as BEEP_SECONDS
from app.demo.picture import RATE

lengths_of_sentences = st.lists(st.floats(0.5, 8), min_size=1, max_size=40)


@given(lengths_of_sentences, st.floats(10, 120))
def test_sentences_and_beeps_never_overlap_and_all_fit(lengths: list[float], seconds: float) -> None:
    plan = script.lay_out(lengths, seconds)
    spans = sorted(
        [(start, start + length) for start, length in zip(plan.sentences, lengths, strict=False)]
        + [(frame / RATE, frame / RATE + BEEP_SECONDS) for frame in plan.beeps]
    )
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(spans))
    assert not spans or spans[-1][1] <= plan.seconds


@given(lengths_of_sentences, st.floats(10, 120))
def test_beeps_are_two_seconds_apart(lengths: list[float], seconds: float) -> None:
    beeps = script.lay_out(lengths, seconds).beeps
    least = script.BEEPS_APART * RATE - 1
    assert all(second - first >= least for first, second in itertools.pairwise(beeps))


@given(st.floats(0.1, 300))
def test_picture_and_sound_end_together_so_that_the_sample_can_loop(seconds: float) -> None:
    frames = script.whole_frames(seconds)
    packets = Fraction(frames, RATE) * sample.SOUND_RATE / sample.PACKET_SAMPLES
    assert packets.denominator == 1
    assert 0 <= frames / RATE - seconds < 0.4


def test_a_sentence_that_does_not_fit_is_left_out() -> None:
    assert script.lay_out([3.0, 30.0], 10).sentences == (script.LEAD_IN,)


def test_the_news_is_one_sentence_a_line() -> None:
    lines = sample.sentences(sample.NEWS["en"].read_text(encoding="utf-8"))
    assert len(lines) > 40
    assert all(line[0].isupper() and line.endswith(".") for line in lines)
