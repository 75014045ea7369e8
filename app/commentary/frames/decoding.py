"""A source's own process: opens it, decodes it, sends small pictures a few times a second.

What hangs in here hangs nobody else: whoever started it kills it when it is silent.
"""

from __future__ import annotations

import ipaddress
import os
import resource
import signal
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast
from urllib.parse import urlsplit

import av
import av.container
import av.error
import psutil

from app.commentary.frames.allowed import RTSP, Place
from app.commentary.frames.problem import Problem, SourceProblem
from app.commentary.frames.provider import Picture

RATE = 5.0
"""Pictures a second that are sent on."""
LONGEST_SIDE = 640
MOST_PIXELS = 8192 * 4352
MOST_MEMORY = 1 << 30
CONNECT_WITHIN = 2.0
READ_WITHIN = 2.5
PROBE_TIME = 1.0
NO_PICTURE = 15.0
"""Seconds without a keyframe, or with nothing but damaged ones, after which a stream is given up."""
STILL = 1.0
"""Seconds after which a picture of a file that is still shown is sent again."""
# What a file may be: no playlist, which could name other files and addresses.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,flv,mpeg"
REFUSALS = {401: "permission_denied", 403: "permission_denied", 404: "not_found", 454: "not_found"}


@dataclass(frozen=True)
class Sent:
    """A picture and where in its source it lies, in seconds."""

    picture: Picture
    position: float


@dataclass(frozen=True)
class Alive:
    """Nothing hangs, though there is no picture yet: a stream may begin long before its next keyframe."""


Message = Sent | Alive | Problem


def main(place: Place, pipe: Connection) -> None:
    """Sends Sent for each picture, at last a Problem; ends when nobody reads any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    av.logging.set_level(None)
    # Nobody reads any more, and nobody is left to tell.
    with suppress(OSError, EOFError):
        try:
            for sent in pictures(place):
                pipe.send(sent)
            pipe.send(Problem("ended"))
        except SourceProblem as problem:
            pipe.send(problem.problem)
        except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
            pipe.send(named(error))


def pictures(place: Place) -> Iterator[Sent | Alive]:
    """The pictures of a source at RATE. Raises SourceProblem, and what PyAV raises."""
    if place.kind == "rtsp":
        yield from decoded(*rtsp(place), live=True)
    elif place.kind == "device":
        may_read(place.address, character=True)
        yield from decoded(place.address, {}, "v4l2", live=True)
    else:
        may_read(place.address, character=False)
        options = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
        offset = 0.0
        while True:
            last = 0.0
            for sent in decoded(f"file:{place.address}", options, live=False):
                if isinstance(sent, Sent):
                    last = sent.position
                    yield Sent(sent.picture, offset + sent.position)
            if not place.loop:
                return
            offset += last + 1.0 / RATE


def may_read(path: str, character: bool) -> None:
    """Raises SourceProblem where the path is no file (or device), or may not be read."""
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError:
        raise SourceProblem("not_found", "it is not there") from None
    except PermissionError:
        raise SourceProblem("permission_denied") from None
    if not (stat.S_ISCHR(kind) if character else stat.S_ISREG(kind)):
        raise SourceProblem("unreadable", "it is no device" if character else "it is no file")
    if not os.access(path, os.R_OK):
        raise SourceProblem("permission_denied")


def rtsp(place: Place) -> tuple[str, dict[str, str]]:
    """The address with its host's number in it, and FFmpeg's options. Raises SourceProblem.

    The host is asked first: that tells what is wrong with it, and that it sends nobody elsewhere.
    """
    parts = urlsplit(place.address)
    host, port = parts.hostname or "", parts.port or RTSP
    number = resolved(host, port, place.trusted)
    ask(number, port, place.address)
    login, at, _ = parts.netloc.rpartition("@")
    netloc = f"{login}{at}{f'[{number}]' if ':' in number else number}:{port}"
    wait = str(round(READ_WITHIN * 1e6))
    return parts._replace(netloc=netloc).geturl(), {
        "rtsp_transport": "tcp",
        "allowed_media_types": "video",
        "protocol_whitelist": "rtsp,rtp,tcp",
        "timeout": wait,
        "analyzeduration": str(round(PROBE_TIME * 1e6)),
        "fflags": "+genpts+discardcorrupt+nobuffer",
    }


def resolved(host: str, port: int, trusted: bool) -> str:
    """The host's number. Raises SourceProblem where there is none, or where nothing may be asked there."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SourceProblem("unreachable", f"the host {host} is not known") from None
    number = str(found[0][4][0])
    address = ipaddress.ip_address(number.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    if not trusted and (mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified):
        raise SourceProblem("refused", "its host has an address that is not for streams")
    return number


def ask(number: str, port: int, address: str) -> None:
    """Asks the host for its description of the stream. Raises SourceProblem where it gives none.

    A password is not sent: a host that wants one is asked again by FFmpeg.
    """
    parts = urlsplit(address)
    clean = parts._replace(netloc=f"{f'[{number}]' if ':' in number else number}:{port}").geturl()
    request = f"DESCRIBE {clean} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    try:
        with socket.create_connection((number, port), CONNECT_WITHIN) as connection:
            connection.settimeout(CONNECT_WITHIN)
            connection.sendall(request.encode())
            answer = connection.recv(256)
    except TimeoutError:
        raise SourceProblem("timeout", "the host does not answer") from None
    except OSError as error:
        raise SourceProblem("unreachable", error.strerror or type(error).__name__) from None
    judge(answer, has_password=parts.username is not None)


def judge(answer: bytes, has_password: bool) -> None:
    """Raises SourceProblem where the first line of an answer says that there is nothing to be had."""
    words = answer.split(b"\r\n")[0].split(b" ")
    if not words[0].startswith(b"RTSP/") or len(words) < 2 or not words[1].isdigit():
        raise SourceProblem("unreadable", "the host does not speak RTSP")
    status = int(words[1])
    if 300 <= status < 400:
        raise SourceProblem("refused", "its host sends elsewhere")
    if status == 401 and has_password:
        return
    if status >= 400:
        kind = REFUSALS.get(status, "unreadable")
        raise SourceProblem(kind, f"the host answers {status}")  # type: ignore[arg-type]


def decoded(
    address: str, options: dict[str, str], form: str | None = None, *, live: bool
) -> Iterator[Sent | Alive]:
    """The pictures at RATE, in the time in which they are meant to be seen."""
    wait = (READ_WITHIN + PROBE_TIME, READ_WITHIN)
    with av.open(address, format=form, options=options, timeout=wait) as container:
        if live and form is None:
            stays(address)
        stream = next(iter(container.streams.video), None)
        if stream is None:
            raise SourceProblem("unreadable", "there is no picture in it")
        context = stream.codec_context
        if context is None:
            raise SourceProblem("codec")
        # Frames that no other is made from are not needed: a third of the work where there are such.
        context.skip_frame = "NONREF"
        context.thread_count = 1
        context.options = {"max_pixels": str(MOST_PIXELS)}
        began = time.monotonic()
        due = first = None
        shown: Sent | None = None
        for frame in frames(container, stream):
            if frame is None:
                yield Alive()
                continue
            now = time.monotonic()
            at = frame.time if frame.time is not None else now - began
            if first is None:
                first, began = at, now
            position = max(0.0, at - first)
            while not live and (ahead := began + position - time.monotonic()) > 0:
                if shown is not None and ahead > STILL:
                    yield shown
                time.sleep(min(ahead, STILL))
            clock = now if live else position
            if due is not None and clock < due:
                continue
            due = clock + 1.0 / RATE if due is None or clock - due > 1.0 else due + 1.0 / RATE
            shown = Sent(small(frame), position)
            yield shown
        if live:
            raise SourceProblem("not_found", "the stream has ended")


def frames(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame | None]:
    """The frames as they are decoded; None where a packet gave none, or can't be decoded.

    Raises SourceProblem where no picture has come of anything for NO_PICTURE seconds.
    """
    seen = time.monotonic()
    for packet in container.demux(stream):
        try:
            found = packet.decode()
        except av.error.InvalidDataError:
            found = []
        for frame in found:
            yield frame
            seen = time.monotonic()
        if not found:
            if time.monotonic() - seen > NO_PICTURE:
                raise SourceProblem("unreadable", f"no picture can be decoded for {NO_PICTURE:g} s")
            yield None


def stays(address: str) -> None:
    """Raises SourceProblem where the connection led to another host than the one in the address."""
    host = urlsplit(address).hostname
    for connection in psutil.Process().net_connections("inet"):
        if connection.raddr and connection.raddr.ip != host:
            raise SourceProblem("refused", "its host sends elsewhere")


def small(frame: av.VideoFrame) -> Picture:
    """The picture, so small that its longer side is LONGEST_SIDE at most."""
    scale = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
    width, height = (max(2, 2 * round(side * scale / 2)) for side in (frame.width, frame.height))
    scaled = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
    return cast(Picture, scaled.to_ndarray())


def named(error: Exception) -> Problem:
    """A failure of FFmpeg as what it means, without the address that it may quote."""
    what = str(getattr(error, "strerror", None) or type(error).__name__)
    match error:
        case av.error.HTTPNotFoundError() | av.error.FileNotFoundError() | FileNotFoundError():
            return Problem("not_found", what)
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError() | PermissionError():
            return Problem("permission_denied", what)
        case av.error.ExitError() | TimeoutError():
            return Problem("timeout", f"nothing came for {READ_WITHIN:g} s")
        case av.error.DecoderNotFoundError() | av.error.PatchWelcomeError():
            return Problem("codec", what)
        case ConnectionError():
            return Problem("unreachable", what)
        case MemoryError():
            return Problem("unreadable", "its pictures are too large")
    return Problem("unreadable", what)
