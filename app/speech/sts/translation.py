"""POST /v1/translations/text: a text by the translator of the dubs, for services that have text alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.access.gate import Gate
from app.speech.rest import errors
from app.speech.rest.bounds import Bounds
from app.speech.rest.door import Keys, Turnstile
from app.speech.rest.errors import ApiError
from app.speech.types import HurriedTranslator

if TYPE_CHECKING:
    from app.speech.sts.service import SpeechService

LONGEST = 2000
WITHIN = 2.0
"""Seconds that a translator which may take long is given, before the light one does the work."""
AFTER_DUBS = 1 << 30
"""Rank among the work of sts: dubs go first."""
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$", description="ISO 639 code.")]


class Wishes(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST)]
    source: Language
    target: Language


class Translation(BaseModel):
    """A text in the other language, and who translated it."""

    text: str
    translator: str


def install(app: FastAPI, service: SpeechService) -> None:
    """Adds the route, and what guards it: keys where API_KEYS has some, bounded bodies, queue and time."""
    settings = service.settings
    turnstile = Turnstile(1, settings.max_waiting)
    errors.install(app)
    app.add_middleware(Bounds, deadline=settings.request_deadline, uploads=())
    app.add_middleware(Keys, gate=Gate(settings, "speech"))

    def translate(wishes: Wishes) -> Translation:
        translator = service.engines.translator
        if isinstance(translator, HurriedTranslator):
            translator = translator.within(WITHIN)
        text = translator.translate(wishes.text, wishes.source, wishes.target)
        return Translation(text=text, translator=translator.name)

    @app.post("/v1/translations/text", responses=errors.DOCUMENTED)
    async def text(wishes: Wishes) -> Translation:
        """Translate a text."""
        if not service.readiness.ready:
            raise ApiError(503, f"not ready: {service.readiness.detail}", "engine_unavailable")
        pair = f"{wishes.source}-{wishes.target}"
        if not service.engines.translator.supports(wishes.source, wishes.target):
            known = ", ".join(f"{source}-{target}" for source, target in service.engines.translator.pairs)
            there = f"; there are: {known}" if known else ""
            raise ApiError(400, f"no translator for {pair}{there}", "no_translator", "target")
        with turnstile.entered():
            async with asyncio.timeout(settings.request_deadline), turnstile.turn():
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(service.threads.at(AFTER_DUBS), translate, wishes)
