"""What the soak calls a problem: silence that no fault explains. The rest of it runs for hours."""

from __future__ import annotations

from tests.soak.judge import LONGEST_WAIT, Interruption, Second, explained, interruptions
from tests.soak.plan import KINDS, Fault, plan

BY_NAME = {kind.name: kind for kind in KINDS}


def seconds(*spans: tuple[int, int], level: float = -30.0) -> list[Second]:
    return [Second(float(at), float(at), level) for start, end in spans for at in range(start, end)]


def test_sound_that_is_missing_or_falls_silent_is_an_interruption_and_a_short_pause_is_none() -> None:
    assert interruptions(0, seconds((0, 10), (12, 20)), 20.0) == []
    assert interruptions(0, seconds((0, 10), (20, 30)), 30.0) == [Interruption(0, 9.0, 20.0)]
    silent = [*seconds((0, 10)), *seconds((10, 18), level=-90.0), *seconds((18, 20))]
    assert interruptions(0, silent, 20.0) == [Interruption(0, 9.0, 18.0)]
    [never_back] = interruptions(0, seconds((0, 10)), 30.0)
    assert never_back.seconds > LONGEST_WAIT


def test_sound_that_comes_a_little_late_is_none_and_a_new_connection_only_where_it_took_long() -> None:
    late = [*seconds((0, 10)), *(Second(each.at + 3.5, each.place, each.level) for each in seconds((10, 20)))]
    assert interruptions(0, late, 24.0) == []
    again = [
        *seconds((0, 10)),
        *(Second(each.at + 12.0, each.place, each.level) for each in seconds((0, 10))),
    ]
    assert interruptions(0, again[:9] + again[10:], 22.0) == []
    assert interruptions(0, again[:6] + again[10:], 22.0) == [Interruption(0, 5.0, 12.0)]


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
    # The sample's own pause may come just before.
    assert explained(Interruption(1, 95.5, 112.0), [killed]) == killed
    assert explained(Interruption(1, 94.5, 112.0), [killed]) is None
    media = Fault(100.0, BY_NAME["media server killed"], 1, 0.0)
    assert explained(Interruption(0, 102.0, 112.0), [media]) == media


def test_the_same_seed_plans_the_same_and_every_kind_comes_once_at_first() -> None:
    found = plan(7, 600.0, 20, 3)
    assert found == plan(7, 600.0, 20, 3) != plan(8, 600.0, 20, 3)
    assert {fault.kind for fault in found[: len(KINDS)]} == set(KINDS)
    assert sorted(fault.at for fault in found) == [fault.at for fault in found]
    assert found[-1].at < 600.0
