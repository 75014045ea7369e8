"""commentary: watches video and says what happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.access.gate import Gate, ask_for_keys
from app.commentary import api, vision
from app.commentary.frames.allowed import Place
from app.commentary.frames.captured import Captured, Launcher
from app.commentary.metrics import Metrics
from app.commentary.sessions import Sessions
from app.commentary.speech import Speech
from app.commentary.streams import Streams
from app.commentary.translation import Translation
from app.service import Check, create_app
from app.serving.limit import BodyLimit
from app.settings import Settings


def create(settings: Settings) -> FastAPI:
    """The application of commentary."""
    metrics, launcher = Metrics(), Launcher()
    speech, streams, model = Speech(settings), Streams(settings), vision.configured(settings)
    translation = Translation(settings)

    def provide(place: Place) -> Captured:
        return Captured(place, launcher, settings.reconnect_delay, settings.max_reconnect_delay)

    rooms = None
    if settings.livekit_enabled:
        # Where it is off, not even the package need be there.
        from app.commentary.rooms.rooms import Rooms

        rooms = Rooms(settings)
    sessions = Sessions(settings, provide, model, speech, translation, streams, metrics.watch, rooms)
    metrics.sessions, metrics.vision = sessions, model

    async def tts_answers() -> Check:
        there = await speech.answers()
        return Check(there, "tts answers" if there else "tts is not ready")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        launcher.warm_up()
        try:
            yield
        finally:
            await sessions.close()
            if rooms is not None:
                await rooms.close()
            launcher.close()
            await speech.close()
            await streams.close()
            await translation.close()
            if model is not None:
                await model.model.close()

    app = create_app(
        "commentary",
        settings,
        lifespan=lifespan,
        checks={"tts": tts_answers},
        registry=metrics.registry,
        details=lambda: {"describer": model.name if model is not None else "scene"},
        drain=sessions.close,
    )
    app.add_middleware(BodyLimit)
    ask_for_keys(app, Gate(settings, "commentary", closed_by_api_keys=False))
    api.install(app, settings, sessions, streams, model, speech, rooms)
    if rooms is not None:
        from app.commentary.rooms import api as rooms_api

        rooms_api.install(app, rooms)
    return app
