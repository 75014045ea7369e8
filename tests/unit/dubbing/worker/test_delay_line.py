import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.dubbing.worker.delay_line import DelayLine

packets = st.lists(
    st.tuples(st.floats(-5, 60, allow_nan=False), st.integers(1, 500), st.booleans()), max_size=80
)


@given(packets)
def test_what_comes_out_is_in_order_and_was_put_in_once(arrivals: list[tuple[float, int, bool]]) -> None:
    line: DelayLine[int] = DelayLine(4000)
    accepted = [
        index for index, (time, size, key) in enumerate(arrivals) if line.push(time, size, key, index)
    ]
    dropped_for_room = len(accepted) - len(line)
    released = line.due(float("inf"))
    times = [time for time, _ in released]
    items = [item for _, item in released]
    assert all(earlier < later for earlier, later in itertools.pairwise(times))
    assert items == accepted[dropped_for_room:]
    assert line.bytes == 0
    assert len(line) == 0


@given(packets)
def test_it_never_holds_more_than_it_may(arrivals: list[tuple[float, int, bool]]) -> None:
    line: DelayLine[int] = DelayLine(1000)
    for index, (time, size, key) in enumerate(arrivals):
        line.push(time, size, key, index)
        assert line.bytes <= 1000


@given(packets, st.data())
def test_after_a_loss_it_goes_on_with_a_keyframe(
    arrivals: list[tuple[float, int, bool]], data: st.DataObject
) -> None:
    line: DelayLine[int] = DelayLine(100_000)
    lost_before: set[int] = set()
    for index, (time, size, key) in enumerate(arrivals):
        if data.draw(st.booleans()):
            line.lose()
            lost_before.add(index)
        line.push(time, size, key, index)
    out = [item for _, item in line.due(float("inf"))]
    for earlier, later in itertools.pairwise(out):
        if any(earlier < lost <= later for lost in lost_before):
            assert arrivals[later][2]
    if out:
        assert arrivals[out[0]][2]


def test_packets_leave_when_the_playhead_reaches_them_and_not_before() -> None:
    line: DelayLine[str] = DelayLine(1000)
    line.push(1.0, 10, True, "key")
    line.push(1.04, 10, False, "next")
    assert line.due(0.99) == []
    assert line.due(1.0) == [(1.0, "key")]
    assert line.seconds == 0.0
    assert line.due(2.0) == [(1.04, "next")]


def test_a_full_line_gives_up_its_oldest_group_of_pictures() -> None:
    line: DelayLine[str] = DelayLine(100)
    for name, key in (("k1", True), ("p1", False), ("k2", True), ("p2", False)):
        line.push(float(len(line)), 30, key, name)
    assert [item for _, item in line.due(10.0)] == ["k2", "p2"]
    assert line.dropped == 2
