"""Where a transport stream comes from: which addresses are taken, and how each is opened."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import av
import av.error

from app.dubbing import srt, srt_address
from app.dubbing.worker.source import reason

SCHEMES = ("udp", "tcp", "http", "https")
MAY_SAY = {"udp": {"localaddr", "sources"}, "tcp": set[str](), "http": None, "https": None}
"""What may stand behind the question mark: FFmpeg's options there; None where all of it is the server's."""
COMES_WITHIN = 10.0
GOES_ON_WITHIN = 5.0
PROBE = 5.0
OPTIONS = {
    "analyzeduration": str(round(PROBE * 1e6)),
    "fflags": "+genpts+discardcorrupt",
    # What a server redirects to, too, is nothing that lies on this machine.
    "protocol_whitelist": "udp,tcp,http,https,tls",
}
UDP = {"fifo_size": "57344", "buffer_size": str(4 << 20), "overrun_nonfatal": "1"}


class CannotOpen(Exception):
    """The stream can't be read: why, without its address."""


def check(address: str) -> None:
    """Raises ValueError, which says what to give instead, where no stream can be taken in from there."""
    if address.startswith("srt:"):
        if is_link_local(srt_address.parse(address).host):
            raise ValueError("no stream comes from a link-local address")
        return
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the port in the address is no number from 1 to 65535") from None
    if parts.scheme not in SCHEMES or any(char.isspace() for char in address):
        raise ValueError(
            "give the address of an MPEG transport stream: udp://HOST:PORT, tcp://HOST:PORT, "
            "srt://HOST:PORT, http:// or https://"
        )
    if not host or (parts.scheme in ("udp", "tcp") and not port):
        raise ValueError(f"{parts.scheme}:// names a host and a port: {parts.scheme}://239.255.0.1:1234")
    may = MAY_SAY[parts.scheme]
    said = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if may is not None and not said <= may:
        unknown = ", ".join(sorted(said - may))
        names = ", ".join(sorted(may)) or "nothing"
        raise ValueError(f"an address with {parts.scheme}:// says {names} behind its ?, not {unknown}")
    if is_link_local(host):
        raise ValueError("no stream comes from a link-local address")


def shown(address: str) -> str:
    """The part of the address that people may see: scheme, host and path, without password and query."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def secret(address: str) -> str:
    """What in the address is a secret, in a word; empty where nothing is."""
    if address.startswith("srt:") and srt_address.parse(address).passphrase:
        return "a passphrase"
    return "a password" if "@" in address else ""


def is_link_local(host: str) -> bool:
    """Whether that is such an address: clouds tell their machines' secrets there."""
    try:
        return ipaddress.ip_address(host).is_link_local
    except ValueError:
        return False


@contextmanager
def opened(address: str) -> Iterator[Any]:
    """The stream, open. Raises CannotOpen."""
    with ExitStack() as stack:
        if address.startswith("srt:"):
            source = over_srt(address, stack)
        else:
            source = stack.enter_context(over_ffmpeg(address))
        yield source


def over_srt(address: str, stack: ExitStack) -> Any:
    """The stream over SRT, which calls, or waits to be called; `stack` closes it. Raises CannotOpen."""
    try:
        calling = srt.connect(srt_address.parse(address), COMES_WITHIN, GOES_ON_WITHIN)
        connection = stack.enter_context(calling)
        return stack.enter_context(av.open(connection, format="mpegts", options=OPTIONS))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise CannotOpen(reason(error)) from None


def over_ffmpeg(address: str) -> Any:
    """The stream by what FFmpeg knows itself. Raises CannotOpen."""
    parts = urlsplit(address)
    if parts.scheme.startswith("http"):
        no_link_local(parts.hostname or "", parts.port or 80)
    options = OPTIONS | (UDP if parts.scheme == "udp" else {})
    try:
        # As nothing else than a transport stream: playlists can name files.
        return av.open(
            address, format="mpegts", options=options, timeout=(COMES_WITHIN + PROBE, GOES_ON_WITHIN)
        )
    except av.error.ExitError:
        raise CannotOpen(f"nothing comes from there within {COMES_WITHIN + PROBE:.0f} s") from None
    except (av.error.FFmpegError, OSError) as error:
        raise CannotOpen(reason(error)) from None


def no_link_local(host: str, port: int) -> None:
    """Raises CannotOpen where the name leads to a link-local address."""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:
        raise CannotOpen(f"there is no host {host}") from None
    if any(map(is_link_local, found)):
        raise CannotOpen("its name leads to a link-local address")
