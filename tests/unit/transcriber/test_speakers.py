"""Who speaks when: voices are found, lines are cut where they change, and no word is lost. (TRN-4)"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.archive.editing import Line, spoken_by
from app.speech.engines import voiceprint
from app.speech.engines.voiceprint import SPAN, Voiceprint
from app.speech.speakers import PAUSE, merged, runs, spoken, stretches, together
from app.speech.types import RECOGNISER_RATE, EngineMissing, Word
from tests.unit.archive.test_editing import lines_in_order


def around(*centres: int, seed: int = 7) -> np.ndarray:
    """Prints of length 1, each near one of several that are far from each other."""
    chance = np.random.default_rng(seed)
    found = np.eye(256, dtype=np.float32)[list(centres)] + chance.normal(0, 0.02, (len(centres), 256))
    prints: np.ndarray = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    return prints


@given(st.lists(st.integers(0, 4), min_size=1, max_size=25))
def test_prints_of_one_voice_come_together_and_of_others_apart(centres: list[int]) -> None:
    found = together(around(*centres), [3.0] * len(centres))
    assert all(
        (one == other) == (centres[a] == centres[b])
        for a, one in enumerate(found)
        for b, other in enumerate(found)
    )


def test_what_is_heard_for_a_moment_is_no_voice_of_its_own() -> None:
    found = together(around(0, 0, 1, 1, 2), [3.0, 3.0, 3.0, 3.0, 0.9])
    assert len(set(found)) == 2


def test_of_a_long_recording_the_rest_goes_to_the_nearest_voice() -> None:
    centres = [number % 3 for number in range(900)]
    found = together(around(*centres), [1.0 + number % 7 for number in range(900)])
    assert len(set(zip(centres, found, strict=True))) == 3


def test_groups_hold_every_print_once() -> None:
    groups = merged(around(3, 1, 3, 2, 1, 3))
    assert sorted(map(sorted, groups)) == [[0, 2, 5], [1, 4], [3]]


@given(lines_in_order(), st.data())
def test_no_word_is_lost_and_lines_stay_in_order(lines: list[Line], data: st.DataObject) -> None:
    lines = [spoken_by(line, "") for line in lines]
    found = runs(lines)
    assert [word for run in found for word in lines[run.line].words[run.first : run.last]] == [
        word for line in lines for word in line.words
    ]
    voices = [data.draw(st.sampled_from([None, 0, 1, 2])) for _ in found]
    parts = spoken(lines, found, voices)
    assert [[word for part in each for word in part.words] for each in parts] == [
        list(line.words) for line in lines
    ]
    for line, each in zip(lines, parts, strict=True):
        assert (each[0].start, each[-1].end) == (line.start, line.end)
        assert all(one.end <= other.start for one, other in pairwise(each))
        assert all(one.speaker != other.speaker for one, other in pairwise(each))
    several = len({each for each in voices if each is not None}) > 1
    assert all(bool(part.speaker) == several for each in parts for part in each)


def test_names_are_given_as_they_begin_to_speak() -> None:
    words = tuple(Word(f"w{at}", at, at + 0.5) for at in range(4))
    lines = [Line(0.0, 4.0, "", words)]
    assert PAUSE <= 0.5
    (parts,) = spoken(lines, runs(lines), [None, 7, 7, 2])
    assert [(part.speaker, part.text, part.start, part.end) for part in parts] == [
        ("Speaker 1", "w0 w1 w2", 0.0, 2.5),
        ("Speaker 2", "w3", 3.0, 4.0),
    ]


@given(st.lists(st.integers(1, 5000), max_size=20), st.lists(st.integers(0, 40_000), max_size=8))
def test_stretches_are_the_sound_of_their_times(sizes: list[int], places: list[int]) -> None:
    whole = np.arange(sum(sizes), dtype=np.float32)
    blocks = np.split(whole, np.cumsum(sizes)[:-1]) if sizes else []
    spans = [(begin / RECOGNISER_RATE, (begin + 900) / RECOGNISER_RATE) for begin in sorted(places)]
    found = list(stretches(blocks, spans))
    assert len(found) == len(spans)
    for (start, end), sound in zip(spans, found, strict=True):
        first, last = (round(at * RECOGNISER_RATE) for at in (start, end))
        assert np.array_equal(sound, whole[first:last])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Voiceprint:
    found = Voiceprint(Path(tmp_path_factory.mktemp("models")))
    found.load()
    return found


def test_a_print_is_of_length_one_and_does_not_depend_on_what_is_beside_it(model: Voiceprint) -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, 2 * SPAN).astype(np.float32)
    both = model.prints(sound, [0, SPAN])
    assert np.allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)
    assert np.allclose(model.prints(sound, [SPAN])[0], both[1], atol=1e-4)
    assert model.prints(sound, []).shape == (0, 256)


def test_a_file_of_weights_builds_nothing_but_numbers(tmp_path: Path) -> None:
    harm = tmp_path / "model.pt"
    harm.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(EngineMissing, match=r"os\.system has no place"):
        voiceprint.weights(harm)
    harm.write_bytes(b"")
    with pytest.raises(EngineMissing, match="can't be read"):
        voiceprint.weights(harm)
