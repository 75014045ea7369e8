import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dubbing.worker import fit

RATE = 22050
positive = st.floats(0.05, 20.0)


def tone(seconds: float, level: float = 0.3) -> fit.Samples:
    at = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * 220 * at)).astype(np.float32)


@given(st.floats(0, 100), positive, st.booleans(), positive, st.floats(0, 110), st.floats(0, 3))
def test_a_dub_never_starts_early_and_its_speed_stays_in_bounds(
    start: float, length: float, pause: bool, seconds: float, free_from: float, latest: float
) -> None:
    plan = fit.plan(
        start=start,
        end=start + length,
        pause=pause,
        seconds=seconds,
        free_from=free_from,
        latest_start=latest,
    )
    assert plan.start >= max(start, free_from)
    assert plan.play == (plan.lateness <= latest)
    assert 1.0 <= plan.speed <= fit.FASTEST_SPEED
    if pause and plan.lateness <= fit.IN_TIME:
        assert plan.speed <= fit.COMFORTABLE_SPEED


def test_a_dub_that_fits_is_not_hurried_and_a_late_one_catches_up() -> None:
    fits = fit.plan(start=1, end=3, pause=False, seconds=1.5, free_from=0, latest_start=1)
    late = fit.plan(start=1, end=3, pause=False, seconds=3.0, free_from=1.5, latest_start=1)
    assert (fits.start, fits.speed, fits.lateness) == (1, 1.0, 0)
    assert (late.start, late.speed, late.lateness) == (1.5, fit.FASTEST_SPEED, 0.5)


def test_a_dub_that_fits_makes_the_next_one_late_by_less_than_is_heard() -> None:
    tight = fit.plan(start=1, end=3, pause=True, seconds=2.3, free_from=0, latest_start=1)
    assert tight.start + 2.3 / tight.speed - 3 < fit.IN_TIME


def test_long_pauses_inside_a_dub_are_shortened_and_its_sound_is_kept() -> None:
    sound = np.concatenate([tone(0.5), np.zeros(RATE // 2, np.float32), tone(0.5)])
    tight = fit.tighten(sound, RATE)
    assert abs(len(tight) / RATE - (1.0 + fit.LONGEST_PAUSE)) < 0.03
    assert np.sum(tight**2) == pytest.approx(np.sum(sound**2), rel=0.001)
    assert len(fit.tighten(tone(0.5), RATE)) == len(tone(0.5))
    assert len(fit.tighten(sound[:0], RATE)) == 0


@given(st.floats(1.0, 1.4), st.floats(0.3, 3.0))
def test_a_faster_dub_is_shorter_by_its_speed_and_as_loud(speed: float, seconds: float) -> None:
    sound = tone(seconds)
    faster = fit.retime(sound, RATE, speed, 48000)
    assert abs(len(faster) / 48000 - seconds / speed) < 0.03
    middle = faster[len(faster) // 4 : -len(faster) // 4]
    assert abs(np.sqrt(np.mean(middle**2)) - 0.3 / np.sqrt(2)) < 0.03


def test_the_silence_at_the_ends_goes_and_nothing_in_between() -> None:
    silence = np.zeros(RATE, np.float32)
    sound = np.concatenate([silence, tone(0.5), silence, tone(0.5), silence])
    trimmed = fit.trim(sound, RATE)
    assert abs(len(trimmed) / RATE - 2.0) < 0.06
    assert len(fit.trim(silence, RATE)) == 0


@given(st.floats(0.0001, 1.0), st.floats(0.001, 1.0))
def test_a_dub_is_as_loud_as_the_original_within_reason(level: float, original: float) -> None:
    shaped = fit.match_level(tone(0.5, level), original)
    rms = float(np.sqrt(np.mean(shaped**2)))
    assert np.isclose(rms, min(max(original, fit.LEVEL_RANGE[0]), fit.LEVEL_RANGE[1]), rtol=0.01)


def test_nothing_said_stays_nothing() -> None:
    nothing = np.zeros(0, np.float32)
    assert len(fit.retime(nothing, RATE, 1.2, 48000)) == 0
    assert len(fit.match_level(nothing, 0.1)) == 0
