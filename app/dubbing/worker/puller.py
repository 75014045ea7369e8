"""A worker's input end: connects to the source, and again when it is lost."""

from __future__ import annotations

import threading
import time

import structlog

from app.backoff import Backoff
from app.dubbing.configs import DescribeConfig, WorkerConfig
from app.dubbing.states import Phase, Track
from app.dubbing.tracks import Chosen
from app.dubbing.worker.delayed import Delayed
from app.dubbing.worker.reach import Reach
from app.dubbing.worker.source import Source, SourceError
from app.lasting import Failures

log = structlog.get_logger()


class Puller:
    """Runs in a thread of its own. `phase`, `tracks`, `problem` and `reconnects` are for telling."""

    def __init__(
        self, config: WorkerConfig | DescribeConfig, line: Delayed, stopping: threading.Event
    ) -> None:
        self._reach = Reach(config.source_url, config.chosen)
        self._backoff = Backoff(config.reconnect_delay, config.max_reconnect_delay)
        self._failures = Failures()
        self._line = line
        self._stopping = stopping
        self.phase: Phase = "connecting"
        self.tracks: tuple[Track, ...] = ()
        self.problem = ""
        self.reconnects = 0
        self.last_progress = time.monotonic()

    def wake(self, url: str = "") -> None:
        """Tries again now instead of after the wait, at this address where one is given."""
        self._reach.wake(url)

    def publisher_gone(self) -> None:
        """Does not try again before it is woken."""
        self._reach.publisher_gone()

    def choose(self, chosen: Chosen, url: str) -> None:
        """These sound tracks from now on; connects again where they are at another address."""
        self._reach.choose(chosen, url)
        if (source := self._reach.source) is not None:
            self.tracks = source.tracks

    @property
    def note(self) -> str:
        """Why the choice of sound tracks could not be followed."""
        source = self._reach.source
        return source.roles.problem if source is not None else ""

    def run(self) -> None:
        """Pulls until the worker stops."""
        while not self._stopping.is_set():
            self.last_progress = time.monotonic()
            wait = 0.0
            try:
                self._pull()
            except SourceError as error:
                self._tell(str(error))
            except Exception as error:
                # Whatever it was: without this thread the stream has no source any more.
                log.exception("reading the source failed")
                self._tell(f"reading the source failed: {type(error).__name__}")
                wait = self._failures.next()
            self._reach.rest(max(wait, self._backoff.next()), self._goes_on)

    def _tell(self, problem: str) -> None:
        if problem and self.problem != problem:
            log.warning("source", problem=problem)
        self.problem = problem

    def _pull(self) -> None:
        with self._reach.opened() as source:
            self.tracks = source.tracks
            self._line.source_opened(source)
            try:
                self._take_all(source)
            finally:
                self._line.source_lost()

    def _take_all(self, source: Source) -> None:
        try:
            for item in source.items():
                if self._stopping.is_set() or self._reach.elsewhere:
                    return
                if self.phase != "running":
                    log.info("source is there", tracks=" ".join(track.codec for track in self.tracks))
                    self.phase = "running"
                    self._backoff.reset()
                self._tell(source.problem)
                self.last_progress = time.monotonic()
                self._line.take(item)
        finally:
            if self.phase == "running":
                self.phase = "source_lost"
                self.reconnects += 1

    def _goes_on(self) -> bool:
        self.last_progress = time.monotonic()
        return not self._stopping.is_set()
