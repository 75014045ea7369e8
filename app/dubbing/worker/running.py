"""A worker process at work: its two ends in threads of their own, and its talk with the dubber."""

from __future__ import annotations

import abc
import contextvars
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

import structlog

from app.dubbing.configs import DescribeConfig, WorkerConfig
from app.dubbing.messages import ChooseTracks, Command, Drain, Event, SourceGone, SourceReady, Stop
from app.dubbing.states import Phase
from app.dubbing.worker.delayed import Delayed
from app.dubbing.worker.occupied import occupied
from app.dubbing.worker.publisher import Publisher
from app.dubbing.worker.puller import Puller

HEARTBEAT = 0.5
LOOK_EVERY = 0.05
PUBLISHER_PATIENCE = 3.0
PULLER_PATIENCE = 20.0
MOST_UNSENT = 1000

Line = TypeVar("Line", bound=Delayed)
log = structlog.get_logger()


class Running(abc.ABC, Generic[Line]):
    """Wires the parts of a worker together and runs them in threads of their own.

    The heartbeat is sent only while all threads live and both ends make progress, so that the parent
    notices a part that hangs or is gone, and replaces the process.
    """

    def __init__(self, config: WorkerConfig | DescribeConfig, pipe: Connection, line: Line) -> None:
        self._pipe = pipe
        self._unsent: queue.Queue[Event] = queue.Queue(MOST_UNSENT)
        self._stopping = threading.Event()
        self._draining = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self.line = line
        self.puller = Puller(config, line, self._draining)
        self.publisher = Publisher(
            config.publish_url, line, self._stopping, partial(occupied, config.look_at)
        )

    @abc.abstractmethod
    def state(self) -> Event:
        """The heartbeat."""

    def obey(self, command: Command) -> None:
        """Does what is asked beyond stopping and the source."""

    def works(self) -> bool:
        """Whether its own parts live."""
        return True

    def look(self) -> None:
        """Is called every 0.05 s."""

    def run(self) -> None:
        """Works until told to stop, or until the parent is gone."""
        self._threads = {
            "puller": start_thread("puller", self.puller.run),
            "publisher": start_thread("publisher", self.publisher.run),
        }
        next_beat = 0.0
        try:
            while not self._stopping.is_set():
                self._send_unsent()
                now = time.monotonic()
                if now >= next_beat and self._progresses(now):
                    next_beat = now + HEARTBEAT
                    self._pipe.send(self.state())
                if self._pipe.poll(LOOK_EVERY):
                    self._take(self._pipe.recv())
                self.look()
                if self._draining.is_set() and self._drained():
                    self._stopping.set()
        except (EOFError, OSError):
            log.info("the dubber is gone; stopping")
        self._stopping.set()
        self._draining.set()
        self.puller.wake()
        for thread in self._threads.values():
            thread.join(1.0)

    def tell(self, event: Event) -> None:
        """Tells the parent, from any thread."""
        try:
            self._unsent.put_nowait(event)
        except queue.Full:
            log.warning("an event was lost: the dubber does not take them in")

    @property
    def phase(self) -> Phase:
        """How it is between its source and its output."""
        phase: Phase = self.puller.phase
        return "waiting" if phase == "running" and not self.publisher.publishing else phase

    def _take(self, command: Command) -> None:
        match command:
            case Stop():
                self._stopping.set()
            case Drain():
                log.info("playing out what was taken in, then ending")
                self._draining.set()
                self.puller.wake()
            case SourceReady(source_url):
                self.puller.wake(source_url)
            case SourceGone():
                self.puller.publisher_gone()
            case ChooseTracks(chosen, source_url):
                self.puller.choose(chosen, source_url)
            case _:
                self.obey(command)

    def _drained(self) -> bool:
        """Whether viewers have all that they can get from here; at once where another serves them."""
        return not self.publisher.publishing or self.line.played_out()

    def _send_unsent(self) -> None:
        while not self._unsent.empty():
            self._pipe.send(self._unsent.get_nowait())

    def _progresses(self, now: float) -> bool:
        return (
            self.works()
            and self._threads["publisher"].is_alive()
            and now - self.publisher.last_progress < PUBLISHER_PATIENCE
            and (self._draining.is_set() or self._pulls(now))
        )

    def _pulls(self, now: float) -> bool:
        return self._threads["puller"].is_alive() and now - self.puller.last_progress < PULLER_PATIENCE


def start_thread(name: str, run: Callable[[], None]) -> threading.Thread:
    """Starts a daemon thread that logs with the same context as this one."""
    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name=name, daemon=True)
    thread.start()
    return thread
