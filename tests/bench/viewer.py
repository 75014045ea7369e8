"""Viewers of all/<name>, as many as asked for, in a process of their own: each does what hls.js does.

A helper as those of app.demo: its request is a line of JSON on standard input, what it tells one on output.
Each viewer has two connections that stay open, asks for the master playlist once, and from then on for the
playlists of the picture, of one sound and of one language's subtitles: a target duration after the last one,
or half of it where nothing was new. It begins three segments before the end and fetches each new one, except
what a browser has already, and stalls where its picture or sound has run out.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from app.demo.statistics import spread
from app.serving.connections import raise_descriptors
from tests.hls import Piece, Playlist, read

BEGINS_BEFORE_END = 3
WITHIN = 20.0
AGAIN_AFTER = 1.0
MOST_AT_ONCE = 1 << 20
HEADERS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
    "Accept: */*",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: en-GB,en;q=0.9",
    "Sec-Fetch-Dest: empty",
    "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Site: same-origin",
)
"""What a browser sends."""


class Refused(Exception):
    """An answer that is not 200, or none; the message is its status or what went wrong."""


@dataclass
class Counted:
    """What all viewers found from when it is counted on; times in seconds."""

    counts: bool = False
    answers: dict[str, list[float]] = field(default_factory=lambda: {"playlist": [], "piece": []})
    bytes: int = 0
    stalls: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    skipped: int = 0

    def stalled(self, seconds: float) -> None:
        """A viewer's picture or sound had run out for so long."""
        if self.counts:
            self.stalls.append(seconds)


class Line:
    """A connection that stays open, for one request at a time."""

    def __init__(self, address: str, tls: ssl.SSLContext | None, counted: Counted) -> None:
        parts = urlsplit(address)
        self._host, self._port, self._tls = parts.hostname or "", parts.port or 80, tls
        self._head = "\r\n".join(("", f"Host: {parts.netloc}", *HEADERS, "", ""))
        self._counted = counted
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def get(self, path: str) -> bytes:
        """What is there; asked for again by itself, as a player does. Raises Refused for what has gone."""
        while True:
            try:
                async with self._turn, asyncio.timeout(WITHIN):
                    return await self._timed(path)
            except Refused as problem:
                self._counted.refused[str(problem)] += self._counted.counts
                if str(problem) == "404":
                    raise
            except (OSError, EOFError, TimeoutError) as problem:
                self.close()
                self._counted.refused[type(problem).__name__] += self._counted.counts
            await asyncio.sleep(AGAIN_AFTER)

    def close(self) -> None:
        """Ends the connection; the next request makes another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _timed(self, path: str) -> bytes:
        began, was_open = time.monotonic(), self._streams is not None
        try:
            data = await self._ask(path)
        except (OSError, EOFError):
            # A connection that nobody used may end at any time: a browser makes another and says nothing.
            if not was_open:
                raise
            self.close()
            data = await self._ask(path)
        if self._counted.counts:
            kind = "playlist" if path.endswith(".m3u8") else "piece"
            self._counted.answers[kind].append(time.monotonic() - began)
            self._counted.bytes += len(data)
        return data

    async def _ask(self, path: str) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._host, self._port, ssl=self._tls, limit=MOST_AT_ONCE
            )
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1{self._head}".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        data = await reader.readexactly(length)
        if "\r\nconnection: close" in head:
            self.close()
        status = head.split(" ", 2)[1]
        if status != "200":
            raise Refused(status)
        return data


@dataclass
class Clock:
    """When a viewer's picture and sound run out: `end` is what both have, in seconds of the stream."""

    counted: Counted
    tracks: list[float] = field(default_factory=list)
    began: float | None = None
    stalled: float = 0.0
    end: float = 0.0

    def arrived(self, track: int, seconds: float) -> None:
        """A track has so much more."""
        self.tracks[track] += seconds
        self.look(min(self.tracks))

    def look(self, end: float) -> None:
        """Counts a stall that is over now, as there is more than there was."""
        now = time.monotonic()
        if self.began is None:
            self.began = now if end > 0 else None
        elif end > self.end and (late := now - self.began - self.stalled - self.end) > 0:
            self.stalled += late
            self.counted.stalled(late)
        self.end = end

    def finish(self) -> None:
        """The viewer goes: what has stalled until now is a stall, as is what has never begun."""
        if self.began is None:
            self.counted.stalled(WITHIN)
        elif (late := time.monotonic() - self.began - self.stalled - self.end) > 0:
            self.counted.stalled(late)


class Viewer:
    """One viewer of the stream at `path` (all/<name>)."""

    def __init__(self, address: str, path: str, tls: ssl.SSLContext | None, counted: Counted) -> None:
        self._lines = [Line(address, tls, counted) for _ in range(2)]
        self._path = f"{urlsplit(address).path.rstrip('/')}/{path}"
        self._counted = counted
        self._cached: set[str] = set()
        self.clock = Clock(counted)

    async def watch(self) -> None:
        """Watches until cancelled."""
        try:
            text = await self._lines[0].get(f"{self._path}/index.m3u8")
            master = read(text.decode())
            of = {
                kind: [each["URI"] for each in master.renditions if each["TYPE"] == kind]
                for kind in ("AUDIO", "SUBTITLES")
            }
            shown = [(self._lines[0], master.variants[0][0]), (self._lines[1], random.choice(of["AUDIO"]))]
            self.clock.tracks = [0.0] * len(shown)
            async with asyncio.TaskGroup() as tracks:
                for number, (line, uri) in enumerate(shown):
                    tracks.create_task(self._follow(line, uri, number))
                if of["SUBTITLES"]:
                    tracks.create_task(self._follow(self._lines[1], random.choice(of["SUBTITLES"]), None))
        finally:
            self.clock.finish()
            for line in self._lines:
                line.close()

    async def _follow(self, line: Line, uri: str, track: int | None) -> None:
        """Plays one of the playlists; `track` is its place in the clock, None for one that stalls nobody."""
        after = -1
        while True:
            asked = time.monotonic()
            media = read((await line.get(f"{self._path}/{uri}")).decode())
            new = self._new(media, after)
            for number, piece in new:
                await self._take(line, piece)
                if track is not None:
                    self.clock.arrived(track, piece.seconds)
                after = number
            pause = media.number("TARGETDURATION") / (1 if new else 2)
            await asyncio.sleep(max(0.0, asked + pause - time.monotonic()))

    def _new(self, media: Playlist, after: int) -> list[tuple[int, Piece]]:
        """The pieces that the viewer has not got, with their numbers."""
        first = media.number("MEDIA-SEQUENCE")
        numbered = list(enumerate(media.pieces, first))
        if after < 0:
            return numbered[-BEGINS_BEFORE_END:]
        self._counted.skipped += max(0, first - after - 1) * self._counted.counts
        return [each for each in numbered if each[0] > after]

    async def _take(self, line: Line, piece: Piece) -> None:
        for name in (piece.beginning, piece.uri):
            if not name or name in self._cached:
                continue
            if name in (piece.beginning, "nothing.vtt"):
                self._cached.add(name)
            try:
                await line.get(f"{self._path}/{name}")
            except Refused:
                continue


@dataclass
class Audience:
    """The viewers of a request: so many, who come over `over` seconds and are counted for `seconds`."""

    address: str
    names: list[str]
    viewers: int
    over: float
    settle: float
    seconds: float
    root: str = ""

    @classmethod
    def asked(cls, line: str) -> Self:
        """The audience that the request describes."""
        return cls(**json.loads(line))

    async def come(self) -> dict[str, Any]:
        """Lets them come, watch and go."""
        counted = Counted()
        tls = ssl.create_default_context(cafile=self.root) if self.root else None
        watching: list[asyncio.Task[None]] = []
        clocks: list[Clock] = []
        for number in range(self.viewers):
            viewer = Viewer(self.address, f"all/{self.names[number % len(self.names)]}", tls, counted)
            clocks.append(viewer.clock)
            watching.append(asyncio.create_task(viewer.watch()))
            await asyncio.sleep(self.over / self.viewers)
        await asyncio.sleep(self.settle)
        tell({"type": "there", "playing": sum(each.began is not None for each in clocks)})
        counted.counts = True
        began = time.monotonic()
        await asyncio.sleep(self.seconds)
        seconds = time.monotonic() - began
        failed = sum(each.done() for each in watching)
        for each in watching:
            each.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        counted.counts = False
        return {
            "type": "done",
            "seconds": seconds,
            "failed": failed,
            "requests": sum(map(len, counted.answers.values())),
            "times": {kind: vars(spread(found)) for kind, found in counted.answers.items()},
            "bytes": counted.bytes,
            "stalls": counted.stalls,
            "refused": counted.refused,
            "skipped": counted.skipped,
        }


def tell(event: dict[str, Any]) -> None:
    """A line for who started this."""
    print(json.dumps(event), flush=True)


def main() -> None:
    """Does what is asked on standard input."""
    raise_descriptors()
    tell(asyncio.run(Audience.asked(sys.stdin.readline()).come()))
    # Who measures what this took looks at a process that is there.
    sys.stdin.read()


if __name__ == "__main__":
    main()
