"""Sends a dub on to another server, as it comes: no picture or sound is encoded again.

It reads the dub from the media server as any viewer does, so that a target that is slow, refuses or is gone
costs nobody else anything. While FFmpeg waits for a target, nothing else runs in this process: the dubber
then hears nothing from it, ends it and starts another one.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from multiprocessing.connection import Connection
from typing import Any

import av
import av.error
import structlog

from app.backoff import Backoff
from app.dubbing.messages import RestreamConfig, RestreamState, Stop
from app.dubbing.restream.greeting import NoAnswer, greet
from app.dubbing.viewing import Broken, packets, reading
from app.dubbing.worker.source import reason

HEARTBEAT = 0.5
TAKEN_WITHIN = 4.0
"""Seconds within which a server answers."""
BELIEVED_AFTER = 5.0
"""Seconds of sending after which it is told: a server that refuses a key takes the first packets, too."""
STEADY = 10.0
"""Seconds of sending after which the next break is the first one again."""
RATE_OVER = 5.0

log = structlog.get_logger()


class Restream:
    """Runs in the process's main thread; another one tells the dubber how it goes."""

    def __init__(self, config: RestreamConfig, pipe: Connection) -> None:
        self._config = config
        self._pipe = pipe
        self._stopping = threading.Event()
        self._backoff = Backoff(config.reconnect_delay, config.max_reconnect_delay)
        self._sending = False
        self._sent = 0
        self._packets: deque[tuple[float, int]] = deque()
        self._reconnects = 0
        self._problem = "connecting"

    def run(self) -> None:
        """Sends until told to stop, or until the dubber is gone."""
        threading.Thread(target=self._report, name="report", daemon=True).start()
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._send()
            except (Broken, av.error.FFmpegError, OSError) as error:
                # Closing a connection that is gone fails in FFmpeg's own words.
                self._problem = str(error) if isinstance(error, Broken) else reason(error)
                log.warning("restream", problem=self._problem)
            self._sending = False
            if time.monotonic() - began > STEADY:
                self._backoff.reset()
            self._reconnects += 1
            self._stopping.wait(self._backoff.next())

    def _send(self) -> None:
        with reading(self._config.source_url) as source:
            video = next((one for one in source.streams.video), None)
            sound = next((one for one in source.streams.audio if one.codec_context.name == "aac"), None)
            chosen = [stream for stream in (video, sound) if stream is not None]
            if not chosen:
                raise Broken("the dub has neither a picture nor AAC sound")
            with writing(self._config.address) as target:
                try:
                    ways = {stream.index: target.add_stream_from_template(stream) for stream in chosen}
                    target.start_encoding()
                    self._copy(source, target, chosen, ways)
                except (av.error.FFmpegError, OSError, ValueError) as error:
                    raise Broken(f"the target ended it: {reason(error)}") from None

    def _copy(self, source: Any, target: Any, chosen: list[Any], ways: dict[int, Any]) -> None:
        """Copies from the first keyframe on, whose time is the output's 0."""
        begin: float | None = None
        since = time.monotonic()
        for packet in packets(source, chosen):
            if self._stopping.is_set():
                return
            at = float(packet.dts * packet.time_base)
            if begin is None:
                if packet.stream.type == "video" and not packet.is_keyframe:
                    continue
                if packet.stream.type != "video" and len(chosen) > 1:
                    continue
                begin = at
            if at < begin:
                continue
            moved = round(begin / packet.time_base)
            size = packet.size
            shown = packet.dts if packet.pts is None else packet.pts
            packet.pts, packet.dts = shown - moved, packet.dts - moved
            packet.stream = ways[packet.stream.index]
            target.mux_one(packet)
            self._passed(size, since)
        raise Broken("the dub has ended")

    def _passed(self, size: int, since: float) -> None:
        now = time.monotonic()
        if now - since > BELIEVED_AFTER:
            self._sending, self._problem = True, ""
        self._sent += size
        self._packets.append((now, size))
        while now - self._packets[0][0] > RATE_OVER:
            self._packets.popleft()

    def _state(self, now: float) -> RestreamState:
        fresh = [size for at, size in list(self._packets) if now - at <= RATE_OVER]
        rate = 8 * sum(fresh) / RATE_OVER if self._sending else 0.0
        return RestreamState(self._sending, self._sent, rate, self._reconnects, self._problem)

    def _report(self) -> None:
        """Beats while sending goes on, and listens to the dubber."""
        try:
            while not self._stopping.is_set():
                self._pipe.send(self._state(time.monotonic()))
                if self._pipe.poll(HEARTBEAT) and isinstance(self._pipe.recv(), Stop):
                    self._stopping.set()
        except (EOFError, OSError):
            self._stopping.set()
        # FFmpeg may be waiting for a server: nothing of it is worth keeping.
        if not self._sending:
            os._exit(0)


def writing(address: str) -> Any:
    """The target, opened. Raises Broken."""
    try:
        greet(address, TAKEN_WITHIN)
        return av.open(address, "w", format="flv", options={"flvflags": "no_duration_filesize"})
    except NoAnswer as error:
        raise Broken(f"the target can't be reached: {error}") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise Broken(f"the target can't be reached: {reason(error)}") from None


def main(config: RestreamConfig, pipe: Connection) -> None:
    """Sends a dub on in this process."""
    Restream(config, pipe).run()
