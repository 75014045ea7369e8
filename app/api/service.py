"""api: takes uploads, tells how far their transcripts are, and serves, searches and edits them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import async_sessionmaker
from starlette.middleware.cors import CORSMiddleware

from app.api import cleanups as cleanup_routes
from app.api import routes, uploads
from app.api import voices as voice_routes
from app.api.cleaner import LEAST_TIMEOUT, Cleaner
from app.api.metrics import Metrics
from app.api.owners import first_owner
from app.api.watched import Watched
from app.api.webhook import Webhook, nothing_to_tell
from app.archive import database, jobs, migrate
from app.archive.cleanups import Cleanups
from app.archive.editing import Refused
from app.archive.queue import queue as queue_in
from app.archive.storage import OutOfReach, storage_of
from app.archive.transcripts import Conflict, Transcripts, Unknown
from app.archive.voices import Voices
from app.llm.configured import configured, named
from app.service import Check, Readiness, create_app, meanwhile
from app.settings import Settings
from app.speech.rest.errors import RETRY_AFTER, ApiError

log = structlog.get_logger(__name__)

PURGE_EVERY = 600.0
TOLD = [
    "Location",
    "Retry-After",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Length",
    "Upload-Offset",
]
LOOK_AT_QUEUE = 5.0
"""Seconds between looks at the queue, for /metrics."""


def create(settings: Settings) -> FastAPI:
    """The FastAPI application of api."""
    readiness = Readiness()
    pool = database.new_engine(settings)
    queue = jobs.new_app(settings)
    transcripts = Transcripts(async_sessionmaker(pool, expire_on_commit=False), storage_of(settings), queue)
    arrivals = uploads.Arrivals(settings, transcripts)
    metrics = Metrics(lambda: arrivals.arriving)
    cleanups = Cleanups(transcripts.sessions, queue)
    voices = Voices(transcripts.sessions, queue)

    async def start() -> None:
        if await readiness.after(migrate.ready(settings), "the archive"):
            kept = timedelta(days=settings.deleted_kept_days)
            beside: list[Coroutine[Any, Any, None]] = [purge(transcripts, kept), look_at_queue()]
            if model := configured(settings, LEAST_TIMEOUT):
                beside.append(Cleaner(model, transcripts, cleanups).run(queue))
            if settings.uploads_bucket:
                from app.archive.nightly import nightly

                beside.append(nightly(settings))
            if settings.watch_folder is not None:
                beside.append(Watched(settings.watch_folder, transcripts, first_owner(settings)).watch())
            if settings.webhook_url:
                beside.append(Webhook(settings, transcripts.sessions).run())
            else:
                await nothing_to_tell(transcripts.sessions)
            await asyncio.gather(*beside)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with meanwhile(start()):
            yield
        await pool.dispose()

    async def answers() -> Check:
        async with pool.connect() as connection:
            if not readiness.ready:
                # The tables may not be there yet.
                await connection.execute(text("SELECT 1"))
                return Check(True)
            metrics.queue = found = await queue_in(connection)
        told = f"{found.waiting} jobs wait, the oldest for {found.oldest:.0f} s" if found.waiting else ""
        return Check(True, told)

    async def look_at_queue() -> None:
        while True:
            with suppress(OperationalError, TimeoutError):
                await answers()
            await asyncio.sleep(LOOK_AT_QUEUE)

    app = create_app(
        "api",
        settings,
        lifespan=lifespan,
        checks={"database": answers},
        readiness=readiness,
        registry=metrics.registry,
        details=lambda: {"queue": asdict(metrics.queue)},
    )
    app.state.settings = settings
    if settings.allowed_origins:
        # Pages of these sites may upload with tus, which needs its headers on both sides.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=TOLD,
            allow_private_network=True,
        )
    v1 = APIRouter(prefix="/api/v1")
    v1.include_router(routes.router(transcripts, arrivals, voices if settings.voice_prints else None))
    v1.include_router(voice_routes.router(voices, kept=settings.voice_prints))
    v1.include_router(cleanup_routes.router(transcripts, cleanups, available=named(settings)))
    v1.include_router(uploads.router(arrivals))
    app.include_router(v1)
    tell_errors(app)
    return app


async def purge(transcripts: Transcripts, kept: timedelta) -> None:
    """Deletes for good what was deleted long enough ago, until cancelled."""
    while True:
        try:
            if gone := await transcripts.purge(kept):
                log.info("deleted for good", transcripts=gone)
        except (OperationalError, OSError) as error:
            log.warning("nothing could be purged", error=str(error))
        await asyncio.sleep(PURGE_EVERY)


def tell_errors(app: FastAPI) -> None:
    """Makes errors of the archive answers: 404, 409, 422, and 503 where the database is away."""

    def answer(status: int) -> Any:
        return lambda _, error: JSONResponse({"detail": str(error)}, status)

    app.add_exception_handler(Unknown, answer(404))
    app.add_exception_handler(Conflict, answer(409))
    app.add_exception_handler(Refused, answer(422))

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> Response:
        # As FastAPI tells it, but in ASCII: half of a surrogate pair that was sent can't be told in UTF-8.
        told = json.dumps({"detail": jsonable_encoder(error.errors())})
        return Response(told, 422, media_type="application/json")

    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> JSONResponse:
        headers = {"retry-after": str(RETRY_AFTER)} if error.status == 503 else {}
        return JSONResponse({"detail": str(error)}, error.status, headers)

    @app.exception_handler(OutOfReach)
    async def unreached(_: Request, error: OutOfReach) -> JSONResponse:
        log.error("the uploaded files are out of reach", error=str(error))
        detail = "the uploaded files are out of reach; try again in a moment"
        return JSONResponse({"detail": detail}, 503, {"retry-after": str(RETRY_AFTER)})

    @app.exception_handler(OperationalError)
    async def away(_: Request, error: OperationalError) -> JSONResponse:
        log.error("the database is out of reach", error=str(error.orig))
        detail = "the database is out of reach; try again in a moment"
        return JSONResponse({"detail": detail}, 503, {"retry-after": str(RETRY_AFTER)})
