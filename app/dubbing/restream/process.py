"""Sends a dub on to another server, as it comes: of picture and dub nothing is encoded again.

It reads the dub from the media server as any viewer does, so that a target that is slow, refuses or is gone
costs nobody else anything. While FFmpeg waits for a target, nothing else runs in this process: the dubber
then hears nothing from it, ends it and starts another one.
"""

from __future__ import annotations

import os
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

import av
import av.error
import structlog

from app.backoff import Backoff
from app.dubbing.bit_rate import BitRate
from app.dubbing.configs import RestreamConfig
from app.dubbing.messages import Original, Signalled, Stop
from app.dubbing.restream.original import Second, Track
from app.dubbing.restream.programme import Programme
from app.dubbing.restream.signals import Signals
from app.dubbing.restream.target import writing
from app.dubbing.start_codes import picture_of
from app.dubbing.states import RestreamState
from app.dubbing.track_languages import three
from app.dubbing.viewing import Broken, await_published, packets, reading
from app.dubbing.worker.source import reason

HEARTBEAT = 0.5
BELIEVED_AFTER = 5.0
"""Seconds of sending after which it is told: a server that refuses a key takes the first packets, too."""
STEADY = 10.0
"""Seconds of sending after which the next break is the first one again."""
TOLD_WITHIN = 3.0
NOT_PUBLISHED = "nobody publishes the dub"

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
        self._rate = BitRate()
        self._reconnects = 0
        self._problem = "connecting"
        self._signals = Signals()
        self._second: Second | None = None
        if config.original:
            self._second = Second(Backoff(config.reconnect_delay, config.max_reconnect_delay))

    def run(self) -> None:
        """Sends until told to stop, or until the dubber is gone."""
        threading.Thread(target=self._report, name="report", daemon=True).start()
        if self._second is not None:
            self._second.start()
        while await_published(self._config.dub.look, self._stopping, self._missing):
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

    def _missing(self) -> None:
        self._problem = NOT_PUBLISHED

    def _send(self) -> None:
        with reading(self._config.dub.read) as source:
            video = next((one for one in source.streams.video), None)
            sound = next((one for one in source.streams.audio if one.codec_context.name == "aac"), None)
            chosen = [stream for stream in (video, sound) if stream is not None]
            if not chosen:
                raise Broken("the dub has neither a picture nor AAC sound")
            spoken = self._second.spoken(TOLD_WITHIN) if self._second is not None else None
            if self._second is not None and spoken is None:
                raise Broken("the stream itself is not there yet")
            with writing(self._config.address, self._signals) as (target, programme):
                try:
                    ways = {stream.index: target.add_stream_from_template(stream) for stream in chosen}
                    if sound is not None:
                        ways[sound.index].metadata["language"] = three(self._config.language)
                    track = None if spoken is None else Track(target, three(spoken))
                    target.start_encoding()
                    self._copy(source, target, chosen, ways, track, programme)
                except (av.error.FFmpegError, OSError, ValueError) as error:
                    raise Broken(f"the target ended it: {reason(error)}") from None

    def _copy(
        self,
        source: Any,
        target: Any,
        chosen: list[Any],
        ways: dict[int, Any],
        track: Track | None,
        programme: Programme | None,
    ) -> None:
        """Copies from the first keyframe on, whose time is the output's 0."""
        begin: float | None = None
        since = time.monotonic()
        picture_in = picture_of(chosen[0] if chosen[0].type == "video" else None)
        self._signals.begin()
        if self._second is not None:
            self._second.begin()
        for packet in packets(source, chosen):
            if self._stopping.is_set():
                return
            at = float(packet.dts * packet.time_base)
            picture = packet.stream.type == "video"
            if self._second is not None:
                seen = at if packet.pts is None else float(packet.pts * packet.time_base)
                self._second.passed(picture_in(packet) if picture else None, at, seen)
            if begin is None:
                if picture and not packet.is_keyframe:
                    continue
                if not picture and len(chosen) > 1:
                    continue
                begin = at
            if at < begin:
                continue
            moved = round(begin / packet.time_base)
            size = packet.size
            shown = packet.dts if packet.pts is None else packet.pts
            packet.pts, packet.dts = shown - moved, packet.dts - moved
            if picture and programme is not None:
                self._signals.picture(picture_in(packet), float(packet.pts * packet.time_base))
                for section in self._signals.sections(at - begin):
                    programme.put_section(section)
                for meant_for, tag in self._signals.tags(at - begin):
                    programme.put_tag(tag, meant_for)
            packet.stream = ways[packet.stream.index]
            target.mux_one(packet)
            self._passed(size, since)
            if track is not None and self._second is not None:
                for each in track.until(self._second, at, begin):
                    target.mux_one(each)
        raise Broken("the dub has ended")

    def _passed(self, size: int, since: float) -> None:
        now = time.monotonic()
        if now - since > BELIEVED_AFTER:
            self._sending, self._problem = True, ""
        self._sent += size
        self._rate.passed(size, now)

    def _state(self, now: float) -> RestreamState:
        rate = self._rate.at(now) if self._sending else 0.0
        return RestreamState(self._sending, self._sent, rate, self._reconnects, self._problem)

    def _report(self) -> None:
        """Beats while sending goes on, and listens to the dubber."""
        try:
            while not self._stopping.is_set():
                self._pipe.send(self._state(time.monotonic()))
                if self._pipe.poll(HEARTBEAT):
                    self._hear(self._pipe.recv())
        except (EOFError, OSError):
            self._stopping.set()
        # FFmpeg may be waiting for a server: nothing of it is worth keeping.
        if not self._sending:
            os._exit(0)

    def _hear(self, command: object) -> None:
        if isinstance(command, Stop):
            self._stopping.set()
        if isinstance(command, Original) and self._second is not None:
            self._second.tell(command)
        if isinstance(command, Signalled):
            self._signals.tell(command.signal)


def main(config: RestreamConfig, pipe: Connection) -> None:
    """Sends a dub on in this process."""
    Restream(config, pipe).run()
