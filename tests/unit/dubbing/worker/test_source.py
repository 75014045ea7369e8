"""The worker's input, read by FFmpeg from files that lie about their sound, and its first burst."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.dubbing.worker.decoder import LONGEST_FRAME
from app.dubbing.worker.source import (
    BURST_GAP,
    LONGEST_HELD,
    MOST_HELD_BYTES,
    Sound,
    Source,
    SourceError,
    settle_arrivals,
)
from tests.unit.dubbing.worker.lying_clip import PACKETS, clip


def read(path: Path, heard: list[int] | None = None) -> tuple[list[str], str, str]:
    """The kinds of the items, the problem, and how reading ended; `heard` gets the numbers of samples."""
    kinds: list[str] = []
    problem = ""
    try:
        with Source(str(path)) as source:
            for item in source.items():
                kinds.append(type(item).__name__)
                problem = source.problem
                if heard is not None and isinstance(item, Sound):
                    heard.append(len(item.samples))
    except SourceError as error:
        return kinds, problem, str(error)
    return kinds, problem, ""


@pytest.mark.parametrize("rate", [1, 4, 7999, 192_001, 768_000])
def test_sound_of_an_unusable_rate_is_refused_and_takes_no_memory(tmp_path: Path, rate: int) -> None:
    path = clip(tmp_path / "bomb.nut", rate, 700)
    tracemalloc.start()
    try:
        kinds, _, end = read(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kinds == []
    assert f"{rate} Hz" in end
    assert most < 10 << 20


def test_a_picture_goes_on_without_sound_of_an_unusable_rate_and_the_problem_is_told(tmp_path: Path) -> None:
    kinds, problem, end = read(clip(tmp_path / "bomb.nut", 1, 700, picture=True))
    assert set(kinds) == {"VideoPacket"}
    assert len(kinds) == PACKETS
    assert "1 Hz" in problem
    assert end == "the stream has ended"


@pytest.mark.parametrize("picture", [True, False])
def test_sound_in_pieces_of_many_seconds_is_left_out_and_told(tmp_path: Path, picture: bool) -> None:
    longest = round(LONGEST_FRAME * 8000)
    kinds, problem, end = read(clip(tmp_path / "long.nut", 8000, longest + 1, picture=picture))
    assert "Sound" not in kinds
    assert "pieces" in (problem if picture else end)


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 48_000, 192_000])
def test_sound_of_a_usual_rate_is_heard_whole(tmp_path: Path, rate: int) -> None:
    heard: list[int] = []
    kinds, problem, _ = read(clip(tmp_path / "usual.nut", rate, rate // 10, layout="stereo"), heard)
    assert (set(kinds), problem) == ({"Sound"}, "")
    assert sum(heard) / 48_000 == pytest.approx(PACKETS * 0.1, abs=0.01)


def sound_at(time: float, arrival: float, samples: int = 1) -> Sound:
    return Sound(time, arrival, np.zeros((samples, 2), np.float32))


def test_a_burst_is_dated_back_from_what_had_to_be_waited_for() -> None:
    burst = [sound_at(0.02 * number, 5.0 + 0.0001 * number) for number in range(50)]
    late = sound_at(1.0, 5.02)
    settled = list(settle_arrivals(iter([*burst, late])))
    assert settled[-1] is late
    assert settled[0].arrival == pytest.approx(5.0049 - 0.98)
    assert np.diff([item.arrival for item in settled[:-1]]) == pytest.approx(0.02)


def test_a_stream_that_never_leaves_a_gap_is_held_for_a_second_at_most() -> None:
    step = BURST_GAP / 2
    endless: Iterator[Sound] = (sound_at(step * n, 7.0 + step * n) for n in itertools.count())
    first = next(settle_arrivals(endless))
    waiting = next(endless)
    assert waiting.arrival <= 7.0 + LONGEST_HELD + 2 * step
    assert first.arrival == pytest.approx(7.0)


def test_what_was_held_when_a_stream_ends_is_given_before_the_end_is_told() -> None:
    def short() -> Iterator[Sound]:
        yield sound_at(0.0, 7.0)
        raise SourceError("the stream has ended")

    items = settle_arrivals(short())
    assert next(items).arrival == 7.0
    with pytest.raises(SourceError, match="ended"):
        next(items)


def test_a_burst_is_held_in_a_bounded_number_of_bytes() -> None:
    samples = 48_000
    endless: Iterator[Sound] = (sound_at(float(n), 7.0, samples) for n in itertools.count())
    next(settle_arrivals(endless))
    held = round(next(endless).time)
    assert held * samples * 8 <= MOST_HELD_BYTES + samples * 8
