"""When a source is tried again: after a rest, at once when woken, and not while its publisher is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable

from app.dubbing.tracks import Chosen
from app.dubbing.worker.reach import Reach

WITHIN = 20.0


def resting(reach: Reach, seconds: float, goes_on: Callable[[], bool] = lambda: True) -> threading.Thread:
    """A thread that rests so long."""
    thread = threading.Thread(target=reach.rest, args=(seconds, goes_on), daemon=True)
    thread.start()
    return thread


def ends(thread: threading.Thread) -> bool:
    thread.join(WITHIN)
    return not thread.is_alive()


def test_it_is_tried_again_after_a_rest() -> None:
    assert ends(resting(Reach("", Chosen()), 0.05))


def test_a_source_that_is_ready_is_tried_at_once() -> None:
    reach = Reach("", Chosen())
    rest = resting(reach, 3600.0)
    reach.wake("rtmp://127.0.0.1/live/news")
    assert ends(rest)


def test_nothing_is_asked_for_while_the_publisher_is_gone() -> None:
    reach = Reach("", Chosen())
    reach.publisher_gone()
    rest = resting(reach, 0.0)
    rest.join(0.3)
    assert rest.is_alive()
    reach.wake()
    assert ends(rest)
    assert ends(resting(reach, 0.05)), "it is there again"


def test_who_is_to_stop_does_not_wait_for_the_publisher() -> None:
    reach = Reach("", Chosen())
    reach.publisher_gone()
    stopping = threading.Event()
    rest = resting(reach, 3600.0, lambda: not stopping.is_set())
    stopping.set()
    assert ends(rest)
