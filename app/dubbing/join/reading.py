"""What is joined, read from the media server: the source, and each of its dubs, in threads of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import av
import av.error
import structlog

from app.backoff import Backoff
from app.dubbing.join import boxes
from app.dubbing.join.joiner import Joiner
from app.dubbing.join.matching import Place
from app.dubbing.join.writer import Writer
from app.dubbing.messages import DubAt
from app.dubbing.showing import Picture
from app.dubbing.start_codes import picture_of
from app.dubbing.tracks import Chosen
from app.dubbing.viewing import Broken, await_published, packets, reading
from app.dubbing.worker.reach import Reach
from app.dubbing.worker.source import Background, Item, Source, SourceError, VideoPacket, reason

MOST_HELD = 400
"""Frames of a dub that are kept until it is known where they belong."""

log = structlog.get_logger()


class SourceReader:
    """Reads the source; connects again when it is lost. `problem` is for telling."""

    def __init__(self, url: str, chosen: Chosen, joiner: Joiner, writer: Writer, backoff: Backoff) -> None:
        self._reach = Reach(url, chosen)
        self._joiner, self._writer = joiner, writer
        self._backoff = backoff
        self.problem = "connecting"

    def wake(self, url: str) -> None:
        """The publisher is there, at this address: connect now."""
        self._reach.wake(url)

    def publisher_gone(self) -> None:
        """Don't connect again before the publisher is back."""
        self._reach.publisher_gone()

    def choose(self, chosen: Chosen, url: str) -> None:
        """These sound tracks from now on; reads them at that address."""
        self._reach.choose(chosen, url)

    def run(self) -> None:
        """Reads for as long as the process lives."""
        while True:
            try:
                with self._reach.opened() as source:
                    try:
                        self._take_all(source)
                    finally:
                        self._joiner.source_lost()
            except SourceError as error:
                self.problem = str(error)
            except Exception as error:
                log.exception("reading the source failed")
                self.problem = f"reading the source failed: {type(error).__name__}"
            self._reach.rest(self._backoff.next())

    def _take_all(self, source: Source) -> None:
        picture, problem = self._picture(source)
        self._joiner.source_opened(picture, source.video is not None)
        picture_in = picture_of(source.video)
        for item in source.items():
            self._backoff.reset()
            self.problem = problem or source.problem
            if not source.roles.apart:
                self._joiner.take_one_sound()
            self._take(item, picture_in)
            if self._reach.elsewhere:
                return

    def _take(self, item: Item, picture_in: Callable[[Any], bytes]) -> None:
        if isinstance(item, Background):
            self._joiner.take_background(item.time, item.samples, item.arrival)
            return
        if not isinstance(item, VideoPacket):
            self._joiner.take_original(item.time, item.samples, item.arrival)
            return
        packet = item.packet
        self._joiner.take_picture(item.time, item.shift, packet.is_keyframe, picture_in(packet), item.arrival)

    def _picture(self, source: Source) -> tuple[Picture | None, str]:
        if source.video is None:
            return None, ""
        try:
            begun = boxes.picture_beginning(source.video)
        except boxes.CannotCarry as error:
            return None, f"{error}; there is sound alone"
        context = source.video.codec_context
        return self._writer.picture(begun, boxes.codecs(begun), context.width, context.height), ""


class DubReader:
    """Reads one dub, by RTMP, and tells where its sound belongs; connects again until it is left."""

    def __init__(self, language: str, at: DubAt, delay: float, joiner: Joiner, backoff: Backoff) -> None:
        self.language, self.at, self.delay = language, at, delay
        self._joiner = joiner
        self._backoff = backoff
        self._leaving = threading.Event()

    def leave(self) -> None:
        """Reads no more."""
        self._leaving.set()

    def run(self) -> None:
        """Reads until it is left."""
        while await_published(self.at.look, self._leaving):
            try:
                self._read()
            except Broken as error:
                log.info("a dub can't be read", dub=self.language, problem=str(error))
            except (av.error.FFmpegError, OSError) as error:
                log.info("a dub can't be read", dub=self.language, problem=reason(error))
            except Exception:
                log.exception("reading a dub failed", dub=self.language)
            self._leaving.wait(self._backoff.next())

    def _read(self) -> None:
        with reading(self.at.read) as source:
            video = next(iter(source.streams.video), None)
            sound = next((one for one in source.streams.audio if one.codec_context.name == "aac"), None)
            if sound is None:
                raise Broken("the dub has no AAC sound")
            self._take_all(source, video, sound)

    def _take_all(self, source: Any, video: Any, sound: Any) -> None:
        place, held = Place(), list[tuple[float, bytes]]()
        picture_in = picture_of(video)
        for packet in packets(source, [video, sound] if video else [sound]):
            if self._leaving.is_set():
                return
            self._backoff.reset()
            arrival = time.monotonic()
            at = float((packet.dts if packet.pts is None else packet.pts) * packet.time_base)
            latency = place.latency(float(packet.dts * packet.time_base), arrival)
            if not self._joiner.started:
                continue
            by_clock = self._joiner.now(at + latency) - self.delay
            if packet.stream is video:
                with self._joiner.lock:
                    shown = self._joiner.pictures.find(picture_in(packet), by_clock)
                if shown is not None:
                    place.seen(at, shown, arrival)
                continue
            place.by_clock(by_clock - at, arrival)
            held.append((at, bytes(packet)))
            if place.offset is None:
                del held[:-MOST_HELD]
                continue
            for moment, frame in held:
                self._joiner.take_dub(self.language, moment + place.offset, frame)
            held.clear()
