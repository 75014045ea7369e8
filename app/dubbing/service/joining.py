"""Streams that are joined with all their dubs, for one player: begun where somebody asks, or always."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from pydantic import BaseModel

from app.dubbing import messages, showing
from app.dubbing.configs import JoinConfig
from app.dubbing.messages import (
    ChooseTracks,
    Dubbed,
    Event,
    Said,
    Signalled,
    SourceGone,
    SourceReady,
    Spoken,
)
from app.dubbing.service import addresses, views
from app.dubbing.service.events import Hub
from app.dubbing.service.keepers import JoinKeeper
from app.dubbing.service.process import Process
from app.dubbing.service.streams import Stream, Streams
from app.dubbing.showing import Index
from app.dubbing.signals.kept import Signal
from app.dubbing.states import UNWRITTEN, JoinState
from app.dubbing.tracks import Chosen
from app.service import Check
from app.settings import Settings

KEPT_FOR = 60.0
"""Seconds for which it goes on where nobody asks for it and nothing is kept."""
LIVE_WINDOW = 40.0
"""Seconds that are there where nothing is kept."""
LOOK_EVERY = 0.5
TRIM_EVERY = 60.0
ABANDONED = 120.0
MOST = 32

log = structlog.get_logger()


class Showing(BaseModel):
    """A stream as it is or was shown: `address` is where players read it, `began` a Unix time."""

    stream: str
    address: str
    began: float
    seconds: float
    ended: bool
    spoken: str
    languages: list[str]
    bytes: int


class Joined(BaseModel):
    """All of them, oldest first; `problems` tells of streams that are joined now."""

    showings: list[Showing]
    problems: dict[str, str]


class _Kept:
    """A stream and the process that joins it."""

    def __init__(self, since: float | None, chosen: Chosen) -> None:
        self.since = since
        self.chosen = chosen
        self.until = 0.0
        self.spoken = ""
        self.dubbed = Dubbed(())
        self.state = JoinState(0, (), "starting")
        self.keeper: JoinKeeper | None = None

    def told(self, event: Event) -> None:
        if isinstance(event, JoinState):
            self.state = event

    def died(self, reason: str) -> None:
        self.state = JoinState(0, (), f"its process {reason}")


class Joining:
    """The streams that are joined; each has a process of its own."""

    def __init__(
        self,
        settings: Settings,
        secret: str,
        streams: Streams,
        hub: Hub,
        launch: Callable[[JoinConfig], Awaitable[Process]],
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._streams = streams
        self._hub = hub
        self._launch = launch
        self._kept: dict[str, _Kept] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self.root = settings.data_dir / showing.FOLDER

    @property
    def keeps(self) -> bool:
        """Whether streams are kept to be watched again."""
        return self._settings.replay_minutes > 0

    async def check(self) -> Check | None:
        """What is wrong with the folder; None where nothing is."""
        problems = (kept.state.problem for kept in self._kept.values())
        problem = next((each for each in problems if UNWRITTEN in each), "")
        return Check(False, problem) if problem else None

    def view(self) -> Joined:
        """The document about all showings. Reads the disk."""
        found = [told for folder in showing.showings(self.root) if (told := self._told(folder)) is not None]
        problems = {name: kept.state.problem for name, kept in self._kept.items() if kept.state.problem}
        return Joined(showings=found, problems=problems)

    def asked(self, name: str) -> bool:
        """Somebody watches; begins to join the stream where it is there. Says whether it is joined."""
        kept = self._kept.get(name)
        if kept is None:
            stream = next((one for one in self._streams.all() if one.publisher.name == name), None)
            if stream is None or len(self._kept) >= MOST:
                return False
            kept = self._begin(stream)
        kept.until = time.monotonic() + KEPT_FOR
        return True

    def signalled(self, name: str, signal: Signal) -> None:
        """The stream carries this beside its picture and sound."""
        kept = self._kept.get(name)
        if kept is not None and kept.keeper is not None:
            kept.keeper.send(Signalled(signal))

    async def run(self) -> None:
        """Follows the streams that come and go, until cancelled."""
        while True:
            self.follow()
            await asyncio.sleep(LOOK_EVERY)

    async def tell_captions(self) -> None:
        """Hands captions on to those who join, until cancelled."""
        with self._hub.listen(lambda news: news.kind == "caption" and news.stream in self._kept) as listener:
            while True:
                news = await listener.next()
                kept = self._kept.get(news.stream)
                if kept is not None and kept.keeper is not None and isinstance(news.document, views.Caption):
                    kept.keeper.send(Said(news.language, caption_of(news.document)))

    async def keep_room(self) -> None:
        """Deletes what is too much, now and then until cancelled."""
        while True:
            now = set(self._kept)
            await asyncio.to_thread(self.trim, now)
            await asyncio.sleep(TRIM_EVERY)

    def trim(self, joined: set[str]) -> None:
        """Ends or deletes what a dubber that is gone left unfinished; of the rest deletes the oldest."""
        total = 0
        for folder in reversed(showing.showings(self.root)):
            index = Index(folder)
            index.refresh()
            live = folder.name.partition("@")[0] in joined and not index.ended
            last = index.segments[-1].at if index.segments else folder.stat().st_mtime
            if not live and not index.ended and time.time() - last > ABANDONED:
                if self.keeps and index.segments:
                    showing.end(folder)
                else:
                    shutil.rmtree(folder, ignore_errors=True)
                    continue
            total += size(folder)
            if index.ended and (total > self._settings.replay_kept_mb << 20):
                log.info("deleted to make room", showing=folder.name)
                shutil.rmtree(folder, ignore_errors=True)

    def follow(self) -> None:
        """Begins and ends what is joined; tells of dubs, languages and publishers that have changed."""
        there = {stream.publisher.name: stream for stream in self._streams.all()}
        for name, stream in there.items():
            if self.keeps and name not in self._kept and stream.gone_at is None and len(self._kept) < MOST:
                self._begin(stream)
        for name, kept in list(self._kept.items()):
            known = there.get(name)
            if known is None or (not self.keeps and time.monotonic() > kept.until):
                self._end(name, finished=True)
            else:
                self._tell(kept, known)

    async def close(self) -> None:
        """Ends all processes; what they write is gone on with by the dubber that comes next."""
        for name in list(self._kept):
            self._end(name, finished=False)
        if self._ending:
            await asyncio.wait(self._ending.values())

    def _begin(self, stream: Stream) -> _Kept:
        name = stream.publisher.name
        kept = self._kept[name] = _Kept(stream.publisher.since, stream.profile.tracks)
        kept.keeper = JoinKeeper(self._config(stream), self._launch, kept.told, kept.died)
        kept.keeper.start(after=self._ending.get(name))
        self._tell(kept, stream)
        for signal in stream.signals:
            kept.keeper.send(Signalled(signal))
        for language, dub in stream.dubs.items():
            for caption in dub.captions:
                kept.keeper.send(Said(language, caption_of(caption)))
        log.info("joined", stream=name)
        return kept

    def _tell(self, kept: _Kept, stream: Stream) -> None:
        if kept.keeper is None:
            return
        if (since := stream.there_since) != kept.since:
            kept.since = since
            url = self._streams.source_url(stream)
            kept.keeper.send(SourceGone() if since is None else SourceReady(url))
        if stream.profile.tracks != kept.chosen:
            kept.chosen = stream.profile.tracks
            kept.keeper.send(ChooseTracks(kept.chosen, self._streams.source_url(stream)))
        if (spoken := stream.said) != kept.spoken:
            kept.spoken = spoken
            kept.keeper.send(Spoken(spoken))
        dubbed = Dubbed(
            tuple(
                (
                    language,
                    addresses.dub_at(self._settings, self._secret, stream.publisher.name, language),
                    dub.state.delay,
                )
                for language, dub in sorted(stream.dubs.items())
                if not dub.stopped and dub.state is not None
            )
        )
        if dubbed != kept.dubbed:
            kept.dubbed = dubbed
            kept.keeper.send(dubbed)

    def _end(self, name: str, *, finished: bool) -> None:
        kept = self._kept.pop(name)
        task = kept.keeper.stop(drain=finished) if kept.keeper is not None else None
        log.info("joined no more", stream=name)
        if task is not None:
            self._ending[name] = task
            task.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._ending.get(name) is task:
            del self._ending[name]

    def _config(self, stream: Stream) -> JoinConfig:
        settings = self._settings
        return JoinConfig(
            stream=stream.publisher.name,
            source_url=self._streams.source_url(stream),
            folder=str(self.root),
            window=settings.replay_minutes * 60.0 or LIVE_WINDOW,
            most_bytes=settings.replay_kept_mb << 20,
            kept=self.keeps,
            spoken=stream.said,
            reconnect_delay=settings.reconnect_delay,
            max_reconnect_delay=settings.max_reconnect_delay,
            log_level=settings.log_level,
            log_format=settings.log_format,
            chosen=stream.profile.tracks,
        )

    def _told(self, folder: Path) -> Showing | None:
        index = Index(folder)
        index.refresh()
        if not index.segments:
            return None
        name, _, _ = folder.name.partition("@")
        last = index.segments[-1]
        return Showing(
            stream=name,
            address=f"all/{folder.name if index.ended else name}/index.m3u8",
            began=index.segments[0].at,
            seconds=sum(segment.seconds for segment in index.segments),
            ended=index.ended,
            spoken=last.spoken,
            languages=list(last.languages),
            bytes=size(folder),
        )


def caption_of(told: views.Caption) -> messages.Caption:
    """A caption as processes tell it each other."""
    document = told.model_dump(exclude={"stream", "language"})
    return messages.Caption(**document)


def size(folder: Path) -> int:
    """Bytes of the files in it; 0 where it has just gone."""
    try:
        return sum(each.stat().st_size for each in folder.iterdir())
    except OSError:
        return 0
