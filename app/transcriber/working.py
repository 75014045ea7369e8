"""The work itself: cuts uploads, recognises pieces, and looks after what others left lying."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from contextlib import suppress

import structlog
from procrastinate import App, RetryStrategy
from procrastinate.exceptions import ConnectorException
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy.exc import OperationalError

from app.archive import jobs
from app.archive.storage import OutOfReach, Storage, piece
from app.archive.work import MOST_ATTEMPTS, Work
from app.settings import Settings
from app.speech.lifecycle import Lifecycle
from app.speech.rest.decode import blocks
from app.speech.rest.errors import ApiError
from app.speech.rest.transcribe import Cancelled, Job
from app.speech.types import Recogniser, SpeechError
from app.transcriber import cut
from app.transcriber.hearing import Hearing

log = structlog.get_logger(__name__)

TELL = 0.5
"""Seconds between looks whether a piece is still wanted; what is heard is written down then."""
HEARTBEAT = 2.0
DEAD_AFTER = 10.0
"""Seconds without a heartbeat after which a worker's jobs are given to others."""
SWEEP = 2.0
AGAIN = RetryStrategy(max_attempts=MOST_ATTEMPTS, exponential_wait=2)


class Stopping(Exception):
    """This process stops; the job is to be done by another, or later."""


class Transcriber:
    """One process's part of the work: it cuts one file and recognises one piece at a time."""

    def __init__(
        self,
        settings: Settings,
        work: Work,
        storage: Storage,
        engine: Lifecycle[Recogniser],
        metrics: CollectorRegistry,
    ) -> None:
        self.settings = settings
        self.work = work
        self.storage = storage
        self.engine = engine
        self.heard = Counter("transcriber_sound_seconds", "Sound recognised.", registry=metrics)
        Gauge("transcriber_pieces_at_work", "Pieces at work.", registry=metrics).set_function(
            lambda: len(self._at_work)
        )
        self.stopping = False
        self._at_work: list[Job] = []

    def install(self, queue: App) -> None:
        """Makes its methods the tasks of the queue."""
        queue.task(name=jobs.CUT, queue=jobs.CUTTING, retry=AGAIN)(self.cut)
        queue.task(name=jobs.TRANSCRIBE, queue=jobs.PIECES, retry=AGAIN)(self.transcribe)

    async def cut(self, transcript: str) -> None:
        """Cuts an upload into pieces."""
        known = uuid.UUID(transcript)
        if not await self.work.begin(known):
            return

        def work() -> tuple[list[tuple[float, float]], str]:
            with self.storage.opened(known) as file:
                checksum = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
                file.seek(0)
                return cut.cut(blocks(file, float("inf")), self.storage, known), checksum

        try:
            spans, checksum = await asyncio.to_thread(work)
        except ApiError as error:
            await self.work.failed(known, str(error))
        except FileNotFoundError:
            await self.work.failed(known, "its file is gone")
        else:
            await self.work.cut(known, spans, checksum)

    async def transcribe(self, transcript: str, number: int) -> None:
        """Recognises a piece."""
        order = await self.work.order(uuid.UUID(transcript), number)
        if order is None:
            return
        hearing = Hearing(order)
        self._at_work.append(hearing.job)
        try:
            await self._followed(hearing, asyncio.create_task(self._recognised(hearing)))
        except Cancelled:
            if self.stopping:
                await self.work.given_back(order)
                raise Stopping from None
            log.info("a piece is not wanted any more", transcript=transcript, piece=number)
            return
        except (SpeechError, ApiError) as error:
            await self.work.failed(order.transcript, str(error))
            return
        except OutOfReach:
            # That is no failed attempt of the piece.
            await self.work.given_back(order)
            raise
        except FileNotFoundError:
            await self.work.failed(order.transcript, "its pieces are gone: start it again")
            return
        finally:
            # A thread can't be cancelled: it is told to stop.
            hearing.job.left.set()
            self._at_work.remove(hearing.job)
        self.heard.inc(hearing.seconds)
        if await self.work.done(order, hearing.new(self.settings.first_language)):
            await asyncio.to_thread(self.storage.drop_pieces, order.transcript)

    def stop(self) -> None:
        """Has what is at work given back to the queue."""
        self.stopping = True
        for job in self._at_work:
            job.left.set()

    async def _recognised(self, hearing: Hearing) -> None:
        order = hearing.order
        async with self.engine.use() as engine:
            sound = await asyncio.to_thread(self.storage.get, order.transcript, piece(order.number))
            await asyncio.to_thread(hearing.recognise, engine, sound)

    async def _followed(self, hearing: Hearing, working: asyncio.Task[None]) -> None:
        """Writes down meanwhile what is recognised, until all is.

        Raises Cancelled as soon as it isn't wanted any more: the engine may be at its last phrases still.
        """
        while True:
            await asyncio.wait({working}, timeout=TELL)
            if working.done():
                return working.result()
            if not hearing.job.left.is_set():
                with suppress(OperationalError):  # What was heard so far isn't given up for a restart of it.
                    found = hearing.new(self.settings.first_language)
                    if await self.work.heard(hearing.order, found):
                        hearing.taken(found)
                    else:
                        hearing.job.left.set()
            if hearing.job.left.is_set():
                working.add_done_callback(forgotten)
                raise Cancelled


def forgotten(working: asyncio.Task[None]) -> None:
    """What becomes of work that nobody wants any more is nobody's business."""
    if not working.cancelled():
        working.exception()


async def sweep(queue: App, work: Work) -> None:
    """Gives the jobs of dead workers to living ones, and jobs to what lacks one; runs until cancelled."""
    while True:
        await asyncio.sleep(SWEEP)
        await give_away(queue)
        if rescued := await work.rescued():
            log.warning("unfinished work had no job; it has one again", jobs=rescued)


async def give_away(queue: App) -> int:
    """Gives the jobs of dead workers to living ones; how many. Raises ProcrastinateException."""
    stalled = list(await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER))
    for job in stalled:
        # Another process may just have done so.
        with suppress(ConnectorException):
            await queue.job_manager.retry_job(job)
            log.warning("a worker has died; its job is done again", job=job.call_string)
    return len(stalled)
