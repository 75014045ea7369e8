import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.dubbing.worker.timeline import Timeline

FRAME = 0.04
WRAP = 2**32 / 90_000


def run(
    timeline: Timeline, *, start: float, count: int, arrival: float, jitter: list[float] | None = None
) -> list[float | None]:
    late = jitter or [0.0]
    return [
        timeline.place("video", start + index * FRAME, arrival + index * FRAME + late[index % len(late)])
        for index in range(count)
    ]


@given(st.floats(-1e6, 1e6), st.lists(st.floats(0.0, 0.3), min_size=1, max_size=50))
def test_a_steady_source_keeps_its_spacing_whatever_its_clock_and_the_jitter(
    start: float, jitter: list[float]
) -> None:
    timeline = Timeline(2.8)
    placed = run(timeline, start=start, count=100, arrival=1000.0, jitter=jitter)
    assert all(time is not None for time in placed)
    steps = [b - a for a, b in itertools.pairwise(placed) if a is not None and b is not None]
    assert all(abs(step - FRAME) < 1e-6 for step in steps)
    assert timeline.epochs == 1


@given(
    st.one_of(st.floats(-1e5, -0.6), st.floats(3.0, 1e5), st.just(-WRAP)),
    st.floats(0.0, 0.2),
)
def test_a_jump_or_wrap_of_the_clock_goes_on_where_the_output_is(jump: float, late: float) -> None:
    timeline = Timeline(2.8)
    before = run(timeline, start=100.0, count=100, arrival=1000.0)
    after = run(timeline, start=100.0 + 100 * FRAME + jump, count=100, arrival=1000.0 + 100 * FRAME + late)
    assert before[-1] is not None
    assert after[0] is not None
    assert 0 <= after[0] - before[-1] < 0.3
    assert all(time is not None for time in after)
    assert timeline.epochs == 2


def test_both_tracks_follow_a_jump_although_they_do_not_jump_at_once() -> None:
    timeline = Timeline(2.8)
    placed: dict[str, list[float]] = {"video": [], "audio": []}
    for index in range(300):
        arrival = 1000.0 + index * FRAME
        for track, jumps_at in (("video", 150), ("audio", 155)):
            source = index * FRAME + (500.0 if index >= jumps_at else 0.0)
            time = timeline.place(track, source, arrival)
            assert time is not None
            placed[track].append(time)
    for times in placed.values():
        assert all(-0.3 < later - earlier < 0.3 for earlier, later in itertools.pairwise(times))
    assert abs(placed["video"][-1] - placed["audio"][-1]) < 1e-6
    assert timeline.epochs == 2


def test_a_new_connection_goes_on_at_the_present_and_never_goes_back() -> None:
    timeline = Timeline(2.8)
    before = run(timeline, start=50.0, count=50, arrival=1000.0)
    timeline.reconnect()
    after = run(timeline, start=0.0, count=50, arrival=1012.0)
    assert before[-1] is not None
    assert after[0] is not None
    assert abs(after[0] - 12.0) < 0.01
    assert after[0] > before[-1]


def test_what_comes_too_late_to_be_played_is_refused_and_the_rest_keeps_its_delay() -> None:
    timeline = Timeline(2.8)
    run(timeline, start=0.0, count=50, arrival=1000.0)
    # The network stood still for 5 s; then everything came at once, and live sound after it.
    burst = [timeline.place("video", 2.0 + index * FRAME, 1007.0) for index in range(125)]
    live = run(timeline, start=7.0, count=50, arrival=1007.0)
    assert burst[0] is None
    assert all(time is not None for time in live)
    assert timeline.epochs == 1
    assert abs(timeline.playhead(1009.0) - (9.0 - 2.8)) < 0.05


def test_a_source_that_stays_behind_is_taken_as_it_is_after_a_second() -> None:
    timeline = Timeline(2.8)
    run(timeline, start=0.0, count=50, arrival=1000.0)
    # The publisher was stopped for 5 s and went on where it was.
    after = run(timeline, start=2.0, count=100, arrival=1007.0)
    assert after[0] is None
    last = after[-1]
    assert last is not None
    assert abs(last - (7.0 + 99 * FRAME)) < 0.1


def test_the_pace_follows_a_source_whose_clock_runs_slow() -> None:
    timeline = Timeline(2.8)
    arrival = 1000.0
    for index in range(20_000):
        arrival = 1000.0 + index * FRAME * 1.0001
        assert timeline.place("video", index * FRAME, arrival) is not None
    newest = 19_999 * FRAME
    assert abs(timeline.playhead(arrival) - (newest - 2.8)) < 0.05
    assert timeline.epochs == 1


def test_before_the_first_packet_nothing_is_due() -> None:
    timeline = Timeline(2.8)
    assert not timeline.started
    assert timeline.playhead(1e9) < 0
