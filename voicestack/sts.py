"""Dubs phrases: sound in, the translated phrase out, over the protocol that the dubber's workers speak."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any, Self

from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import connect

from app.speech.client.sts_host import MAX_ANSWER_BYTES, Misbehaved, parse, sound_of
from app.speech.protocol import PATH, Config, Dub, Error, Failure, PhraseMark, Profile, Ready, pack_sound
from voicestack.asking import Problem, authorization, told

BLOCK = 1 << 16
"""Bytes of sound in a message."""
DEADLINE = 30.0
OPTIONS: dict[str, Any] = {"compression": None, "max_size": MAX_ANSWER_BYTES}


@dataclass(frozen=True)
class Dubbed:
    """A phrase in the other language: its texts and words in `dub`, its sound as int16 mono PCM."""

    dub: Dub
    pcm: bytes


class NoDub(Problem):
    """There is no dub of a phrase: `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.code}: {failure.message}")
        self.failure = failure


class _Dubbing:
    """A session without its connection: what to send, and what an answer means."""

    def __init__(
        self,
        url: str = "ws://127.0.0.1:5003",
        *,
        source: str = "en",
        target: str = "es",
        rate: int = 16000,
        voice: str = "",
        profile: Profile | None = None,
        key: str = "",
    ) -> None:
        self._headers = authorization(key)
        self._address = f"{url.rstrip('/')}{PATH}"
        self._config = Config(
            source=source, target=target, sample_rate=rate, voice=voice, profile=profile or Profile()
        )
        self._position = 0
        self._phrases = 0

    def _messages(self, pcm: bytes, deadline: float) -> Iterator[bytes | str]:
        start = self._position
        for place in range(0, len(pcm), BLOCK):
            part = pcm[place : place + BLOCK]
            yield pack_sound(self._position, part)
            self._position += len(part) // 2
        self._phrases += 1
        mark = PhraseMark(id=self._phrases, start=start, end=self._position, deadline=deadline, pause=True)
        yield mark.model_dump_json()

    @staticmethod
    def _ready(message: str | bytes) -> Ready:
        answer = _parsed(message)
        if not isinstance(answer, Ready):
            raise Problem("sts answered out of turn")
        return answer

    @staticmethod
    def _dub(message: str | bytes) -> Dub:
        answer = _parsed(message)
        if isinstance(answer, Failure):
            raise NoDub(answer)
        if not isinstance(answer, Dub):
            raise Problem("sts answered out of turn")
        return answer

    @staticmethod
    def _dubbed(dub: Dub, sound: str | bytes | None) -> Dubbed:
        try:
            return Dubbed(dub, sound_of(dub, sound) if sound is not None else b"")
        except Misbehaved as error:
            raise Problem(str(error)) from error


class Sts(_Dubbing):
    """A session with sts, one phrase after the other. A context manager; raises Problem.

    `source` and `target` are ISO 639 codes, `rate` the sample rate of your sound in Hz; the voice may
    be left to sts. `key` is one of API_KEYS, where there are some.
    """

    def __enter__(self) -> Self:
        with told(self._address):
            self._open = ExitStack()
            self._socket = self._open.enter_context(
                connect(self._address, additional_headers=self._headers, **OPTIONS)
            )
            self._socket.send(self._config.model_dump_json())
            self.ready = self._ready(self._socket.recv())
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def dub(self, pcm: bytes, deadline: float = DEADLINE) -> Dubbed:
        """The dub of a phrase (int16 mono PCM), within `deadline` seconds. Raises NoDub and Problem."""
        with told(self._address):
            for message in self._messages(pcm, deadline):
                self._socket.send(message)
            dub = self._dub(self._socket.recv())
            return self._dubbed(dub, self._socket.recv() if dub.samples else None)


class AsyncSts(_Dubbing):
    """The same for asyncio."""

    async def __aenter__(self) -> Self:
        with told(self._address):
            self._open = AsyncExitStack()
            self._socket = await self._open.enter_async_context(
                connect_async(self._address, additional_headers=self._headers, **OPTIONS)
            )
            await self._socket.send(self._config.model_dump_json())
            self.ready = self._ready(await self._socket.recv())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def dub(self, pcm: bytes, deadline: float = DEADLINE) -> Dubbed:
        """The dub of a phrase (int16 mono PCM), within `deadline` seconds. Raises NoDub and Problem."""
        with told(self._address):
            for message in self._messages(pcm, deadline):
                await self._socket.send(message)
            dub = self._dub(await self._socket.recv())
            return self._dubbed(dub, await self._socket.recv() if dub.samples else None)


def _parsed(message: str | bytes) -> Ready | Dub | Failure:
    try:
        answer = parse(message)
    except Misbehaved as error:
        raise Problem(str(error)) from error
    if isinstance(answer, Error):
        raise Problem(f"{answer.code}: {answer.message}")
    return answer
