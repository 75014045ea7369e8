from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future

import pytest

from app.speech.ranked import RankedExecutor


def test_of_the_work_that_waits_the_lowest_rank_goes_first_then_the_oldest() -> None:
    pool = RankedExecutor(1, "test")
    begun, gate = threading.Event(), threading.Event()
    seen: list[tuple[int, int]] = []

    def hold() -> None:
        begun.set()
        gate.wait(10)

    held = pool.at(9).submit(hold)
    assert begun.wait(10)
    waiting = [
        pool.at(rank).submit(seen.append, (rank, turn)) for rank, turn in ((3, 0), (1, 0), (2, 0), (1, 1))
    ]
    gate.set()
    for future in [held, *waiting]:
        future.result(10)
    assert seen == [(1, 0), (1, 1), (2, 0), (3, 0)]
    pool.close()


def test_results_and_errors_come_back() -> None:
    pool = RankedExecutor(2, "test")
    assert pool.at(0).submit(divmod, 7, 2).result(10) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.at(0).submit(divmod, 7, 0).result(10)
    pool.close()


def test_closing_ends_what_runs_and_cancels_what_waits() -> None:
    pool = RankedExecutor(1, "test")
    begun, gate = threading.Event(), threading.Event()

    def hold() -> str:
        begun.set()
        gate.wait(10)
        return "done"

    running: Future[str] = pool.at(0).submit(hold)
    assert begun.wait(10)
    waiting = pool.at(0).submit(hold)
    closing = threading.Thread(target=pool.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(10)
    gate.set()
    assert running.result(10) == "done"
    closing.join(10)
    assert not closing.is_alive()
    with pytest.raises(RuntimeError, match="have ended"):
        pool.at(0).submit(hold)
