"""A file's sound in pieces: nothing of it is lost, none is cut in the middle of a word. (TRN-2)"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from app.archive.storage import PEAKS, Folder, Storage, piece
from app.settings import load
from app.speech.types import RECOGNISER_RATE, Samples
from app.transcriber import cut

ID = UUID(int=3)
PAUSE = 0.6


def noise(seconds: float, seed: int = 1) -> Samples:
    """Sound without any pause."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, int(seconds * RECOGNISER_RATE)).astype(np.float32)


def with_pauses(sound: Samples, *places: float) -> Samples:
    """The sound with silence from those seconds on."""
    for place in places:
        start = int(place * RECOGNISER_RATE)
        sound[start : start + int(PAUSE * RECOGNISER_RATE)] = 0.0
    return sound


def in_blocks(sound: Samples, sizes: list[int]) -> list[Samples]:
    borders = np.cumsum(sizes)
    return [each for each in np.split(sound, borders[borders < sound.size]) if each.size]


@examples(max_examples=10)
@given(st.lists(st.integers(1, 40 * RECOGNISER_RATE), min_size=1, max_size=30), st.floats(0.1, 400.0))
def test_the_pieces_together_are_the_very_same_sound(sizes: list[int], seconds: float) -> None:
    sound = noise(seconds)
    found = list(cut.pieces(in_blocks(sound, sizes)))
    assert np.array_equal(np.concatenate(found), sound)
    for each in found[:-1]:
        assert each.size / RECOGNISER_RATE >= cut.SHORTEST
    assert all(each.size for each in found)


def test_each_piece_ends_in_the_quiet_place() -> None:
    places = (110.0, 225.0)
    sound = with_pauses(noise(320.0), *places)
    found = list(cut.pieces(in_blocks(sound, [RECOGNISER_RATE] * 320)))
    ends = np.cumsum([each.size for each in found])[:-1] / RECOGNISER_RATE
    assert len(ends) == 2
    for end, place in zip(ends, places, strict=True):
        assert place + 0.1 < end < place + PAUSE - 0.1


def test_a_file_that_is_short_or_empty_is_one_piece_or_none() -> None:
    assert [each.size for each in cut.pieces([noise(149.0)])] == [149 * RECOGNISER_RATE]
    assert list(cut.pieces([])) == []


@given(st.integers(0, 100_000), st.lists(st.integers(1, 20_000), min_size=1, max_size=20))
def test_the_outline_has_twenty_values_a_second_whatever_the_blocks(size: int, sizes: list[int]) -> None:
    sound = noise(size / RECOGNISER_RATE)
    peaks = cut.Peaks()
    for block in in_blocks(sound, sizes):
        peaks.feed(block)
    step = RECOGNISER_RATE // cut.PEAKS_A_SECOND
    assert len(peaks.values) == sound.size // step
    assert peaks.values == [
        round(float(np.abs(sound[at * step : (at + 1) * step]).max()) * 100)
        for at in range(sound.size // step)
    ]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Folder(load({"DATA_DIR": str(tmp_path)}))


def test_pieces_and_outline_are_written_whole_and_read_back(storage: Storage) -> None:
    sound = noise(200.0)
    spans = cut.cut(in_blocks(sound, [RECOGNISER_RATE] * 200), storage, ID)
    assert spans[0][0] == 0.0
    assert spans[-1][1] == 200.0
    assert all(one[1] == other[0] for one, other in pairwise(spans))
    read = np.concatenate([part for at in range(len(spans)) for part in cut.read(storage.get(ID, piece(at)))])
    assert np.abs(read - sound).max() <= 1 / 32767
    outline = json.loads(storage.get(ID, PEAKS))
    assert outline["a_second"] == cut.PEAKS_A_SECOND
    assert len(outline["peaks"]) == 200 * cut.PEAKS_A_SECOND
    assert not list(storage.of(ID).rglob("*.new"))
    storage.drop_pieces(ID)
    with pytest.raises(FileNotFoundError):
        storage.get(ID, piece(0))
