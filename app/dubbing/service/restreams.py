"""Where dubs are sent on to: which targets there are, how each does, from a file and over the API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog
from pydantic import BaseModel

from app.dubbing.configs import RestreamConfig
from app.dubbing.messages import Event, Original, Signalled
from app.dubbing.service import addresses
from app.dubbing.service.endings import Endings
from app.dubbing.service.keepers import SignalKeeper
from app.dubbing.service.process import Process
from app.dubbing.service.streams import Conflict, Streams, Unknown
from app.dubbing.service.targets import MOST_TARGETS, BadTargets, Target, read
from app.dubbing.service.workers import Patience
from app.dubbing.signals.clock import ClockMark
from app.dubbing.signals.kept import Signal
from app.dubbing.srt_address import SCHEME
from app.dubbing.states import RestreamState
from app.settings import Settings

# A process that waits for its target says nothing meanwhile.
PATIENCE = Patience(silence=8.0)
SILENT = "the target took nothing for 8 s"
LOOK_EVERY = 1.0

log = structlog.get_logger()


class Restream(BaseModel):
    """How one target does. `bit_rate` is in bit/s, `sent` in bytes; no key is ever told."""

    stream: str
    language: str
    name: str
    address: str
    original: bool
    sending: bool
    bit_rate: float
    sent: int
    reconnects: int
    problem: str


class Restreams(BaseModel):
    """All of them."""

    restreams: list[Restream]


class RestreamKeeper(SignalKeeper[RestreamConfig]):
    """Keeps the process that sends a dub on, and remembers the stream's signals."""

    def send(self, command: Original | Signalled) -> None:
        """Tells the process, where there is one."""
        self._remember(command)
        if self._process is not None:
            self._process.send(command)

    def _tell_again(self, process: Process, started_with: RestreamConfig) -> None:
        del started_with
        self._tell_signals(process)


class _Kept:
    """A target and the process that serves it."""

    def __init__(self, stream: str, language: str, name: str, target: Target) -> None:
        self.stream, self.language, self.name, self.target = stream, language, name, target
        self.state = RestreamState(False, 0, 0.0, 0, "starting")
        self.past = (0, 0)
        self.keeper: RestreamKeeper | None = None

    def told(self, event: Event) -> None:
        if isinstance(event, RestreamState):
            self.state = event

    def died(self, reason: str) -> None:
        sent, reconnects = self.past
        self.past = (sent + self.state.sent, reconnects + self.state.reconnects + 1)
        problem = SILENT if reason.startswith("said nothing") else f"its process {reason}"
        self.state = RestreamState(False, 0, 0.0, 0, problem)

    def view(self) -> Restream:
        return Restream(
            stream=self.stream,
            language=self.language,
            name=self.name,
            address=self.target.shown,
            original=self.target.original,
            sending=self.state.sending,
            bit_rate=round(self.state.bit_rate),
            sent=self.past[0] + self.state.sent,
            reconnects=self.past[1] + self.state.reconnects,
            problem=self.state.problem,
        )


class Restreaming:
    """The targets of the streams that are there; each has a process of its own.

    Targets come from <stream>.restream.toml beside the profiles when a stream appears, and over the API; they
    are forgotten with the stream.
    """

    def __init__(
        self,
        settings: Settings,
        secret: str,
        streams: Streams,
        launch: Callable[[RestreamConfig], Awaitable[Process]],
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._streams = streams
        self._launch = launch
        self._kept: dict[tuple[str, str, str], _Kept] = {}
        self._known: set[str] = set()
        self._endings = Endings()

    def view(self) -> Restreams:
        """The document about all targets, by stream, language and name."""
        return Restreams(restreams=[self._kept[key].view() for key in sorted(self._kept)])

    def put(self, stream: str, language: str, name: str, target: Target) -> tuple[Restream, bool]:
        """Sends the dub there, from now on; says whether the target is new. Raises Unknown, Conflict."""
        self._streams.dub(stream, language)
        key = (stream, language, name)
        old = self._kept.pop(key, None)
        if old is None and sum(one.stream == stream for one in self._kept.values()) >= MOST_TARGETS:
            raise Conflict(f"{stream} is sent to {MOST_TARGETS} targets already; take one away first")
        ending = self._endings.stop(old.keeper) if old is not None else None
        kept = self._kept[key] = _Kept(stream, language, name, target)
        kept.keeper = RestreamKeeper(self._config(kept), self._launch, kept.told, kept.died, PATIENCE)
        kept.keeper.start(after=ending)
        for signal in self._streams.stream(stream).signals:
            self._tell_signal(kept, signal)
        log.info("sent on", stream=stream, language=language, target=name, address=target.shown)
        return kept.view(), old is None

    def remove(self, stream: str, language: str, name: str) -> Restream:
        """Sends nothing there any more. Raises Unknown, naming the targets there are."""
        kept = self._kept.pop((stream, language, name), None)
        if kept is None:
            there = ", ".join(one.name for one in self._kept.values() if one.stream == stream) or "none"
            raise Unknown(f"{stream} in {language!r} is not sent to {name!r}; targets: {there}")
        self._endings.stop(kept.keeper)
        log.info("not sent on any more", stream=stream, language=language, target=name)
        return kept.view()

    def signalled(self, stream: str, signal: Signal) -> None:
        """The stream carries this beside its picture and sound."""
        for kept in self._kept.values():
            if kept.stream == stream:
                self._tell_signal(kept, signal)

    async def run(self) -> None:
        """Follows the streams that come and go, until cancelled."""
        while True:
            self.follow()
            await asyncio.sleep(LOOK_EVERY)

    def follow(self) -> None:
        """Reads the targets of new streams, and forgets those of streams that have ended."""
        there = {stream.publisher.name for stream in self._streams.all()}
        for name in there - self._known:
            self._begin(name)
        self._known = there
        for key in [key for key in self._kept if key[0] not in there]:
            self._endings.stop(self._kept.pop(key).keeper)
        for kept in self._kept.values():
            self._tell_original(kept)

    async def close(self) -> None:
        """Ends all processes."""
        for kept in self._kept.values():
            self._endings.stop(kept.keeper)
        self._kept.clear()
        await self._endings.over()

    def _begin(self, stream: str) -> None:
        try:
            targets = read(self._settings.profiles_dir, stream)
        except BadTargets as error:
            log.error("the stream's targets are not used", stream=stream, problem=str(error))
            return
        for target in targets:
            try:
                self.put(stream, target.language, target.name, target)
            except (Unknown, Conflict) as error:
                log.warning("not sent on", stream=stream, target=target.name, problem=str(error))

    def _tell_original(self, kept: _Kept) -> None:
        """Told again and again: a process may be new, the publisher elsewhere, the delay another one."""
        stream = self._streams.stream(kept.stream)
        dub = stream.dubs.get(kept.language)
        if kept.target.original and kept.keeper is not None and dub is not None and dub.state is not None:
            url = self._streams.source_url(stream)
            there = stream.gone_at is None
            kept.keeper.send(Original(url, dub.state.delay, stream.said, there, stream.profile.tracks))

    def _tell_signal(self, kept: _Kept, signal: Signal) -> None:
        """Tells who sends MPEG-TS, with each mark at the time when its picture comes there."""
        if kept.keeper is None or not kept.target.whole.startswith(SCHEME):
            return
        if isinstance(signal, ClockMark):
            try:
                state = self._streams.dub(kept.stream, kept.language).state
            except Unknown:
                return
            if state is None:
                return
            signal = replace(signal, arrival=signal.arrival + state.delay)
        kept.keeper.send(Signalled(signal))

    def _config(self, kept: _Kept) -> RestreamConfig:
        settings = self._settings
        return RestreamConfig(
            stream=kept.stream,
            language=kept.language,
            target=kept.name,
            dub=addresses.dub_at(settings, self._secret, kept.stream, kept.language),
            address=kept.target.whole,
            original=kept.target.original,
            reconnect_delay=settings.reconnect_delay,
            max_reconnect_delay=settings.max_reconnect_delay,
            log_level=settings.log_level,
            log_format=settings.log_format,
        )
