"""Percentiles, trends and pairs of measured series."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.statistics import pair_nearest, slope, spread

numbers = st.floats(-1e3, 1e3, allow_nan=False)


@given(st.lists(numbers, min_size=1))
def test_percentiles_are_in_order_and_inside_the_series(values: list[float]) -> None:
    found = spread(values)
    tolerance = 1e-9
    assert min(values) - tolerance <= found.p1 <= found.p50 + tolerance
    assert found.p50 <= found.p95 + tolerance <= found.p99 + 2 * tolerance
    assert found.p99 <= found.highest + tolerance
    assert found.highest == max(values)
    assert found.count == len(values)


def test_percentiles_of_a_known_series() -> None:
    found = spread([float(n) for n in range(101)])
    assert (found.p1, found.p50, found.p95, found.p99) == (1, 50, 95, 99)
    assert found.variation == 98


def test_nothing_measured_has_no_spread() -> None:
    assert spread([]).count == 0


@given(st.floats(-5, 5), numbers, st.integers(3, 40))
def test_the_slope_of_a_straight_line_is_its_own(trend: float, start: float, count: int) -> None:
    times = [n * 0.5 for n in range(count)]
    assert slope(times, [start + trend * t for t in times]) == pytest.approx(trend, abs=1e-6)


@given(st.integers(0, 29), st.floats(10, 1000))
def test_one_slow_phrase_makes_no_trend(place: int, outlier: float) -> None:
    values = [0.2] * 30
    values[place] += outlier
    assert slope([float(n) for n in range(30)], values) == pytest.approx(0)


def test_a_long_series_is_thinned_and_keeps_its_slope() -> None:
    times = [float(n) for n in range(20_000)]
    assert slope(times, [2 * t for t in times]) == pytest.approx(2)


@pytest.mark.parametrize("times", [[], [1.0], [1.0, 1.0]])
def test_too_few_times_have_no_slope(times: list[float]) -> None:
    assert slope(times, times) == 0


def test_times_and_values_must_belong_together() -> None:
    with pytest.raises(ValueError, match="2 times don't belong to 1 values"):
        slope([1.0, 2.0], [1.0])


def test_each_flash_is_paired_with_the_nearest_beep_in_reach() -> None:
    assert pair_nearest([1.0, 5.0, 9.0], [0.98, 5.4, 5.1], within=0.5) == [(1.0, 0.98), (5.0, 5.1)]
    assert pair_nearest([1.0], [], within=0.5) == []
