"""The media server made to know a publication's clocks before the first viewer comes over RTSP.

MediaMTX 1.13.1 notes how the clocks of picture and sound belong together (RTP-Info, RFC 2326, 12.33) only
once somebody asked for the path over RTSP (internal/stream/stream.go, RTSPStream). Who comes first is told
nothing, guesses, and has the sound 0.2 s off until the sender reports, ten seconds later.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import structlog

from app.dubbing.worker.login import basic

ANSWERS_WITHIN = 0.5

log = structlog.get_logger(__name__)


def make_known(url: str) -> None:
    """Asks for the path at `url`, which has the credentials in it, as a first viewer would (DESCRIBE).

    To be called before the first picture is sent: a clock is known from a key frame on. Where the media
    server does not answer, that is logged, and a first viewer has to wait for sender reports.
    """
    parts = urlsplit(url)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    request = (
        f"DESCRIBE {address} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n"
        f"Authorization: {basic(parts)}\r\n\r\n"
    )
    place = parts.hostname or "", parts.port or 554
    try:
        with socket.create_connection(place, ANSWERS_WITHIN) as connection:
            connection.sendall(request.encode())
            answer = connection.recv(1024).partition(b"\r\n")[0].decode(errors="replace")
    except OSError as error:
        answer = type(error).__name__
    if answer != "RTSP/1.0 200 OK":
        log.warning("first viewers over RTSP hear the sound a little off", answer=answer)
