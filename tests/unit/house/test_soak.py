"""What the soak calls a problem: silence that no fault explains. The rest of it runs for hours."""

from __future__ import annotations

from tests.soak.judge import LONGEST_SILENCE, Interruption, explained, interruptions
from tests.soak.plan import KINDS, Fault, plan

BY_NAME = {kind.name: kind for kind in KINDS}


def seconds(*spans: tuple[int, int], level: float = -30.0) -> list[tuple[float, float]]:
    return [(float(at), level) for start, end in spans for at in range(start, end)]


def test_sound_that_stops_or_falls_silent_is_an_interruption_and_a_short_pause_is_none() -> None:
    assert interruptions(0, seconds((0, 10), (12, 20)), 20.0) == []
    assert interruptions(0, seconds((0, 10), (20, 30)), 30.0) == [Interruption(0, 9.0, 20.0)]
    silent = sorted([*seconds((0, 10), (20, 30)), *seconds((10, 20), level=-90.0)])
    assert interruptions(0, silent, 30.0) == [Interruption(0, 9.0, 20.0)]
    [never_back] = interruptions(0, seconds((0, 10)), 30.0)
    assert never_back.seconds > LONGEST_SILENCE


def test_only_a_fault_that_may_silence_this_stream_explains_it() -> None:
    killed = Fault(100.0, BY_NAME["publisher killed"], 1, 5.0)
    assert explained(Interruption(1, 102.0, 112.0), [killed]) == killed
    assert explained(Interruption(0, 102.0, 112.0), [killed]) is None
    assert explained(Interruption(1, 90.0, 112.0), [killed]) is None
    assert explained(Interruption(1, 102.0, 200.0), [killed]) is None
    assert (
        explained(Interruption(1, 102.0, 112.0), [Fault(100.0, BY_NAME["speech service killed"], 1, 0.0)])
        is None
    )
    media = Fault(100.0, BY_NAME["media server killed"], 1, 0.0)
    assert explained(Interruption(0, 102.0, 112.0), [media]) == media


def test_the_same_seed_plans_the_same_and_every_kind_comes_once_at_first() -> None:
    found = plan(7, 600.0, 20, 3)
    assert found == plan(7, 600.0, 20, 3) != plan(8, 600.0, 20, 3)
    assert {fault.kind for fault in found[: len(KINDS)]} == set(KINDS)
    assert sorted(fault.at for fault in found) == [fault.at for fault in found]
    assert found[-1].at < 600.0
