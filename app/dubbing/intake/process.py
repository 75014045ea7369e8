"""Takes a transport stream in: its picture and sound go to the media server, its signals to the dubber.

One process reads it, for a port can have only one reader; everybody else reads live/<name> as any stream.
What it tells beside picture and sound goes by its own clock, which marks of its pictures tie to theirs.
"""

from __future__ import annotations

import errno
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

import av
import av.error
import structlog

from app.backoff import Backoff
from app.dubbing.bit_rate import BitRate
from app.dubbing.configs import IntakeConfig
from app.dubbing.intake.address import CannotOpen, opened
from app.dubbing.intake.pace import Pace
from app.dubbing.intake.side import Side
from app.dubbing.intake.sound import Copied, Encoded
from app.dubbing.messages import Signalled, Stop
from app.dubbing.restream.greeting import NoAnswer, greet
from app.dubbing.signals.kept import Signal
from app.dubbing.states import IntakeState
from app.dubbing.track_languages import short
from app.dubbing.viewing import Broken
from app.dubbing.worker.occupied import occupied
from app.dubbing.worker.source import reason

HEARTBEAT = 0.5
TAKEN_WITHIN = 4.0
STEADY = 10.0
"""Seconds of sending after which the next break is the first one again."""
JUMP = 5.0
"""Seconds by which the stream's clock may leap; what comes after a longer one is published anew."""
CARRIED = ("h264", "hevc")
OTHERS = "somebody else publishes this stream; standing by"

log = structlog.get_logger()


def in_words(error: Exception) -> str:
    """Why nothing is taken in any more, for people to read."""
    if isinstance(error, av.error.ExitError):
        return "nothing comes from there any more"
    # What FFmpeg makes of an answer over HTTP that ends, where no length was promised or a greater one.
    if getattr(error, "errno", None) == errno.EIO:
        return "the other end has ended it"
    return reason(error)


class Intake:
    """Runs in the process's main thread; another one tells the dubber how it goes."""

    def __init__(self, config: IntakeConfig, pipe: Connection) -> None:
        self._config = config
        self._pipe = pipe
        self._sending = threading.Lock()
        self._stopping = threading.Event()
        self._backoff = Backoff(config.reconnect_delay, config.max_reconnect_delay)
        self._running = False
        self._tracks: tuple[str, ...] = ()
        self._language = ""
        self._side = Side(self._tell)
        self._rate = BitRate()
        self._reconnects = 0
        self._problem = "connecting"

    def run(self) -> None:
        """Takes in until told to stop, or until the dubber is gone."""
        threading.Thread(target=self._report, name="report", daemon=True).start()
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._take_in()
            except (Broken, CannotOpen) as error:
                self._failed(str(error))
            except (av.error.FFmpegError, OSError, ValueError) as error:
                self._failed(in_words(error))
            self._running = False
            if time.monotonic() - began > STEADY:
                self._backoff.reset()
            self._reconnects += 1
            self._stopping.wait(self._backoff.next())

    def _failed(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("the stream is not taken in", problem=problem)
        self._problem = problem

    def _take_in(self) -> None:
        if occupied(self._config.look_at):
            raise Broken(OTHERS)
        with opened(self._config.address) as source:
            picture = next(iter(source.streams.video), None)
            sound = next(iter(source.streams.audio), None)
            self._look_at(picture, sound)
            self._side.begin(picture)
            with self._writing() as target:
                video = target.add_stream_from_template(picture) if picture is not None else None
                way = None
                if sound is not None:
                    copied = sound.codec_context.name == "aac"
                    way = Copied(target, sound) if copied else Encoded(target, sound)
                target.start_encoding()
                self._copy(source, target, (picture, video), (sound, way))

    def _look_at(self, picture: Any, sound: Any) -> None:
        """Raises Broken where there is nothing that can go on."""
        if picture is None and sound is None:
            raise Broken("the stream has neither a picture nor sound that can be read")
        if picture is not None and picture.codec_context.name not in CARRIED:
            name = picture.codec_context.name
            raise Broken(f"the picture is {name}: send H.264 or H.265, which is copied as it comes")
        if picture is not None and not picture.codec_context.width:
            raise Broken("the picture's format is not known: no keyframe came")
        self._tracks = tuple(one.codec_context.name for one in (picture, sound) if one is not None)
        self._language = short(sound.language) if sound is not None else ""

    def _writing(self) -> Any:
        try:
            greet(self._config.publish_url, TAKEN_WITHIN)
            options = {"flvflags": "no_duration_filesize", "max_interleave_delta": "200000"}
            return av.open(self._config.publish_url, "w", format="flv", options=options)
        except NoAnswer as error:
            raise Broken(f"the media server can't be reached: {error}") from None
        except (av.error.FFmpegError, OSError) as error:
            raise Broken(f"the media server does not take it: {reason(error)}") from None

    def _copy(self, source: Any, target: Any, picture: tuple[Any, Any], sound: tuple[Any, Any]) -> None:
        """Copies from the first keyframe on, whose time is the output's 0."""
        (shown, video), (heard, way) = picture, sound
        begin: float | None = None
        pace = Pace(self._config.address, self._stopping)
        chosen = [one for one in (shown, heard) if one is not None] + self._side.tracks(source)
        last: dict[int, float] = {}
        for packet in source.demux(chosen):
            if self._stopping.is_set():
                return
            if packet.stream.type == "data":
                self._side.take(packet)
                continue
            if packet.dts is None:
                continue
            at = float(packet.dts * packet.time_base)
            before = last.get(packet.stream.index, at)
            if not -0.001 <= at - before <= JUMP:
                raise Broken("the stream's clock has jumped")
            last[packet.stream.index] = at
            if begin is None:
                if shown is not None and not (packet.stream is shown and packet.is_keyframe):
                    continue
                begin = at
            pace.wait(at)
            size = packet.size
            if packet.stream is shown:
                self._side.see(packet)
                packet.stream = video
                self._write(target, packet, begin)
            elif way is not None:
                for time_of, made in way.packets(packet):
                    if time_of >= begin:
                        self._write(target, made, begin)
            self._passed(size)
        raise Broken("the stream has ended")

    def _write(self, target: Any, packet: Any, begin: float) -> None:
        moved = round(begin / packet.time_base)
        shown = packet.dts if packet.pts is None else packet.pts
        packet.pts, packet.dts = shown - moved, packet.dts - moved
        try:
            target.mux_one(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise Broken(f"the media server ended it: {reason(error)}") from None

    def _passed(self, size: int) -> None:
        if not self._running:
            log.info("the stream is taken in", tracks=" ".join(self._tracks), language=self._language)
        self._running, self._problem = True, ""
        self._rate.passed(size, time.monotonic())

    def _tell(self, signal: Signal) -> None:
        self._send(Signalled(signal))

    def _send(self, event: Signalled | IntakeState) -> None:
        try:
            with self._sending:
                self._pipe.send(event)
        except OSError:
            self._stopping.set()

    def _state(self, now: float) -> IntakeState:
        return IntakeState(
            running=self._running,
            bit_rate=self._rate.at(now) if self._running else 0.0,
            tracks=self._tracks,
            language=self._language,
            splices=self._side.splices,
            tags=self._side.tags,
            reconnects=self._reconnects,
            problem=self._problem,
        )

    def _report(self) -> None:
        """Beats, and listens to the dubber."""
        try:
            while not self._stopping.is_set():
                self._send(self._state(time.monotonic()))
                if self._pipe.poll(HEARTBEAT) and isinstance(self._pipe.recv(), Stop):
                    self._stopping.set()
        except (EOFError, OSError):
            self._stopping.set()


def main(config: IntakeConfig, pipe: Connection) -> None:
    """Takes a stream in, in this process."""
    Intake(config, pipe).run()
