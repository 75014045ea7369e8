"""Streams that are fetched or listened for as MPEG transport streams, from files and over the API.

Each has a process that takes it in and publishes live/<name>; its signals go on to dubs and to who joins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog
from pydantic import BaseModel

from app.dubbing.configs import IntakeConfig
from app.dubbing.messages import Event, Signalled
from app.dubbing.service import addresses, paths, source_files
from app.dubbing.service.endings import Endings
from app.dubbing.service.process import Process
from app.dubbing.service.source_files import BadSource, Source
from app.dubbing.service.streams import Conflict, Streams, Unknown
from app.dubbing.service.workers import Keeper, Patience
from app.dubbing.signals.kept import Signal
from app.dubbing.states import IntakeState
from app.service import hide_credentials
from app.settings import Settings

PATIENCE = Patience(silence=8.0)
MOST = 32
LOOK_EVERY = 1.0

log = structlog.get_logger()


class TakenIn(BaseModel):
    """How a stream is taken in: its tracks as FFmpeg names them, the language that its sound track tells.

    `lasts`: it comes back after a restart. `bit_rate` is in bit/s; `splices` (SCTE-35) and `tags` (timed ID3)
    count what came beside.
    """

    stream: str
    address: str
    lasts: bool
    running: bool
    bit_rate: float
    tracks: list[str]
    language: str
    splices: int
    tags: int
    reconnects: int
    problem: str


class AllTakenIn(BaseModel):
    """All of them."""

    sources: list[TakenIn]


class _Kept:
    """A source and the process that takes it in."""

    def __init__(self, stream: str, source: Source, lasts: bool) -> None:
        self.stream, self.source, self.lasts = stream, source, lasts
        self.state = IntakeState(False, 0.0, (), "", 0, 0, 0, "starting")
        self.keeper: Keeper[IntakeConfig] | None = None

    def died(self, reason: str) -> None:
        self.state = IntakeState(False, 0.0, (), "", 0, 0, 0, f"its process {reason}")

    def view(self) -> TakenIn:
        state = self.state
        return TakenIn(
            stream=self.stream,
            address=self.source.shown,
            lasts=self.lasts,
            running=state.running,
            bit_rate=round(state.bit_rate),
            tracks=list(state.tracks),
            language=state.language,
            splices=state.splices,
            tags=state.tags,
            reconnects=state.reconnects,
            problem=hide_credentials(state.problem),
        )


class Sources:
    """The sources of streams: each lasts in a file beside the profiles, and comes and goes with that.

    `signalled` are those who are told what a stream carries beside its picture and sound, by its name.
    """

    def __init__(
        self,
        settings: Settings,
        secret: str,
        streams: Streams,
        signalled: Sequence[Callable[[str, Signal], None]],
        launch: Callable[[IntakeConfig], Awaitable[Process]],
    ) -> None:
        self._settings = settings
        self._folder = settings.profiles_dir
        self._secret = secret
        self._streams = streams
        self._signalled = signalled
        self._launch = launch
        self._kept: dict[str, _Kept] = {}
        self._read: dict[str, float] = {}
        self._endings = Endings()
        self._at_files = asyncio.Lock()

    def view(self) -> AllTakenIn:
        """The document about all of them, by stream."""
        return AllTakenIn(sources=[self._kept[name].view() for name in sorted(self._kept)])

    async def put_down(self, stream: str, source: Source) -> tuple[TakenIn, bool]:
        """As `put`, and it lasts; where its file can't be written, it is taken in all the same."""
        async with self._at_files:
            self._check_room(stream)
            try:
                self._read[stream] = await asyncio.to_thread(source_files.write, self._folder, stream, source)
                lasts = True
            except OSError as error:
                log.error("the source is forgotten at a restart", stream=stream, problem=reason(error))
                lasts = False
            return self.put(stream, source, lasts=lasts)

    async def take_away(self, stream: str) -> TakenIn:
        """As `remove`, with its file; where that can't be removed, it comes back after a restart."""
        async with self._at_files:
            told = self.remove(stream)
            try:
                await asyncio.to_thread(source_files.remove, self._folder, stream)
                self._read.pop(stream, None)
            except OSError as error:
                log.error("the source comes back at a restart", stream=stream, problem=reason(error))
            return told

    def put(self, stream: str, source: Source, *, lasts: bool = True) -> tuple[TakenIn, bool]:
        """Takes the stream in from there, from now on; says whether it had no source. Raises Conflict."""
        self._check_room(stream)
        old = self._kept.pop(stream, None)
        ending = self._endings.stop(old.keeper) if old is not None else None
        kept = self._kept[stream] = _Kept(stream, source, lasts)
        kept.keeper = Keeper(
            self._config(kept), self._launch, lambda event: self._told(kept, event), kept.died, PATIENCE
        )
        kept.keeper.start(after=ending)
        log.info("taken in", stream=stream, address=source.shown)
        return kept.view(), old is None

    def remove(self, stream: str) -> TakenIn:
        """Takes it in no more. Raises Unknown, naming the streams that are."""
        kept = self._kept.pop(stream, None)
        if kept is None:
            there = ", ".join(sorted(self._kept)) or "none"
            raise Unknown(f"{stream!r} is not taken in from anywhere; streams that are: {there}")
        self._endings.stop(kept.keeper)
        log.info("not taken in any more", stream=stream)
        return kept.view()

    async def run(self) -> None:
        """Follows the files, until cancelled; tells streams in which language their sound is."""
        while True:
            async with self._at_files:
                self.follow(await asyncio.to_thread(source_files.files, self._folder))
            for name, kept in self._kept.items():
                self._streams.track_language(name, kept.state.language)
            await asyncio.sleep(LOOK_EVERY)

    def follow(self, found: dict[str, tuple[Path, float]]) -> None:
        """Begins, changes and ends what stands in files: of each stream the file, and when it was written."""
        for name, (file, written) in found.items():
            if self._read.get(name) == written:
                continue
            self._read[name] = written
            try:
                self.put(name, source_files.read(file))
            except (BadSource, Conflict) as error:
                log.error("the stream's source is not used", stream=name, problem=str(error))
        for name in [name for name in self._read if name not in found]:
            del self._read[name]
            if name in self._kept:
                self.remove(name)

    async def close(self) -> None:
        """Ends all processes."""
        for kept in self._kept.values():
            self._endings.stop(kept.keeper)
        self._kept.clear()
        await self._endings.over()

    def _check_room(self, stream: str) -> None:
        if stream not in self._kept and len(self._kept) >= MOST:
            raise Conflict(f"{MOST} streams are taken in already; take one away first")

    def _told(self, kept: _Kept, event: Event) -> None:
        if self._kept.get(kept.stream) is not kept:
            return
        if isinstance(event, IntakeState):
            kept.state = event
        elif isinstance(event, Signalled):
            for tell in self._signalled:
                tell(kept.stream, event.signal)

    def _config(self, kept: _Kept) -> IntakeConfig:
        settings = self._settings
        path = paths.live_path(kept.stream)
        return IntakeConfig(
            stream=kept.stream,
            address=kept.source.address.get_secret_value(),
            publish_url=addresses.intake_url(settings, self._secret, kept.stream),
            look_at=addresses.look_at(settings, self._secret, path),
            reconnect_delay=settings.reconnect_delay,
            max_reconnect_delay=settings.max_reconnect_delay,
            log_level=settings.log_level,
            log_format=settings.log_format,
        )


def reason(error: OSError) -> str:
    """What the system says is wrong."""
    return error.strerror or type(error).__name__
