"""Publishes the sample over RTMP as a broadcaster would: in real time, looped without a seam.

Runs as a process of its own; tells the time of sending of each frame, by the clock that all
processes of a machine share.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import av

from app.demo.lines import Event, Helper, Parent
from app.demo.picture import RATE
from app.settings import Settings

BEHIND = 2.0


def ingest_address(settings: Settings, name: str) -> str:
    """Where a publisher of live/<name> sends to; with credentials where they are configured: never log it."""
    query = {"user": settings.media_publish_user, "pass": settings.media_publish_password.get_secret_value()}
    login = f"?{urlencode(query)}" if settings.media_publish_user else ""
    return f"rtmp://{settings.media_host}:{settings.media_rtmp_port}/live/{quote(name)}{login}"


def publish(url: str, video: Path, on_event: Callable[[Event], None], loops: int = 0) -> Helper:
    """Starts publishing the video to the address, `loops` times or, where 0, until it is stopped.

    Events: {"type": "sent", "frame", "at"} for each picture, "problem" when it can't go on, "done".
    """
    return Helper(__name__, {"url": url, "video": str(video), "loops": loops}, on_event)


def looped(container: Any, length: Fraction, loops: int) -> Iterator[tuple[Any, Fraction]]:
    """The packets of the file, `loops` times or for ever where that is 0, each with its time in seconds."""
    round_number = 0
    while not loops or round_number < loops:
        container.seek(0)
        for packet in container.demux():
            if packet.dts is None:
                continue
            shift = round_number * length
            packet.pts += int(shift / packet.time_base)
            packet.dts += int(shift / packet.time_base)
            yield packet, packet.dts * packet.time_base
        round_number += 1


def main() -> None:
    """The helper process."""
    parent = Parent()
    try:
        _publish(parent)
        parent.tell("done")
    except (av.error.FFmpegError, OSError) as error:
        parent.tell_problem(error)


def _publish(parent: Parent) -> None:
    with (
        av.open(parent.request["video"]) as source,
        av.open(
            parent.request["url"], "w", format="flv", options={"flvflags": "no_duration_filesize"}
        ) as sink,
    ):
        video: Any = source.streams.video[0]
        length: Fraction = video.duration * video.time_base
        tracks = {stream.index: sink.add_stream_from_template(stream) for stream in source.streams}
        began = time.monotonic()
        for packet, at in looped(source, length, parent.request["loops"]):
            early = began + float(at) - time.monotonic()
            if early < -BEHIND:
                began -= early
            if parent.leaving.wait(max(0.0, early)):
                return
            number = round(packet.pts * packet.time_base % length * RATE)
            is_picture = packet.stream.type == "video"
            packet.stream = tracks[packet.stream.index]
            sink.mux(packet)
            if is_picture:
                parent.tell("sent", frame=number, at=time.monotonic())


if __name__ == "__main__":
    main()
