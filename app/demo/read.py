"""Reads a dubbed stream as a viewer would, and tells what it sees and hears and when.

Runs as a process of its own. Frame numbers are decoded from the picture, flashes from its corner,
beeps from the sound; gaps from the timestamps. It can write what it reads to a file, not re-encoded.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import av
import numpy as np

from app.demo.beep import Listener
from app.demo.lines import Event, Helper, Parent
from app.demo.picture import decode_number, is_flash
from app.settings import Settings

OPTIONS = {"fflags": "nobuffer", "probesize": "200000", "rw_timeout": "5000000"}
# `timeout` would make an RTMP input listen instead of connect.
RTSP_OPTIONS = OPTIONS | {"rtsp_transport": "tcp", "timeout": "5000000"}
RETRY_EVERY = 0.5
GAP = 0.005
SILENT = -100.0


def watch_address(settings: Settings, path: str, protocol: Literal["rtmp", "rtsp"] = "rtmp") -> str:
    """Address of a path to read; with credentials where they are configured: never log it.

    RTMP is the one to measure by: its packets carry one clock for picture and sound, while an RTSP
    client guesses how the two belong together until the first sender reports, and then jumps.
    """
    user, password = settings.media_read_user, settings.media_read_password.get_secret_value()
    if protocol == "rtmp":
        login = f"?{urlencode({'user': user, 'pass': password})}" if user else ""
        return f"rtmp://{settings.media_host}:{settings.media_rtmp_port}/{quote(path)}{login}"
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    return f"rtsp://{login}{settings.media_host}:{settings.media_rtsp_port}/{quote(path)}"


def read(
    url: str,
    on_event: Callable[[Event], None],
    *,
    wait: float = 20.0,
    record: Path | None = None,
    look: bool = True,
) -> Helper:
    """Starts reading the address; it may take `wait` seconds until something is published there.

    `look` decodes the pictures; without it only the sound is. Events: "opened" (tracks), "frame" (number,
    pts, at), "flash" (pts), "beep" (pts, amplitude), "gap" (pts, seconds missing or, below 0, doubled),
    "stall" (at, seconds between two arrivals over 0.1), "level" (pts, dBFS of one second),
    "problem", "ended". Times in seconds; `at` by the clock all processes of a machine share.
    """
    request = {"url": url, "wait": wait, "record": str(record) if record else "", "look": look}
    return Helper(__name__, request, on_event)


class Sight:
    """Frame numbers and flashes from decoded pictures."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._flashing = False

    def see(self, frame: Any, at: float) -> None:
        """One picture that arrived at a time."""
        plane = frame.planes[0]
        luma = np.frombuffer(plane, np.uint8).reshape(frame.height, plane.line_size)[:, : frame.width]
        pts = float(frame.pts * frame.time_base)
        number = decode_number(luma)
        if number is not None:
            self._tell("frame", number=number, pts=pts, at=at)
        flashing = is_flash(luma)
        if flashing and not self._flashing:
            self._tell("flash", pts=pts)
        self._flashing = flashing


class Hearing:
    """Beeps, gaps and levels from decoded sound."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._listener: Listener | None = None
        self._expected = math.nan
        self._power, self._samples = 0.0, 0

    def hear(self, frame: Any) -> None:
        """One piece of decoded sound."""
        rate = frame.sample_rate
        sound = as_mono(frame)
        at = float(frame.pts * frame.time_base)
        if abs(at - self._expected) > GAP:
            self._tell("gap", pts=at, seconds=at - self._expected)
        self._expected = at + len(sound) / rate
        if self._listener is None or self._listener.rate != rate:
            self._listener = Listener(rate)
        for beep in self._listener.hear(at, sound):
            self._tell("beep", pts=beep.at, amplitude=beep.amplitude)
        self._power += float(np.sum(sound.astype(np.float64) ** 2))
        self._samples += len(sound)
        if self._samples >= rate:
            level = 10 * math.log10(max(self._power / self._samples, 1e-12))
            self._tell("level", pts=at, level=max(level, SILENT))
            self._power, self._samples = 0.0, 0


def as_mono(frame: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The decoded sound as float32 mono, channels averaged; planar or packed, whole numbers or floats."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    scale = 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)
    return np.asarray(samples.mean(axis=0) / scale, dtype=np.float32)


class Recording:
    """Writes packets to a file as they came, starting at a keyframe and at time 0."""

    def __init__(self, path: str, tracks: Any) -> None:
        self._container = av.open(path, "w")
        self._tracks = {track.index: self._container.add_stream_from_template(track) for track in tracks}
        self._waits_for_key = any(track.type == "video" for track in tracks)
        self._zero = math.nan
        self._last: dict[int, int] = {}

    def write(self, packet: Any) -> None:
        """Takes a packet that nothing else needs any more."""
        if self._waits_for_key and not (packet.stream.type == "video" and packet.is_keyframe):
            return
        self._waits_for_key = False
        if math.isnan(self._zero):
            self._zero = packet.dts * packet.time_base
        shift = round(self._zero / packet.time_base)
        if packet.dts < shift:
            return
        packet.dts -= shift
        packet.pts -= shift
        # Over RTSP, time can jump back when a sender report arrives; a file's time can't.
        last = self._last.get(packet.stream.index, -1)
        packet.dts = max(packet.dts, last + 1)
        packet.pts = max(packet.pts, packet.dts)
        self._last[packet.stream.index] = packet.dts
        packet.stream = self._tracks[packet.stream.index]
        self._container.mux(packet)

    def close(self) -> None:
        """Finishes the file."""
        self._container.close()


def main() -> None:
    """The helper process."""
    parent = Parent()
    try:
        _read(parent)
    except (av.error.FFmpegError, OSError) as error:
        parent.tell_problem(error)
    parent.tell("ended")


def open_patiently(parent: Parent, request: Mapping[str, Any]) -> Any:
    """The opened stream, tried again until it is published or `wait` seconds are over."""
    deadline = time.monotonic() + request["wait"]
    options = RTSP_OPTIONS if request["url"].startswith("rtsp") else OPTIONS
    while True:
        try:
            return av.open(request["url"], options=options)
        except (av.error.FFmpegError, OSError):
            if time.monotonic() > deadline or parent.leaving.wait(RETRY_EVERY):
                raise


def _read(parent: Parent) -> None:
    request = parent.request
    with ExitStack() as stack:
        source = stack.enter_context(open_patiently(parent, request))
        tracks = [*source.streams.video[:1], *source.streams.audio[:1]]
        for track in tracks:
            # Threads of a decoder would hold pictures back and spoil the times.
            track.codec_context.thread_count = 1
        parent.tell("opened", tracks=[f"{track.type} {track.codec_context.name}" for track in tracks])
        recording = Recording(request["record"], tracks) if request["record"] else None
        if recording:
            stack.callback(recording.close)
        sight, hearing = Sight(parent.tell), Hearing(parent.tell)
        before = time.monotonic()
        for packet in source.demux(tracks):
            at = time.monotonic()
            if parent.leaving.is_set():
                return
            if packet.dts is None:
                continue
            if at - before > 0.1:
                parent.tell("stall", at=at, seconds=at - before)
            before = at
            if packet.stream.type == "audio":
                for sound in packet.decode():
                    hearing.hear(sound)
            elif request["look"]:
                for picture in packet.decode():
                    sight.see(picture, at)
            if recording:
                recording.write(packet)


if __name__ == "__main__":
    main()
