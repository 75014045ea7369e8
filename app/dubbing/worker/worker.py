"""A worker process: one stream dubbed into one language, from the media server and back to it."""

from __future__ import annotations

import contextvars
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection

import structlog

from app.dubbing.messages import (
    Bypass,
    Caption,
    Command,
    Drain,
    Event,
    Phase,
    Phrase,
    RecordPhrases,
    Reword,
    SourceReady,
    Spoken,
    State,
    Stop,
    WorkerConfig,
)
from app.dubbing.worker.occupied import occupied
from app.dubbing.worker.pipeline import Pipeline
from app.dubbing.worker.publisher import Publisher
from app.dubbing.worker.puller import Puller
from app.service import configure_logging

HEARTBEAT = 0.5
PUBLISHER_PATIENCE = 3.0
PULLER_PATIENCE = 20.0
MOST_UNSENT = 1000

log = structlog.get_logger()


class Worker:
    """Wires the parts of a worker together and runs them in threads of their own.

    The heartbeat is sent only while all threads live and both ends make progress, so that the parent
    notices a part that hangs or is gone, and replaces the process.
    """

    def __init__(self, config: WorkerConfig, pipe: Connection) -> None:
        self._config = config
        self._pipe = pipe
        self._unsent: queue.Queue[Event] = queue.Queue(MOST_UNSENT)
        self._stopping = threading.Event()
        self._draining = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._pipeline = Pipeline(config, self._tell)
        self._puller = Puller(config, self._pipeline, self._draining)
        self._publisher = Publisher(
            config.publish_url, self._pipeline, self._stopping, partial(occupied, config.look_at)
        )

    def run(self) -> None:
        """Works until told to stop, or until the parent is gone."""
        self._pipeline.speech.start()
        self._threads = {
            "puller": start_thread("puller", self._puller.run),
            "publisher": start_thread("publisher", self._publisher.run),
        }
        next_beat = 0.0
        try:
            while not self._stopping.is_set():
                self._send_unsent()
                now = time.monotonic()
                if now >= next_beat and self._progresses(now):
                    next_beat = now + HEARTBEAT
                    self._pipe.send(self._state())
                if self._pipe.poll(0.05):
                    self._obey(self._pipe.recv())
                if self._draining.is_set() and self._drained():
                    self._stopping.set()
        except (EOFError, OSError):
            log.info("the dubber is gone; stopping")
        self._stopping.set()
        self._draining.set()
        self._puller.wake()
        for thread in self._threads.values():
            thread.join(1.0)

    def _obey(self, command: Command) -> None:
        match command:
            case Stop():
                self._stopping.set()
            case Drain():
                log.info("playing out what was taken in, then ending")
                self._draining.set()
                self._puller.wake()
            case Bypass(on):
                self._pipeline.bypass(on)
            case Spoken(language):
                self._pipeline.spoken = language
            case RecordPhrases(on):
                self._pipeline.recorder.record(on)
            case Reword(profile):
                self._pipeline.speech.reword(profile)
            case SourceReady(source_url):
                self._puller.wake(source_url)

    def _drained(self) -> bool:
        """Whether viewers have all that they can get from here; at once where another serves them."""
        return not self._publisher.publishing or self._pipeline.played_out()

    def _tell(self, event: Caption | Phrase) -> None:
        try:
            self._unsent.put_nowait(event)
        except queue.Full:
            log.warning("an event was lost: the dubber does not take them in")

    def _send_unsent(self) -> None:
        while not self._unsent.empty():
            self._pipe.send(self._unsent.get_nowait())

    def _progresses(self, now: float) -> bool:
        return (
            self._pipeline.speech.alive
            and self._threads["publisher"].is_alive()
            and now - self._publisher.last_progress < PUBLISHER_PATIENCE
            and (self._draining.is_set() or self._pulls(now))
        )

    def _pulls(self, now: float) -> bool:
        return self._threads["puller"].is_alive() and now - self._puller.last_progress < PULLER_PATIENCE

    def _state(self) -> State:
        pipeline = self._pipeline
        phase: Phase = self._puller.phase
        if phase == "running" and not self._publisher.publishing:
            phase = "waiting"
        return State(
            phase=phase,
            bypassed=pipeline.bypassed,
            dubbing=phase == "running"
            and not pipeline.bypassed
            and not pipeline.speech.problem
            and not self._puller.problem,
            delay=pipeline.profile.delay,
            position=max(pipeline.playhead(), 0.0),
            tracks=self._puller.tracks,
            counts=pipeline.phrases.counts,
            lag=pipeline.phrases.lag.lag(),
            speech_address=pipeline.speech.address,
            speech_problem=pipeline.speech.problem,
            queue_seconds=pipeline.delay_line.seconds,
            queue_bytes=pipeline.delay_line.bytes,
            reconnects=self._puller.reconnects,
            note=self._publisher.problem or self._puller.problem or pipeline.note,
            standing_by=self._publisher.standing_by,
            spoken=pipeline.heard,
            engines=pipeline.engines,
        )


def start_thread(name: str, run: Callable[[], None]) -> threading.Thread:
    """Starts a daemon thread that logs with the same context as this one."""
    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name=name, daemon=True)
    thread.start()
    return thread


def main(config: WorkerConfig, pipe: Connection) -> None:
    """Runs a worker in this process, which ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_logging(config.log_level, config.log_format)
    structlog.contextvars.bind_contextvars(stream=config.stream, language=config.language)
    Worker(config, pipe).run()
    # A thread that hangs in FFmpeg must not keep the process.
    os._exit(0)
