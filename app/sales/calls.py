"""All calls: their channels' sound on its way to `live`, and how many there may be."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from app.sales.call import LiveCall, Look
from app.sales.kept import Kept
from app.sales.listener import Listener, Live, Told
from app.sales.messages import Channel, NewCall
from app.sales.whisper_live import Said

MAX_CALLS = 100
IDLE_ENDS = 1800.0
"""Seconds without a word or a source after which a call that nobody ended is over."""
LOOK_ROUND = 30.0
STOP_WITHIN = 1.5
STOPPED = "sales was stopped, which ended the call"

log = structlog.get_logger()


class Unknown(LookupError):
    """There is no such call, or no such channel in it."""


class Conflict(RuntimeError):
    """That can't be done with the call as it is."""


class Full(RuntimeError):
    """There are as many calls as there may be, and all of them go on."""


@dataclass
class Source:
    """Where a channel's sound comes in, and the task that hears it."""

    listener: Listener
    task: asyncio.Task[None]


@dataclass
class Running:
    """A call with its sources; one that is `ending` takes no more of them."""

    call: LiveCall
    ending: bool = False
    sources: dict[Channel, Source] = field(default_factory=dict)
    finished: set[Channel] = field(default_factory=set)


class Calls:
    """The calls that are kept; the oldest that is over goes when a new one needs its place."""

    def __init__(self, live: Live, look: Look, on_new: Callable[[LiveCall], None], kept: Kept) -> None:
        self._live = live
        self._look = look
        self._on_new = on_new
        self._kept = kept
        self._draining = False
        self._calls: dict[str, Running] = {}
        self.reconnects = 0
        self.dropped = 0.0
        """Seconds of sound that could not be recognised, of sources that are gone."""

    @property
    def all(self) -> list[LiveCall]:
        """All calls, the newest first."""
        return [running.call for running in reversed(self._calls.values())]

    def new(self, asked: NewCall) -> LiveCall:
        """A new call. Raises Full."""
        if self._draining:
            raise Full("sales is being stopped")
        if len(self._calls) >= MAX_CALLS:
            over = next((id for id, each in self._calls.items() if each.call.ended is not None), None)
            if over is None:
                raise Full(f"{MAX_CALLS} calls go on already; end one first (POST /calls/{{id}}/end)")
            self._forget(over)
        call = LiveCall(secrets.token_hex(8), asked, self._look)
        running = self._calls[call.id] = Running(call)
        call.dropping = lambda: sum(each.listener.dropped for each in running.sources.values())
        self._on_new(call)
        self._kept.keep(call)
        return call

    async def restore(self) -> None:
        """The calls of before a restart are there again, ended; of too many, the newest."""
        calls = await asyncio.to_thread(self._kept.load)
        for call in calls[:-MAX_CALLS]:
            self._kept.forget(call.id)
        for call in calls[-MAX_CALLS:]:
            self._calls[call.id] = Running(call)

    def get(self, id: str) -> LiveCall:
        """The call of that id. Raises Unknown."""
        return self._running(id).call

    def open(self, id: str, channel: str) -> Listener:
        """A source for a channel's sound. Raises Unknown, Conflict."""
        running = self._running(id)
        call = running.call
        if channel not in call.asked.channels:
            raise Unknown(
                f"the call has no channel {channel[:40]!r}; it has {', '.join(call.asked.channels)}"
            )
        if call.ended is not None or running.ending:
            raise Conflict("the call is over")
        name: Channel = next(each for each in call.asked.channels if each == channel)
        if name in running.sources and not running.sources[name].listener.has_ended:
            raise Conflict(f"the channel {name} has a source already")
        listener = Listener(self._live, call.asked.language, self._told(call, name, call.age))
        task = asyncio.create_task(self._listen(running, name, listener), name=f"listen {call.id} {name}")
        running.sources[name] = Source(listener, task)
        running.finished.discard(name)
        call.heard_at = time.monotonic()
        return listener

    async def finish(self, id: str, channel: str, listener: Listener) -> None:
        """Waits for a source's last words after its sound has ended; the last channel ends the call.

        A channel that has another source by then goes on.
        """
        running = self._running(id)
        name: Channel = next(each for each in running.call.asked.channels if each == channel)
        source = running.sources.get(name)
        if source is None or source.listener is not listener:
            return
        await asyncio.wait((source.task,))
        if name in running.sources:
            return
        running.finished.add(name)
        if running.finished == set(running.call.asked.channels):
            await self._end(running)

    async def end(self, id: str) -> LiveCall:
        """Ends a call once its last words are there."""
        running = self._running(id)
        await self._end(running)
        return running.call

    async def _end(self, running: Running, why: str = "") -> None:
        running.ending = True
        tasks = [source.task for source in running.sources.values()]
        for source in running.sources.values():
            source.listener.end()
        if tasks:
            await asyncio.wait(tasks)
        await running.call.end(why)

    def remove(self, id: str) -> None:
        """Forgets a call at once."""
        running = self._running(id)
        self._break_off(running, "")
        self._forget(id)

    async def drain(self) -> None:
        """Takes no more calls, and ends those that go on once their last words are there."""
        self._draining = True
        going_on = [running for running in self._calls.values() if running.call.ended is None]
        await asyncio.gather(*(self._end(running, STOPPED) for running in going_on))

    async def close(self) -> None:
        """Ends all calls; their last words are waited for as long as a stopping service has."""
        draining = asyncio.create_task(self.drain())
        await asyncio.wait((draining,), timeout=STOP_WITHIN)
        for running in self._calls.values():
            self._break_off(running, STOPPED)
        await asyncio.wait((draining,))

    def _break_off(self, running: Running, why: str) -> None:
        for source in running.sources.values():
            source.task.cancel()
        running.call.close(why)

    def _forget(self, id: str) -> None:
        del self._calls[id]
        self._kept.forget(id)

    async def end_forgotten(self) -> None:
        """Ends calls that nobody speaks in any more, and forgets old ones, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_ROUND)
            for id, running in list(self._calls.items()):
                idle = time.monotonic() - running.call.heard_at > IDLE_ENDS
                if idle and running.call.ended is None and not running.sources:
                    await self.end(id)
                elif running.call.ended is not None and self._kept.is_old(running.call.ended):
                    self._forget(id)

    def _running(self, id: str) -> Running:
        try:
            return self._calls[id]
        except KeyError:
            raise Unknown("there is no such call; GET /calls lists them") from None

    async def _listen(self, running: Running, channel: Channel, listener: Listener) -> None:
        try:
            await listener.run()
        except Exception:
            log.exception("a channel can't be listened to any more", call=running.call.id, channel=channel)
        finally:
            if (source := running.sources.get(channel)) and source.listener is listener:
                del running.sources[channel]
            running.call.dropped += listener.dropped
            self.dropped += listener.dropped
            self.reconnects += listener.reconnects
            running.call.connected(channel, True, "")

    def _told(self, call: LiveCall, channel: Channel, offset: float) -> Told:
        def partial(said: Said) -> None:
            call.speaking(channel, offset + said.start, offset + said.end, said.text)

        def final(said: Said) -> None:
            call.said(channel, offset + said.start, offset + said.end, said.text)

        return Told(partial, final, lambda yes, detail: call.connected(channel, yes, detail))
