"""transcriber: takes uploads from the queue and turns them into text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import FastAPI
from procrastinate import App
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from app.archive import database, jobs, migrate
from app.archive.storage import storage_of
from app.archive.voices import Voices
from app.archive.work import Work
from app.service import Check, Readiness, create_app, meanwhile
from app.settings import Settings
from app.speech import registry
from app.speech.lifecycle import Lifecycle
from app.speech.types import Recogniser
from app.transcriber.apart import Apart
from app.transcriber.working import DEAD_AFTER, HEARTBEAT, Transcriber, sweep

log = structlog.get_logger(__name__)

GIVEN_BACK_WITHIN = 20.0
"""Seconds that the piece at work is given at the stop: it ends with the next batch of phrases."""
AGAIN_AFTER = 2.0
"""Seconds after which a worker that lost the database begins anew."""


def create(settings: Settings) -> FastAPI:
    """The FastAPI application of transcriber."""
    readiness = Readiness()
    metrics = CollectorRegistry()
    engine: Lifecycle[Recogniser] = Lifecycle(
        lambda: registry.recogniser(settings, any_language=True), settings.model_ttl
    )
    pool = database.new_engine(settings)
    queue = jobs.new_app(settings)
    work = Work(async_sessionmaker(pool, expire_on_commit=False), queue)
    storage = storage_of(settings)
    transcriber = Transcriber(settings, work, storage, engine, metrics)
    transcriber.install(queue)
    voices = Voices(work.sessions, queue) if settings.voice_prints else None
    Apart(work, storage, settings.models_dir, voices).install(queue)

    async def run() -> None:
        # One that frees its model while it is idle loads it for the first piece alone.
        if not settings.model_ttl and not await readiness.after(engine.load(), "the transcriber"):
            return
        # It is well while it waits for a database that is on another host, which may come up later.
        if not await readiness.after(migrate.ready(settings), "the archive"):
            readiness.ready = False
            return
        while True:
            try:
                await worked_off(queue, work)
            except Exception as error:
                # The database went away, or is being replaced.
                log.warning("the queue is out of reach", error=str(error), again_in=AGAIN_AFTER)
            await asyncio.sleep(AGAIN_AFTER)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.kept():
            async with meanwhile(run()):
                yield
                transcriber.stop()
            await pool.dispose()

    return create_app(
        "transcriber",
        settings,
        lifespan=lifespan,
        checks={"database": lambda: answers(pool)},
        readiness=readiness,
        registry=metrics,
        details=lambda: {"engine": engine.engine.name},
    )


async def worked_off(queue: App, work: Work) -> None:
    """Works off the queue until it is out of reach or the task is cancelled."""
    async with queue.open_async():
        options = {
            "install_signal_handlers": False,
            "update_heartbeat_interval": HEARTBEAT,
            "stalled_worker_timeout": DEAD_AFTER,
            "delete_jobs": "successful",
            "fetch_job_polling_interval": 2.0,
            "shutdown_graceful_timeout": GIVEN_BACK_WITHIN,
        }
        tasks = [
            asyncio.create_task(queue.run_worker_async(queues=[name], name=name, **options))  # type: ignore[arg-type]
            for name in (jobs.CUTTING, jobs.PIECES, jobs.SPEAKERS)
        ]
        tasks.append(asyncio.create_task(sweep(queue, work)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError, Exception):
                    await task


async def answers(pool: AsyncEngine) -> Check:
    """Whether the database answers."""
    async with pool.connect() as connection:
        await connection.execute(text("SELECT 1"))
    return Check(True, "PostgreSQL answers")
