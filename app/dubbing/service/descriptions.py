"""Streams that are published with descriptions: who wants that renews it, and sends the sentences."""

from __future__ import annotations

import asyncio
import io
import time
import wave
from collections.abc import Awaitable, Callable

import structlog
from pydantic import BaseModel

from app.dubbing.configs import DescribeConfig
from app.dubbing.messages import ChooseTracks, Event, SentencePart, SourceGone, SourceReady
from app.dubbing.service import addresses, paths
from app.dubbing.service.keepers import DescribeKeeper
from app.dubbing.service.process import Process
from app.dubbing.service.streams import Conflict, Stream, Streams, Unknown
from app.dubbing.states import DescribeState, Phase
from app.settings import Settings

KEPT_FOR = 15.0
"""Seconds for which it goes on when nobody renews it."""
LOOK_EVERY = 1.0
MOST = 8
LONGEST = 30.0
"""Seconds of one sentence."""
LOWEST_RATE, HIGHEST_RATE = 8000, 48_000
PART = 32 << 10
"""Bytes. The pipe takes that at once where it takes anything."""

log = structlog.get_logger()


class Description(BaseModel):
    """A stream with descriptions. `said` and `dropped` are sentences; without a gap one is dropped."""

    stream: str
    path: str
    phase: Phase
    said: int
    dropped: int
    restarts: int
    problem: str


class BadSentence(ValueError):
    """What was sent is not the sound of a sentence; the message says why."""


class _Kept:
    """A stream and the process that publishes it with descriptions."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream.publisher.name
        self.since: float | None = stream.publisher.since
        self.chosen = stream.profile.tracks
        self.until = 0.0
        self.state = DescribeState("connecting", 0, 0, 0)
        self.past = (0, 0)
        self.lost = 0
        self.restarts = 0
        self.keeper: DescribeKeeper | None = None
        self.last_id = 0
        self.sending = asyncio.Lock()

    def told(self, event: Event) -> None:
        if isinstance(event, DescribeState):
            self.state = event

    def died(self, reason: str) -> None:
        said, dropped = self.past
        self.past = (said + self.state.said, dropped + self.state.dropped)
        self.restarts += 1
        self.state = DescribeState("connecting", 0, 0, 0, f"its process {reason}")

    def view(self) -> Description:
        return Description(
            stream=self.stream,
            path=paths.described_path(self.stream),
            phase=self.state.phase,
            said=self.past[0] + self.state.said,
            dropped=self.past[1] + self.state.dropped + self.lost,
            restarts=self.restarts,
            problem=self.state.note,
        )


class Descriptions:
    """The streams with descriptions; each has a process of its own, until nobody renews it or it ends."""

    def __init__(
        self,
        settings: Settings,
        secret: str,
        streams: Streams,
        launch: Callable[[DescribeConfig], Awaitable[Process]],
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._streams = streams
        self._launch = launch
        self._kept: dict[str, _Kept] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}

    def view(self) -> list[Description]:
        """All of them, by name."""
        return [self._kept[name].view() for name in sorted(self._kept)]

    def keep(self, name: str) -> tuple[Description, bool]:
        """Publishes it so for 15 s more; says whether that is new. Raises Unknown, Conflict."""
        stream = self._streams.stream(name)
        kept = self._kept.get(name)
        new = kept is None
        if kept is None:
            if len(self._kept) >= MOST:
                raise Conflict(f"{MOST} streams have descriptions already; end one of them first")
            kept = self._kept[name] = _Kept(stream)
            kept.keeper = DescribeKeeper(self._config(stream), self._launch, kept.told, kept.died)
            kept.keeper.start(after=self._ending.get(name))
            log.info("described", stream=name)
        kept.until = time.monotonic() + KEPT_FOR
        return kept.view(), new

    def remove(self, name: str) -> Description:
        """Publishes it with descriptions no more. Raises Unknown."""
        kept = self._one(name)
        self._end(kept)
        return kept.view()

    async def say(self, name: str, file: bytes, ago: float, new_scene: bool) -> Description:
        """Says a sentence, a WAV file, about what was seen `ago` seconds ago, in the next gap.

        Raises Unknown, BadSentence.
        """
        kept = self._one(name)
        rate, pcm = sentence_of(file)
        pieces = [pcm[start : start + PART] for start in range(0, len(pcm), PART)] or [b""]
        asked = time.monotonic()
        # One after the other: the parts of one sentence follow each other.
        async with kept.sending:
            kept.last_id += 1
            ago += time.monotonic() - asked
            parts = [
                SentencePart(kept.last_id, ago, new_scene, rate, piece, index == len(pieces) - 1)
                for index, piece in enumerate(pieces)
            ]
            if kept.keeper is None or not await kept.keeper.say(parts):
                kept.lost += 1
        return kept.view()

    async def run(self) -> None:
        """Follows the streams that come and go, until cancelled."""
        while True:
            self.follow()
            await asyncio.sleep(LOOK_EVERY)

    def follow(self) -> None:
        """Ends those whose stream has ended or that nobody renews; follows publishers that came back."""
        there = {stream.publisher.name: stream for stream in self._streams.all()}
        for kept in list(self._kept.values()):
            stream = there.get(kept.stream)
            if stream is None or time.monotonic() > kept.until:
                self._end(kept)
            elif kept.keeper is not None:
                if stream.profile.tracks != kept.chosen:
                    kept.chosen = stream.profile.tracks
                    kept.keeper.send(ChooseTracks(kept.chosen, self._streams.source_url(stream)))
                if (since := stream.there_since) != kept.since:
                    kept.since = since
                    url = self._streams.source_url(stream)
                    kept.keeper.send(SourceGone() if since is None else SourceReady(url))

    async def close(self) -> None:
        """Ends all processes."""
        for kept in list(self._kept.values()):
            self._end(kept)
        if self._ending:
            await asyncio.wait(self._ending.values())

    def _one(self, name: str) -> _Kept:
        try:
            return self._kept[name]
        except KeyError:
            there = ", ".join(sorted(self._kept)) or "none"
            raise Unknown(f"{name!r} has no descriptions; streams that have: {there}") from None

    def _end(self, kept: _Kept) -> None:
        del self._kept[kept.stream]
        log.info("described no more", stream=kept.stream)
        task = kept.keeper.stop() if kept.keeper is not None else None
        if task is not None:
            self._ending[kept.stream] = task
            task.add_done_callback(lambda done: self._ended(kept.stream, done))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._ending.get(name) is task:
            del self._ending[name]

    def _config(self, stream: Stream) -> DescribeConfig:
        settings, secret = self._settings, self._secret
        path = paths.described_path(stream.publisher.name)
        return DescribeConfig(
            stream=stream.publisher.name,
            source_url=self._streams.source_url(stream),
            publish_url=addresses.publish_url(settings, secret, path),
            look_at=addresses.look_at(settings, secret, path),
            reconnect_delay=settings.reconnect_delay,
            max_reconnect_delay=settings.max_reconnect_delay,
            log_level=settings.log_level,
            log_format=settings.log_format,
            chosen=stream.profile.tracks,
        )


def sentence_of(file: bytes) -> tuple[int, bytes]:
    """The sample rate and the samples of a WAV file with one channel of 16 bit. Raises BadSentence."""
    try:
        with wave.open(io.BytesIO(file)) as opened:
            channels, width, rate = opened.getnchannels(), opened.getsampwidth(), opened.getframerate()
            # Where the file was streamed, its header may promise more than there is.
            pcm = opened.readframes(round(LONGEST * HIGHEST_RATE))
    except (wave.Error, EOFError, ValueError):
        raise BadSentence("that is no WAV file") from None
    if channels != 1 or width != 2 or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise BadSentence(f"send one channel of 16 bit at {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if len(pcm) > LONGEST * rate * width:
        raise BadSentence(f"a sentence is no longer than {LONGEST:.0f} s")
    return rate, pcm[: len(pcm) // width * width]
