"""A worker's output end: sends what is due, at its time, and opens the output again when it breaks.

In a release two dubbers run side by side for a moment. The media server lets the one that comes last
publish and disconnects the other, which then stands by: it opens its output again only when nobody
else publishes there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from itertools import chain, islice

import structlog

from app.backoff import Backoff
from app.dubbing.worker.cea608 import Pair
from app.dubbing.worker.clocks import make_known
from app.dubbing.worker.delayed import Delayed
from app.dubbing.worker.mixer import SAMPLE_RATE
from app.dubbing.worker.output import BLOCK, FIRST_SOUND, PRIMING, Encoded, Output, OutputError
from app.dubbing.worker.source import VideoData
from app.dubbing.worker.subtitles import REORDERED
from app.lasting import Failures

TICK = 0.01
# Shorter than what counts as no progress.
FIRST_RETRY, LONGEST_RETRY = 0.25, 2.0
OPEN_EARLY = 0.3
LONGEST_STALL = 1.0
LONGEST_REORDER = 2.0
LONGEST_WAIT = 5.0
WAITS_FOR_PICTURE = 0.5
"""Seconds that the sound waits for the first picture once the output is open."""
LOOK_AGAIN = 0.5
STANDING_BY = "another dubber publishes this stream; standing by"

log = structlog.get_logger()


class Publisher:
    """Runs in a thread of its own. `publishing`, `standing_by` and `problem` are for telling.

    `occupied` asks whether somebody publishes at `url`.
    """

    def __init__(
        self, url: str, line: Delayed, stopping: threading.Event, occupied: Callable[[], bool]
    ) -> None:
        self._url = url
        self._occupied = occupied
        self._line = line
        self._stopping = stopping
        self._backoff = Backoff(FIRST_RETRY, LONGEST_RETRY)
        self._failures = Failures(FIRST_RETRY, LONGEST_RETRY)
        self._lost = False
        self.publishing = False
        self.standing_by = False
        self.problem = ""
        self.last_progress = time.monotonic()

    def run(self) -> None:
        """Publishes until the worker stops."""
        while self._tick():
            try:
                wait = self._work()
            except Exception as error:
                # Whatever it was: without this thread nothing is published any more.
                log.exception("publishing failed")
                self.problem = f"publishing failed: {type(error).__name__}"
                self.publishing = False
                wait = self._failures.next()
            if wait and not self._stopping.wait(wait):
                self.last_progress = time.monotonic()

    def _work(self) -> float:
        """Publishes where that is due; the seconds to wait before the next attempt."""
        if not self._is_due():
            return 0.0
        if self._lost and self._occupied():
            self._stand_by()
            return 0.0
        self.standing_by = False
        try:
            self._publish()
        except OutputError as error:
            self.problem = f"the output can't be written: {error}"
            log.warning("output", problem=str(error))
        self.publishing = False
        return self._backoff.next()

    def _tick(self) -> bool:
        self.last_progress = time.monotonic()
        return not self._stopping.wait(TICK)

    def _is_due(self) -> bool:
        line = self._line
        if line.shape is None or not line.timeline.started:
            return False
        playhead = line.playhead()
        if line.shape.video is None or playhead > LONGEST_WAIT:
            return playhead > -OPEN_EARLY
        # Not before there is a picture to show: another may show one there until then.
        with line.lock:
            first = line.delay_line.first
        return first is not None and playhead > first - OPEN_EARLY

    def _stand_by(self) -> None:
        if not self.standing_by:
            log.info("standing by: another publishes this stream now")
        self.standing_by, self.problem = True, STANDING_BY
        self._due_video()
        self._line.start_output()
        self._stopping.wait(LOOK_AGAIN)

    def _publish(self) -> None:
        """Publishes until the source comes back in another shape."""
        shape, output = self._line.prepare_output(self._url)
        with output:
            make_known(self._url)
            self._lost = True
            log.info("publishing", picture=shape.video or "none")
            video_started = sound_started = False
            waits_until = self._line.playhead() + (WAITS_FOR_PICTURE if shape.video else 0.0)
            while self._line.shape == shape and self._tick():
                if not sound_started and self._line.playhead() >= waits_until:
                    self._line.start_output()
                    sound_started = True
                if sound_started:
                    self._send_sound(output)
                due = self._due_video()
                for at, (decoding, packet) in enumerate(due, 1):
                    video_started = video_started or packet.is_keyframe
                    if video_started:
                        presentation = decoding + ahead(packet)
                        pair = self._pair(presentation, packet, (later for _, later in due[at:]))
                        sound = () if sound_started else self._first_sound(output, presentation)
                        output.write_video(packet, decoding, presentation, pair)
                        output.send(sound)
                        sound_started = True
                if not self.publishing and self._line.playhead() > 0:
                    self.publishing, self.problem = True, ""
                    self._backoff.reset()
        self._lost = False

    def _due_video(self) -> list[tuple[float, VideoData]]:
        with self._line.lock:
            return self._line.delay_line.due(self._line.playhead())

    def _pair(self, presentation: float, packet: VideoData, due: Iterable[VideoData]) -> Pair | None:
        """The captions in that picture, None where pictures are left as they are."""
        line = self._line
        if line.subtitles is None:
            return None
        with line.lock:
            following = [shown(later) for later in islice(chain(due, line.delay_line.waiting()), REORDERED)]
            return line.subtitles.pair(presentation, shown(packet), following)

    def _first_sound(self, output: Output, shown: float) -> list[Encoded]:
        """The sound of the first picture, shown at `shown`, to be sent right behind it.

        The media server takes for simultaneous what of each track comes first, by when it comes (gortsplib,
        GlobalDecoder2). Sent each at its own time, a picture that is late for once, or that is decoded some
        time before it is shown, would be that far from its sound for as long as the publication lasts. It is
        encoded beforehand: nothing is to come between them.
        """
        with self._line.lock:
            self._line.mixer.skip_to(round(shown * SAMPLE_RATE) + PRIMING)
            position = self._line.mixer.position
            samples = self._line.read_sound(FIRST_SOUND)
        return list(output.encoded(position, samples))

    def _send_sound(self, output: Output) -> None:
        line = self._line
        while not self._stopping.is_set():
            with line.lock:
                position = line.mixer.position
                due = line.playhead() - (position + BLOCK) / SAMPLE_RATE
                if due < 0:
                    return
                if due > LONGEST_STALL:
                    line.start_output()
                    return
                samples = line.read_sound(BLOCK)
            output.write_sound(position, samples)
            self.last_progress = time.monotonic()


def ahead(packet: VideoData) -> float:
    """How long before it is shown a picture is decoded, in seconds."""
    if packet.pts is None or packet.dts is None or packet.time_base is None:
        return 0.0
    return min(max(float((packet.pts - packet.dts) * packet.time_base), 0.0), LONGEST_REORDER)


def shown(packet: VideoData) -> float:
    """When a picture is shown, in seconds on its source's clock."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    return float(stamp * packet.time_base) if stamp is not None and packet.time_base is not None else 0.0
