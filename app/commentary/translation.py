"""Comments in other languages, by the translators of sts over the network."""

from __future__ import annotations

import time

import httpx
import structlog

from app.commentary.asking import client
from app.service import hide_credentials
from app.settings import Settings

WITHIN = 2.5
AGAIN_AFTER = 60.0
"""Seconds after which a language that could not be translated into is tried again."""
REMEMBERED = 500

log = structlog.get_logger()


class Translation:
    """sts as it is asked. What it can't translate stays English; `problems` says why, by language."""

    def __init__(self, settings: Settings) -> None:
        # The WebSocket's address with HTTP in its place: ws becomes http, wss https.
        address = "http" + settings.sts_addresses[0].removeprefix("ws")
        self._client = client(settings, address, WITHIN)
        self.problems: dict[str, str] = {}
        self._not_before: dict[str, float] = {}
        self._known: dict[tuple[str, str], str] = {}

    async def translate(self, text: str, language: str) -> str | None:
        """The English text in that language; None where that can't be had now."""
        if (text, language) in self._known:
            return self._known[text, language]
        if time.monotonic() < self._not_before.get(language, 0.0):
            return None
        try:
            translated = await self._ask(text, language)
        except LookupError as error:
            if self.problems.get(language) != str(error):
                log.warning("comments stay English", language=language, reason=str(error))
            self.problems[language] = str(error)
            self._not_before[language] = time.monotonic() + AGAIN_AFTER
            return None
        self.problems.pop(language, None)
        self._known[text, language] = translated
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return translated

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _ask(self, text: str, language: str) -> str:
        wishes = {"text": text, "source": "en", "target": language}
        try:
            answer = await self._client.post("/v1/translations/text", json=wishes)
        except httpx.TimeoutException:
            raise LookupError(f"sts does not translate within {WITHIN:g} s") from None
        except httpx.HTTPError as error:
            why = hide_credentials(str(error)) or type(error).__name__
            raise LookupError(f"sts is out of reach ({why}): start it, or set STS_URLS") from None
        try:
            found = answer.json()
            if answer.status_code == 200 and (translated := str(found["text"]).strip()):
                return translated
            raise LookupError(str(found["error"]["message"])[:200])
        except (ValueError, KeyError, TypeError):
            raise LookupError(f"sts answered {answer.status_code}") from None
