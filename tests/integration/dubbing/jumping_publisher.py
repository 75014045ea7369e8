"""A publisher whose clock jumps: plays a clip in real time, its timestamps shifted from a moment on."""

from __future__ import annotations

import sys
import time
from fractions import Fraction

import av


def main(clip: str, url: str, jump_at: float, jump: float) -> None:
    """Publishes `clip` to `url` over RTSP; from `jump_at` seconds on timestamps are `jump` further."""
    began = time.monotonic()
    with av.open(clip) as source, av.open(url, "w", format="rtsp", options={"rtsp_transport": "tcp"}) as out:
        tracks = {stream: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            at = float(packet.dts * packet.time_base)
            time.sleep(max(0.0, at - (time.monotonic() - began)))
            shift = round(Fraction(jump if at >= jump_at else 0.0) / packet.time_base)
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            packet.stream = tracks[packet.stream]
            out.mux_one(packet)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(float(value) for value in sys.argv[3:5]))
