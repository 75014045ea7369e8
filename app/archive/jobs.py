"""The jobs: a queue in PostgreSQL (procrastinate), spread over any number of transcribers."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from procrastinate import App, PsycopgConnector
from sqlalchemy.ext.asyncio import AsyncSession

from app.archive import database
from app.settings import Settings

CUTTING = "cutting"
PIECES = "pieces"
CUT = "cut"
TRANSCRIBE = "transcribe"
SPEAKERS = "speakers"
TELL = "tell"
KNOW = "know"
CLEANING = "cleaning"
CLEAN = "clean"
LONG = 60
"""Minutes from which on a file has no claim to be served before others."""


def new_app(settings: Settings) -> App:
    """procrastinate's application, not yet opened."""
    return App(
        connector=PsycopgConnector(
            conninfo=database.plain_address(settings),
            min_size=1,
            max_size=max(2, settings.db_pool_size),
            # Else a process that is told to stop while the database is away takes half a minute.
            timeout=database.CONNECT_WITHIN,
        )
    )


def priority(seconds: float) -> int:
    """The shorter a file is, the sooner its pieces are taken."""
    return max(0, LONG - int(seconds // 60))


async def defer(
    app: App,
    session: AsyncSession,
    task: str,
    queue: str,
    arguments: Iterable[dict[str, Any]],
    rank: int = LONG,
) -> None:
    """Puts jobs into the queue with the session's own transaction: they are there if it succeeds."""
    jobs = list(arguments)
    if not jobs:
        return
    raw = await (await session.connection()).get_raw_connection()
    deferrer = app.configure_task(
        task, queue=queue, priority=rank, allow_unknown=True, connection=raw.driver_connection
    )
    await deferrer.batch_defer_async(*jobs)


async def cut(app: App, session: AsyncSession, transcript: uuid.UUID) -> None:
    """Has an upload cut into pieces, which are then recognised."""
    await defer(app, session, CUT, CUTTING, [{"transcript": str(transcript)}])
