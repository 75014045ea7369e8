"""Joins a stream: its picture and sound as they come, and the sound and subtitles of each of its dubs.

No picture is encoded again. What is joined is as far behind its source as the slowest dub.
"""

from __future__ import annotations

import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import structlog

from app.backoff import Backoff
from app.dubbing.configs import JoinConfig
from app.dubbing.join.joiner import Joiner
from app.dubbing.join.reading import DubReader, SourceReader
from app.dubbing.join.writer import Occupied, Writer
from app.dubbing.messages import (
    ChooseTracks,
    Drain,
    DubAt,
    Dubbed,
    Said,
    Signalled,
    SourceGone,
    SourceReady,
    Spoken,
    Stop,
)
from app.dubbing.states import UNWRITTEN, JoinState

HEARTBEAT = 0.5
LOOK_EVERY = 0.05

log = structlog.get_logger()


class Join:
    """Runs in the process's main thread, which writes; others read."""

    def __init__(self, config: JoinConfig, pipe: Connection) -> None:
        self._config = config
        self._pipe = pipe
        self._spoken = config.spoken
        self._segments = 0
        self._problem = ""
        self._dubs: dict[str, DubReader] = {}
        self._next_beat = 0.0
        self._ended = False

    def run(self) -> None:
        """Joins until told to stop, or until the dubber is gone."""
        try:
            writer = self._writer()
            if writer is None:
                return
            joiner = Joiner(writer.begins)
            source = SourceReader(
                self._config.source_url, self._config.chosen, joiner, writer, self._backoff()
            )
            threading.Thread(target=source.run, name="source", daemon=True).start()
            while self._look(joiner, source):
                self._write(joiner, writer)
            if self._ended:
                joiner.source_lost()
                self._write(joiner, writer, time.monotonic() + 3600.0)
                writer.end() if self._config.kept else writer.remove()
            writer.close()
        except (EOFError, OSError) as error:
            log.info("the dubber is gone; stopping", reason=type(error).__name__)

    def _writer(self) -> Writer | None:
        """The folder, as soon as no other process has it; None where it is to stop before."""
        config = self._config
        while True:
            try:
                return Writer(Path(config.folder), config.stream, config.window, config.most_bytes)
            except Occupied as error:
                self._problem = f"{error}; waiting for it"
            except OSError as error:
                self._problem = f"{config.folder} {UNWRITTEN}: {error.strerror}"
            if not self._look(None, None):
                return None

    def _write(self, joiner: Joiner, writer: Writer, now: float | None = None) -> None:
        for ready in joiner.ready(time.monotonic() if now is None else now):
            try:
                writer.write(ready, self._spoken)
                self._segments += 1
                self._problem = ""
            except OSError as error:
                problem = f"{writer.folder} {UNWRITTEN}: {error.strerror}"
                if problem != self._problem:
                    log.error("a segment is lost", reason=problem)
                self._problem = problem

    def _look(self, joiner: Joiner | None, source: SourceReader | None) -> bool:
        """Beats and listens; False where it is to stop."""
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + HEARTBEAT
            problem = self._problem or (source.problem if source else "")
            self._pipe.send(JoinState(self._segments, tuple(sorted(self._dubs)), problem))
        if not self._pipe.poll(LOOK_EVERY):
            return True
        match self._pipe.recv():
            case Stop():
                return False
            case Drain():
                self._ended = True
                return False
            case SourceReady(url) if source:
                source.wake(url)
            case SourceGone() if source:
                source.publisher_gone()
            case ChooseTracks(chosen, url) if source:
                source.choose(chosen, url)
            case Spoken(language):
                self._spoken = language
            case Dubbed(dubs) if joiner:
                self._follow(joiner, dubs)
            case Said(language, caption) if joiner:
                joiner.take_caption(language, caption)
            case Signalled(signal) if joiner:
                joiner.take_signal(signal)
        return True

    def _follow(self, joiner: Joiner, dubs: tuple[tuple[str, DubAt, float], ...]) -> None:
        joiner.languages({language: delay for language, _, delay in dubs})
        wanted = {language: (at, delay) for language, at, delay in dubs}
        for language, reader in list(self._dubs.items()):
            if wanted.get(language) != (reader.at, reader.delay):
                reader.leave()
                del self._dubs[language]
        for language, (at, delay) in wanted.items():
            if language not in self._dubs:
                reader = DubReader(language, at, delay, joiner, self._backoff())
                self._dubs[language] = reader
                threading.Thread(target=reader.run, name=f"dub {language}", daemon=True).start()

    def _backoff(self) -> Backoff:
        return Backoff(self._config.reconnect_delay, self._config.max_reconnect_delay)


def main(config: JoinConfig, pipe: Connection) -> None:
    """Joins a stream in this process."""
    Join(config, pipe).run()
