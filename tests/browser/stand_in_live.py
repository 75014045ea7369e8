"""A stand-in for live transcription: WhisperLive's protocol without a recogniser, steered by the test.

It recognises nothing. The states of the page can only be had on demand this way; the page against the real
service is in test_speaking.py.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

END = "END_OF_AUDIO"


def segment(start: float, end: float, text: str, completed: bool = True) -> dict[str, Any]:
    """A segment as WhisperLive tells it."""
    return {"start": f"{start:.3f}", "end": f"{end:.3f}", "text": f" {text}", "completed": completed}


@dataclass
class StandInLive:
    """What it answers, and what it got. Changed by the test's thread, read by the server's."""

    greeting: dict[str, Any] = field(default_factory=lambda: {"message": "SERVER_READY"})
    segments: list[dict[str, Any]] = field(default_factory=list)
    last_words: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    sound: list[bytes] = field(default_factory=list)
    ended: int = 0
    clients: int = 0
    cut: int = 0
    farewell: dict[str, Any] | None = None

    @property
    def seconds(self) -> float:
        """How much 16-bit sound the newest connection brought."""
        return len(self.sound[-1]) / 32_000 if self.sound else 0.0

    def app(self) -> FastAPI:
        """The server."""
        app = FastAPI()

        @app.get("/health")
        async def health() -> dict[str, Any]:
            return {"service": "live", "status": "ok", "detail": "", "depends_on": {}}

        @app.websocket("/")
        async def socket(browser: WebSocket) -> None:
            await browser.accept()
            question = await browser.receive_json()
            self.asked.append(question)
            await browser.send_json({"uid": question["uid"], "backend": "faster_whisper", **self.greeting})
            if "status" in self.greeting:
                await browser.close()
                return
            self.sound.append(b"")
            self.clients += 1
            telling = asyncio.create_task(self._tell(browser, question["uid"]))
            try:
                await self._listen(browser, question["uid"])
            except WebSocketDisconnect:
                pass
            finally:
                self.clients -= 1
                telling.cancel()

        return app

    async def _listen(self, browser: WebSocket, uid: str) -> None:
        while True:
            message = await browser.receive()
            if message["type"] == "websocket.disconnect":
                return
            if END in (message.get("text"), (message.get("bytes") or b"").decode("latin-1")):
                self.ended += 1
                if self.last_words:
                    await browser.send_json({"uid": uid, "segments": self.last_words})
                await browser.close()
                return
            self.sound[-1] += message["bytes"]

    async def _tell(self, browser: WebSocket, uid: str) -> None:
        told, cut = "", self.cut
        while True:
            if self.cut != cut:
                if self.farewell:
                    await browser.send_json({"uid": uid, **self.farewell})
                await browser.close(1012, "restart")
                return
            document = json.dumps({"uid": uid, "segments": self.segments})
            if self.segments and document != told:
                told = document
                await browser.send_text(document)
            await asyncio.sleep(0.02)
