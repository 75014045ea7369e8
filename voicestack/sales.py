"""Follows sales calls: what is said, and what is objected to."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field, TypeAdapter
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import connect

from app.mic.live import END
from app.sales.messages import Call, Calls, Channel, Event, NewCall, NewSegment, Segment, WholeCall
from voicestack.asking import Ask, AsyncHttp, Http, authorization, model, nothing, told

URL = "http://127.0.0.1:8002"
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def _new(title: str, language: str, channels: Sequence[Channel]) -> Ask[Call]:
    call = NewCall(title=title, language=language, channels=list(channels))
    return Ask("POST", "/calls", model(Call), {"json": call.model_dump()})


def _calls() -> Ask[Calls]:
    return Ask("GET", "/calls", model(Calls))


def _get(call: str) -> Ask[WholeCall]:
    return Ask("GET", f"/calls/{call}", model(WholeCall))


def _say(call: str, text: str, start: float, end: float, channel: Channel) -> Ask[Segment]:
    said = NewSegment(channel=channel, start=start, end=end, text=text)
    return Ask("POST", f"/calls/{call}/text", model(Segment), {"json": said.model_dump()})


def _end(call: str) -> Ask[Call]:
    return Ask("POST", f"/calls/{call}/end", model(Call))


def _remove(call: str) -> Ask[None]:
    return Ask("DELETE", f"/calls/{call}", nothing)


def _socket(url: str, call: str, what: str, **query: object) -> str:
    return f"ws{url.removeprefix('http')}/calls/{call}/{what}?{urlencode(query)}"


class Sales(Http):
    """A client of sales. Raises Problem, and pydantic's ValidationError for what can't be asked."""

    URL = URL

    def new(self, title: str = "", language: str = "en", channels: Sequence[Channel] = ("call",)) -> Call:
        """Begins a call."""
        return self._do(_new(title, language, channels))

    def calls(self) -> list[Call]:
        """The calls that are kept, the newest first."""
        return self._do(_calls()).calls

    def get(self, call: str) -> WholeCall:
        """A call with all that was said and objected to."""
        return self._do(_get(call))

    def say(self, call: str, text: str, start: float, end: float, channel: Channel = "call") -> Segment:
        """Tells what was said, in seconds of the call; it is searched for objections."""
        return self._do(_say(call, text, start, end, channel))

    def send(self, call: str, sound: Iterable[bytes], channel: Channel = "call", rate: int = 16000) -> None:
        """Sends a channel's sound in pieces (int16 mono PCM); returns after its last words."""
        address = _socket(self._url, call, "audio", channel=channel, rate=rate)
        with told(address), connect(address, additional_headers=authorization(self._key)) as socket:
            for piece in sound:
                socket.send(piece)
            socket.send(END)
            for _ in socket:
                pass

    def events(self, call: str, since: int = 0) -> Iterator[Event]:
        """What happens in a call, those before first, until it is over."""
        address = _socket(self._url, call, "events", since=since)
        with told(address), connect(address, additional_headers=authorization(self._key)) as socket:
            for text in socket:
                yield EVENT.validate_json(text)

    def end(self, call: str) -> Call:
        """Ends a call."""
        return self._do(_end(call))

    def remove(self, call: str) -> None:
        """Ends a call at once and forgets it."""
        self._do(_remove(call))


class AsyncSales(AsyncHttp):
    """The same for asyncio."""

    URL = URL

    async def new(
        self, title: str = "", language: str = "en", channels: Sequence[Channel] = ("call",)
    ) -> Call:
        """Begins a call."""
        return await self._do(_new(title, language, channels))

    async def calls(self) -> list[Call]:
        """The calls that are kept, the newest first."""
        return (await self._do(_calls())).calls

    async def get(self, call: str) -> WholeCall:
        """A call with all that was said and objected to."""
        return await self._do(_get(call))

    async def say(self, call: str, text: str, start: float, end: float, channel: Channel = "call") -> Segment:
        """Tells what was said, in seconds of the call; it is searched for objections."""
        return await self._do(_say(call, text, start, end, channel))

    async def send(
        self, call: str, sound: AsyncIterable[bytes], channel: Channel = "call", rate: int = 16000
    ) -> None:
        """Sends a channel's sound in pieces (int16 mono PCM); returns after its last words."""
        address = _socket(self._url, call, "audio", channel=channel, rate=rate)
        with told(address):
            async with connect_async(address, additional_headers=authorization(self._key)) as socket:
                async for piece in sound:
                    await socket.send(piece)
                await socket.send(END)
                async for _ in socket:
                    pass

    async def events(self, call: str, since: int = 0) -> AsyncIterator[Event]:
        """What happens in a call, those before first, until it is over."""
        address = _socket(self._url, call, "events", since=since)
        with told(address):
            async with connect_async(address, additional_headers=authorization(self._key)) as socket:
                async for text in socket:
                    yield EVENT.validate_json(text)

    async def end(self, call: str) -> Call:
        """Ends a call."""
        return await self._do(_end(call))

    async def remove(self, call: str) -> None:
        """Ends a call at once and forgets it."""
        await self._do(_remove(call))
