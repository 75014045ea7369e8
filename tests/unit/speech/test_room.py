"""Where there is more to do than time, the oldest sessions are dubbed and the newest rest. (DUB-7)"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.speech.sts.room import EFFECT, LONGEST_PATIENCE, MANY, PATIENCE, WINDOW, Room

EVERY = 2.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def with_sessions(*names: str) -> tuple[Room, Clock]:
    clock = Clock()
    room = Room(clock)
    for name in names:
        room.enter(name)
    clock.now += EFFECT
    return room, clock


def late(room: Room, name: str, times: int = MANY) -> None:
    """Late answers one after the other."""
    for _ in range(times):
        room.answered(name, late=True)
        room._clock.now += EVERY  # type: ignore[attr-defined]


def admitted(room: Room, names: str) -> str:
    return "".join(name for name in names if room.admits(name))


def test_the_newest_rests_where_an_older_one_is_late_again_and_again() -> None:
    room, _ = with_sessions(*"abc")
    late(room, "a", MANY - 1)
    assert admitted(room, "abc") == "abc"
    late(room, "a", 1)
    assert admitted(room, "abc") == "ab"
    assert (room.dubbed, room.resting) == (2, 1)


def test_after_a_stall_many_answers_are_late_at_once_and_nobody_rests() -> None:
    room, _ = with_sessions(*"ab")
    for _ in range(10):
        room.answered("a", late=True)
    assert admitted(room, "ab") == "ab"


def test_where_most_are_in_time_nobody_rests() -> None:
    room, _ = with_sessions(*"ab")
    for _ in range(20):
        late(room, "a", 1)
        room.answered("b", late=False)
        room.answered("b", late=False)
    assert admitted(room, "ab") == "ab"


def test_lateness_now_and_then_is_an_exception() -> None:
    room, clock = with_sessions(*"ab")
    for _ in range(10):
        late(room, "a", 1)
        clock.now += WINDOW
    assert admitted(room, "ab") == "ab"


def test_one_goes_at_a_time_and_the_last_one_never() -> None:
    room, clock = with_sessions(*"abc")
    late(room, "a", MANY + 1)
    assert room.dubbed == 2
    for _ in range(5):
        clock.now += EFFECT
        late(room, "a")
    assert admitted(room, "abc") == "a"


def test_what_rests_says_nothing_of_the_others() -> None:
    room, clock = with_sessions(*"abc")
    late(room, "a")
    clock.now += EFFECT
    late(room, "c", 3)
    assert admitted(room, "abc") == "ab"


def test_a_session_that_ends_leaves_its_place_to_the_next() -> None:
    room, _ = with_sessions(*"abc")
    late(room, "a")
    room.leave("a")
    assert admitted(room, "bc") == "bc"


def test_one_more_is_tried_when_all_have_been_in_time_and_later_each_time_that_was_too_many() -> None:
    room, clock = with_sessions(*"ab")
    late(room, "a")
    wait = PATIENCE
    for _ in range(6):
        clock.now += wait - 1 - EVERY
        assert admitted(room, "ab") == "a"
        clock.now += 1
        assert admitted(room, "ab") == "ab"
        clock.now += EFFECT
        late(room, "a")
        wait = min(LONGEST_PATIENCE, 2 * wait)
    assert wait == LONGEST_PATIENCE


def test_where_all_are_in_time_the_limit_is_forgotten() -> None:
    room, clock = with_sessions(*"ab")
    late(room, "a")
    for _ in range(2):
        clock.now += PATIENCE
        assert room.admits("b")
    for name in "cdef":
        room.enter(name)
    assert admitted(room, "abcdef") == "abcdef"


@given(st.lists(st.tuples(st.sampled_from(["late", "good", "enter", "leave", "wait"]), st.integers(0, 9))))
def test_the_dubbed_are_always_the_oldest_and_at_least_one(events: list[tuple[str, int]]) -> None:
    room, clock = with_sessions("0")
    present = ["0"]
    for number, (what, which) in enumerate(events, 1):
        name = present[which % len(present)]
        if what == "enter":
            present.append(str(number))
            room.enter(present[-1])
        elif what == "leave" and len(present) > 1:
            present.remove(name)
            room.leave(name)
        elif what == "wait":
            clock.now += which * 5.0
        elif what in ("late", "good"):
            room.answered(name, late=what == "late")
        served = [room.admits(each) for each in present]
        assert served == sorted(served, reverse=True)
        assert served[0]
        assert room.dubbed + room.resting == len(present)


def test_a_session_in_reserve_takes_no_place_until_it_asks() -> None:
    room = Room(Clock())
    room.leave("in reserve")
    room.enter("asks")
    room.enter("asks")
    assert (room.dubbed, room.resting) == (1, 0)
    room.leave("asks")
    assert room.dubbed == 0
