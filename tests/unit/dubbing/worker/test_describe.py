"""Descriptions are placed where nobody speaks, whole or not at all (COM-5)."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.dubbing.describe import described
from app.dubbing.describe.described import DELAY, Described
from app.dubbing.describe.dialogue import Dialogue
from app.dubbing.describe.place import BETWEEN, SHORTEST_GAP, Gap, Placement, Sentence, place
from app.dubbing.worker.mixer import SAMPLE_RATE

CHUNK = 0.032
RATE = 16_000


def sentence(id: int, wanted: float, seconds: float, latest: float = 6.0) -> Sentence:
    return Sentence(id, wanted, wanted + latest, seconds, seconds / 1.25)


@st.composite
def gaps(draw: st.DrawFn) -> list[Gap]:
    found, at = [], 0.0
    for pause, lasts in draw(st.lists(st.tuples(st.floats(0.1, 8.0), st.floats(0.05, 9.0)), max_size=8)):
        found.append(Gap(at + pause, at + pause + lasts))
        at = found[-1].end
    return found


SENTENCES = st.lists(
    st.builds(
        lambda wanted, seconds, latest: (wanted, seconds, latest),
        st.floats(0.0, 60.0),
        st.floats(0.2, 6.0),
        st.floats(0.0, 8.0),
    ),
    max_size=12,
).map(lambda asked: [sentence(id, *each) for id, each in enumerate(asked)])


@given(gaps(), SENTENCES, st.floats(0.0, 30.0))
def test_whatever_is_placed_lies_whole_in_a_gap_in_time_and_in_order(
    found: list[Gap], asked: list[Sentence], free_from: float
) -> None:
    placed = place(found, asked, free_from)
    by_id = {each.id: each for each in asked}
    assert len({each.id for each in placed}) == len(placed)
    for each in placed:
        of = by_id[each.id]
        [gap] = [gap for gap in found if gap.start <= each.start and each.end <= gap.end]
        assert gap.end - gap.start >= SHORTEST_GAP
        assert max(free_from, of.wanted) <= each.start <= of.latest
        assert of.least <= each.seconds <= of.seconds
    for before, after in itertools.pairwise(placed):
        assert after.start >= before.end + BETWEEN - 1e-9
        assert by_id[after.id].wanted >= by_id[before.id].wanted


@given(gaps(), st.floats(0.2, 6.0))
def test_one_that_may_come_at_any_time_takes_the_first_gap_that_holds_it(
    found: list[Gap], seconds: float
) -> None:
    [asked] = [sentence(1, 0.0, seconds, latest=1000.0)]
    placed = place(found, [asked], 0.0)
    hold = [gap for gap in found if gap.end - gap.start >= max(SHORTEST_GAP, asked.least + 0.25 + 1e-6)]
    if hold:
        assert placed[0].start <= hold[0].start + 0.1 + 1e-9
    elif placed:
        assert placed[0].seconds >= asked.least


def test_one_that_fits_nowhere_makes_way_for_the_next() -> None:
    found = [Gap(0.0, 2.0), Gap(5.0, 7.0), Gap(20.0, 30.0)]
    asked = [sentence(1, 0.0, 4.0), sentence(2, 1.0, 1.5), sentence(3, 19.0, 4.0)]
    assert place(found, asked, 0.0) == [Placement(2, 5.1, 1.5), Placement(3, 20.1, 4.0)]


@given(st.lists(st.floats(0.0, 1.0), max_size=200), st.integers(0, 200))
def test_a_gap_that_was_told_holds_whatever_is_heard_next(heard: list[float], seen: int) -> None:
    dialogue = Dialogue(100.0)
    told: list[Gap] = []
    speech = []
    for index, probability in enumerate(heard):
        at = index * CHUNK
        if dialogue.hear(at, at + CHUNK, probability):
            speech.append(at)
        if index == seen:
            told = dialogue.gaps()
    for gap in told:
        assert any(now.start == gap.start and now.end >= gap.end for now in dialogue.gaps())
    for gap in dialogue.gaps():
        # A sum of floats may end a hair after where the next chunk starts.
        assert not any(gap.start < at + CHUNK - 1e-9 and at < gap.end for at in speech)


def test_sound_that_was_not_heard_counts_as_speech() -> None:
    dialogue = Dialogue(100.0)
    dialogue.hear(0.0, 1.0, 0.0)
    dialogue.step()
    dialogue.hear(3.0, 4.0, 0.0)
    assert dialogue.gaps() == [Gap(0.0, 0.9), Gap(3.0, 3.9)]


class Heard(Described):
    """One whose clock is the test's, and whose speech is told instead of found."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0
        self.timeline.place("audio", 0.0, 0.0)

    def playhead(self) -> float:
        return self.at - DELAY

    def run(self, until: float, speech: list[tuple[float, float]]) -> list[float]:
        """Plays until then; the times at which something was said."""
        began = []
        while self.at < until:
            self.at += CHUNK
            speaks = any(start < self.at and self.at - CHUNK < end for start, end in speech)
            self._dialogue.hear(self.at - CHUNK, self.at, float(speaks))
            before = self.said
            self.look()
            if self.said > before:
                began.append(self.playhead())
            if self.playhead() > 0:
                self.mixer.read(max(0, round(self.playhead() * SAMPLE_RATE) - self.mixer.position))
        return began

    def tell(self, seconds: float, new_scene: bool = False) -> None:
        tone = np.sin(np.arange(round(seconds * RATE)) / 4.0) * 10_000
        self.say(0.0, new_scene, RATE, tone.astype("<i2").tobytes())


def test_a_description_waits_for_the_gap_and_is_dropped_without_one() -> None:
    line = Heard()
    speech = [(0.0, 3.0), (5.5, 60.0)]
    line.run(1.0, speech)
    line.tell(1.8)
    began = line.run(25.0, speech)
    assert len(began) == 1
    assert 3.0 - described.DECIDED - 0.1 <= began[0] <= 3.2
    line.tell(1.8)
    assert line.run(50.0, speech) == []
    assert (line.said, line.dropped) == (1, 1)


def test_a_new_scene_ends_what_waits_of_the_one_before() -> None:
    line = Heard()
    speech = [(0.0, 6.0), (9.0, 30.0)]
    line.run(2.0, speech)
    line.tell(1.0)
    line.run(4.0, speech)
    line.tell(1.2, new_scene=True)
    assert len(line.run(25.0, speech)) == 1
    assert (line.said, line.dropped) == (1, 1)
