"""One who speaks in a room: heard, cut into phrases, and asked of sts in the languages of the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import structlog
from livekit import rtc

from app.speech.client.listener import Listener
from app.speech.client.sts_client import Answer, StsClient
from app.speech.client.voice import HEARD_RATE
from app.speech.cutter import Cut, Rules
from app.speech.protocol import Config, PhraseMark

RULES = Rules(longest=4.3, window=1.5)
ANSWER_WITHIN = 6.0
"""Seconds after which an interpretation is too late to follow the conversation."""
KEPT = RULES.longest + 2.0
PIECE_MS = 100
MOST_PIECES = 50

log = structlog.get_logger()


class Speaker:
    """Hears a track in that language. `on_answer(language, answer)` is called in threads of its own."""

    def __init__(
        self,
        track: rtc.Track,
        language: str,
        addresses: Sequence[str],
        on_answer: Callable[[str, Answer], None],
        key: str = "",
    ) -> None:
        self.language = language
        self._addresses = addresses
        self._on_answer = on_answer
        self._key = key
        self._clients: dict[str, StsClient] = {}
        self._last_id = 0
        self._listener = Listener(RULES, self._send, self._ask)
        self._stream = rtc.AudioStream(
            track, capacity=MOST_PIECES, sample_rate=HEARD_RATE, num_channels=1, frame_size_ms=PIECE_MS
        )
        self._task = asyncio.create_task(self._hear())

    @property
    def problems(self) -> dict[str, str]:
        """Why there is no interpretation now, by language."""
        return {name: client.problem for name, client in self._clients.items() if client.problem}

    async def interpret(self, languages: set[str]) -> None:
        """Into these languages from now on, and no other."""
        wanted = languages - {self.language}
        gone = [self._clients.pop(each) for each in set(self._clients) - wanted]
        for each in wanted - set(self._clients):
            self._clients[each] = StsClient(
                self._addresses,
                Config(source=self.language, target=each),
                KEPT,
                partial(self._on_answer, each),
                self._key,
            )
            self._clients[each].start()
        await asyncio.gather(*(asyncio.to_thread(client.close) for client in gone))

    async def close(self) -> None:
        """Hears no more; what is still asked for gets no answer."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._stream.aclose()
        await self.interpret(set())

    async def _hear(self) -> None:
        position = 0
        try:
            async for event in self._stream:
                samples = np.frombuffer(event.frame.data, np.int16).astype(np.float32) / 32768.0
                await asyncio.to_thread(self._listener.hear, position, samples[:, None])
                position += len(samples)
        except Exception:
            log.exception("a speaker is heard no more")

    def _send(self, position: int, pcm: bytes) -> None:
        for client in list(self._clients.values()):
            client.send_sound(position, pcm)

    def _ask(self, cut: Cut) -> None:
        self._last_id += 1
        mark = PhraseMark(
            id=self._last_id, start=cut.start, end=cut.end, deadline=ANSWER_WITHIN, pause=cut.pause
        )
        for client in list(self._clients.values()):
            client.ask(mark)
