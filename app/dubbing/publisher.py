"""A worker's output end: sends what is due, at its time, and opens the output again when it breaks."""

from __future__ import annotations

import threading
import time

import structlog

from app.dubbing.backoff import Backoff
from app.dubbing.mixer import SAMPLE_RATE
from app.dubbing.output import BLOCK, Output, OutputError
from app.dubbing.pipeline import Pipeline
from app.dubbing.source import VideoData

TICK = 0.01
OPEN_EARLY = 0.3
LONGEST_STALL = 1.0
LONGEST_REORDER = 2.0

log = structlog.get_logger()


class Publisher:
    """Runs in a thread of its own. `publishing` and `problem` are for telling."""

    def __init__(self, url: str, pipeline: Pipeline, stopping: threading.Event) -> None:
        self._url = url
        self._pipeline = pipeline
        self._stopping = stopping
        self._backoff = Backoff(0.25, 2.0)
        self.publishing = False
        self.problem = ""
        self.last_progress = time.monotonic()

    def run(self) -> None:
        """Publishes until the worker stops."""
        while self._tick():
            if not self._is_due():
                continue
            try:
                self._publish()
            except OutputError as error:
                self.problem = f"the output can't be written: {error}"
                log.warning("output", problem=str(error))
            self.publishing = False
            if not self._stopping.wait(self._backoff.next()):
                self.last_progress = time.monotonic()

    def _tick(self) -> bool:
        self.last_progress = time.monotonic()
        return not self._stopping.wait(TICK)

    def _is_due(self) -> bool:
        pipeline = self._pipeline
        return pipeline.shape is not None and pipeline.timeline.started and pipeline.playhead() > -OPEN_EARLY

    def _publish(self) -> None:
        """Publishes until the source comes back in another shape."""
        shape, output = self._pipeline.prepare_output(self._url)
        with output:
            self._pipeline.start_output()
            log.info("publishing", picture=shape.video or "none")
            video_started = False
            while self._pipeline.shape == shape and self._tick():
                self._send_sound(output)
                for decoding, packet in self._due_video():
                    video_started = video_started or packet.is_keyframe
                    if video_started:
                        self._send_video(output, decoding, packet)
                if not self.publishing and self._pipeline.playhead() > 0:
                    self.publishing, self.problem = True, ""
                    self._backoff.reset()

    def _due_video(self) -> list[tuple[float, VideoData]]:
        with self._pipeline.lock:
            return self._pipeline.delay_line.due(self._pipeline.playhead())

    def _send_video(self, output: Output, decoding: float, packet: VideoData) -> None:
        ahead = 0.0
        if packet.pts is not None and packet.dts is not None and packet.time_base is not None:
            ahead = float((packet.pts - packet.dts) * packet.time_base)
        output.write_video(packet, decoding, decoding + min(max(ahead, 0.0), LONGEST_REORDER))

    def _send_sound(self, output: Output) -> None:
        pipeline = self._pipeline
        while not self._stopping.is_set():
            with pipeline.lock:
                position = pipeline.mixer.position
                due = pipeline.playhead() - (position + BLOCK) / SAMPLE_RATE
                if due < 0:
                    return
                if due > LONGEST_STALL:
                    pipeline.start_output()
                    return
                samples = pipeline.mixer.read(BLOCK)
            output.write_sound(position, samples)
            self.last_progress = time.monotonic()
