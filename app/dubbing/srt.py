"""SRT, over the system's libsrt: a connection that PyAV reads or writes MPEG-TS through as through a file.

PyAV's own FFmpeg has no SRT. Passphrase and stream id are set on the socket, so that they stand in no process
list, and no message here has them. The library begins threads: use it in no process that forks afterwards.
https://github.com/Haivision/srt/blob/v1.5.1/docs/API/API-functions.md
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import errno
import socket
import struct
import sys
import threading
import time
from functools import cache
from typing import Any

from app.dubbing.srt_address import Address

NAMES = (
    "libsrt-gnutls.so.1.5",
    "libsrt.so.1.5",
    "libsrt.1.5.dylib",
    "/opt/homebrew/lib/libsrt.dylib",
    "/usr/local/lib/libsrt.dylib",
)
MISSING = (
    "SRT needs the library libsrt 1.5, which is not here: apt-get install libsrt1.5-gnutls (as root), "
    "or brew install srt"
)
PACKET = 1316
"""Bytes: seven packets of MPEG-TS, the most that SRT sends at once."""
LONGEST_PACKET = 1456
POLL = 0.05

RCVSYN, SNDTIMEO, RCVTIMEO, LATENCY, PASSPHRASE, PBKEYLEN, CONNTIMEO, STREAMID = 2, 13, 14, 23, 26, 27, 36, 46
ERROR = -1
REJECTED, LOST, NOT_CONNECTED, NO_SUCH_SOCKET, NONE_WAITS, TIMED_OUT = 1002, 2001, 2002, 5004, 6002, 6003
REFUSALS = {
    2: "look at the stream id and the passphrase",
    10: "the passphrase is another one",
    11: "one side has a passphrase, the other has none",
    1400: "it does not understand the stream id",
    1401: "it does not let us in with this stream id",
    1402: "it is too busy",
    1403: "it does not let us in with this stream id",
    1404: "it does not know this stream id",
    1405: "it wants another mode in the stream id",
    1409: "somebody else sends there already",
}
CRITICAL_ONLY = 2


class LibraryMissing(OSError):
    """libsrt is not installed; the message names the package."""

    def __init__(self) -> None:
        super().__init__(errno.ENOENT, MISSING)


class Failed(OSError):
    """SRT's connection can't be made or is gone; the message says why, without address and keys."""

    def __init__(self, words: str, number: int = errno.EIO) -> None:
        super().__init__(number, words)


@cache
def library() -> ctypes.CDLL:
    """The library, started. Raises LibraryMissing."""
    for name in NAMES:
        try:
            found = ctypes.CDLL(name)
        except OSError:
            continue
        found.srt_getlasterror_str.restype = ctypes.c_char_p
        found.srt_rejectreason_str.restype = ctypes.c_char_p
        found.srt_setloglevel(CRITICAL_ONLY)
        if found.srt_startup() == ERROR:
            raise Failed("libsrt does not start")
        # Its threads must be gone before what they use is.
        atexit.register(found.srt_cleanup)
        return found
    raise LibraryMissing


class Connection:
    """An open connection: what PyAV wants of a file, and no more. A context manager.

    `read` gives b"" once the other side is gone. Both ways raise Failed; `close`, which may come from any
    thread, ends a call that waits.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._unread = b""
        self._unsent = bytearray()
        self._closing = threading.Lock()
        self._closed = False
        self._into = ctypes.create_string_buffer(LONGEST_PACKET)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, most: int) -> bytes:
        """What came next, `most` bytes of it at most; waits for some."""
        if not self._unread:
            size = library().srt_recv(self._number, self._into, LONGEST_PACKET)
            if size == ERROR:
                if _last() in (LOST, NOT_CONNECTED, NO_SUCH_SOCKET) or self._closed:
                    return b""
                raise _failure("nothing comes")
            self._unread = self._into.raw[:size]
        given, self._unread = self._unread[:most], self._unread[most:]
        return given

    def write(self, data: bytes) -> int:
        """Sends what makes whole packets, and keeps the rest for the next time."""
        self._unsent += data
        while len(self._unsent) >= PACKET:
            if library().srt_send(self._number, bytes(self._unsent[:PACKET]), PACKET) == ERROR:
                raise _failure("it takes nothing")
            del self._unsent[:PACKET]
        return len(data)

    def close(self) -> None:
        """Ends the connection. What is on its way may be lost."""
        with self._closing:
            if not self._closed:
                self._closed = True
                library().srt_close(self._number)


def connect(address: Address, within: float, silence: float) -> Connection:
    """Opens a connection to there within so many seconds; as a listener, waits for one to come.

    It fails later where nothing comes or goes for `silence` seconds. Raises LibraryMissing, Failed.
    """
    until = time.monotonic() + within
    if address.listen:
        return _accept(address, until, silence)
    problem = Failed("nobody has this name")
    places = _places(address)
    for left, place in zip(range(len(places), 0, -1), places, strict=True):
        number = _socket(address, silence)
        # Where nobody is, nobody says so: each address gets its part of the time.
        _set(number, CONNTIMEO, max(round(1e3 * (until - time.monotonic()) / left), 1))
        _set_text(number, STREAMID, address.streamid)
        if library().srt_connect(number, place, len(place)) != ERROR:
            return Connection(number)
        problem = _failure("it does not answer", number)
        library().srt_close(number)
    raise problem


def _accept(address: Address, until: float, silence: float) -> Connection:
    """The first that calls with our stream id, where there is one."""
    number = _socket(address, silence)
    try:
        _set(number, RCVSYN, 0)
        place = _places(address)[0]
        if library().srt_bind(number, place, len(place)) == ERROR or library().srt_listen(number, 1) == ERROR:
            raise _failure("can't be listened on")
        while time.monotonic() < until:
            came = library().srt_accept(number, None, None)
            if came == ERROR:
                if _last() != NONE_WAITS:
                    raise _failure("can't be listened on")
                time.sleep(POLL)
                continue
            if not address.streamid or _text(came, STREAMID) == address.streamid:
                # Who called may be gone already.
                with contextlib.suppress(Failed):
                    _set(came, RCVSYN, 1)
                    return Connection(came)
            library().srt_close(came)
    finally:
        library().srt_close(number)
    raise Failed("nobody called", errno.ETIMEDOUT)


def _socket(address: Address, silence: float) -> int:
    number: int = library().srt_create_socket()
    if number == ERROR:
        raise _failure("no socket")
    wait = round(1e3 * silence)
    for option, value in (
        (SNDTIMEO, wait),
        (RCVTIMEO, wait),
        (LATENCY, round(1e3 * address.latency)),
        (PBKEYLEN, address.key_length),
    ):
        _set(number, option, value)
    _set_text(number, PASSPHRASE, address.passphrase)
    return number


def _places(address: Address) -> list[bytes]:
    """The host's addresses, each as the system's sockaddr. Raises Failed."""
    host = address.host or "0.0.0.0"
    try:
        found = socket.getaddrinfo(host, address.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise Failed(f"its name is not found: {error.strerror}") from None
    return [_sockaddr(family, place) for family, _, _, _, place in found]


def _sockaddr(family: int, place: Any) -> bytes:
    if family == socket.AF_INET6:
        host, port, flow, scope = place
        tail = struct.pack("!HI", port, flow) + socket.inet_pton(family, host) + struct.pack("=I", scope)
    else:
        host, port = place
        tail = struct.pack("!H", port) + socket.inet_pton(family, host) + bytes(8)
    if sys.platform == "darwin":
        return bytes((2 + len(tail), family)) + tail
    return struct.pack("=H", family) + tail


def _set(number: int, option: int, value: int) -> None:
    """Sets a number or, for what is on or off, 0 and 1."""
    kept = ctypes.c_bool(bool(value)) if option == RCVSYN else ctypes.c_int(value)
    if library().srt_setsockflag(number, option, ctypes.byref(kept), ctypes.sizeof(kept)) == ERROR:
        raise _failure("an option is refused")


def _set_text(number: int, option: int, text: str) -> None:
    raw = text.encode()
    if raw and library().srt_setsockflag(number, option, raw, len(raw)) == ERROR:
        raise _failure("an option is refused")


def _text(number: int, option: int) -> str:
    kept = ctypes.create_string_buffer(513)
    size = ctypes.c_int(len(kept))
    library().srt_getsockflag(number, option, kept, ctypes.byref(size))
    return kept.raw[: size.value].decode(errors="replace")


def _last() -> int:
    return int(library().srt_getlasterror(None))


def _failure(what: str, number: int = ERROR) -> Failed:
    """What went wrong last in this thread, on this socket."""
    code = _last()
    if code == TIMED_OUT:
        return Failed(what, errno.ETIMEDOUT)
    if code == REJECTED and number != ERROR:
        why = library().srt_getrejectreason(number)
        told = REFUSALS.get(why) or library().srt_rejectreason_str(why).decode(errors="replace")
        return Failed(f"it refuses: {told}", errno.ECONNREFUSED)
    told = library().srt_getlasterror_str().decode(errors="replace")
    return Failed(f"{what}: {told.lower()}")
