"""Addresses of SRT, as people paste them: srt://host:port?streamid=...&passphrase=...&latency=120."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

SCHEME = "srt"
LATENCY = 0.12
LONGEST_LATENCY = 8.0
PASSPHRASE = range(10, 80)
LONGEST_STREAM_ID = 512
KEY_LENGTHS = (0, 16, 24, 32)
MODES = ("caller", "listener")
# These are FFmpeg's, and say what is done here anyway.
IGNORED = {"pkt_size", "payload_size", "transtype", "enforced_encryption"}


class BadAddress(ValueError):
    """It can't be used; the message says why, without what stands in it."""


@dataclass(frozen=True)
class Address:
    """Where to connect, or with `listen` where to wait; without a host then on every interface.

    `latency` is in seconds; `key_length` in bytes, 0 for what the other side has.
    """

    host: str
    port: int
    streamid: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    latency: float = LATENCY
    key_length: int = 0
    listen: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536 or not (self.host or self.listen):
            raise BadAddress("an SRT address names a host and a port: srt://host:port")
        if self.passphrase and len(self.passphrase.encode()) not in PASSPHRASE:
            raise BadAddress(f"SRT's passphrase has {PASSPHRASE.start} to {PASSPHRASE.stop - 1} bytes")
        if len(self.streamid.encode()) > LONGEST_STREAM_ID:
            raise BadAddress(f"SRT's stream id has {LONGEST_STREAM_ID} bytes at most")
        if not 0.0 <= self.latency <= LONGEST_LATENCY:
            raise BadAddress(f"SRT's latency is 0 to {round(1e3 * LONGEST_LATENCY)} (milliseconds)")
        if self.key_length not in KEY_LENGTHS:
            raise BadAddress("SRT's pbkeylen is 16, 24 or 32 (bytes)")


def parse(said: str) -> Address:
    """The address; its latency is in milliseconds, as libsrt has it. Raises BadAddress.

    A stream id may stand there as it is (#!::r=name,m=publish), or with %23 and so on.
    """
    place, _, query = said.partition("?")
    try:
        parts = urlsplit(place)
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        raise BadAddress("an SRT address names a host and a port: srt://host:port") from None
    if parts.scheme != SCHEME or parts.path.strip("/") or parts.username is not None:
        raise BadAddress("an SRT address is srt://host:port?streamid=...&passphrase=...&latency=...")
    told: dict[str, str] = {}
    for each in filter(None, query.split("&")):
        name, _, value = each.partition("=")
        told[name] = unquote(value)
    mode = told.pop("mode", MODES[0])
    if mode not in MODES:
        raise BadAddress(f"SRT's mode is {' or '.join(MODES)}")
    address = Address(
        host,
        port,
        told.pop("streamid", ""),
        told.pop("passphrase", ""),
        _number(told.pop("latency", "")) / 1e3 if "latency" in told else LATENCY,
        _number(told.pop("pbkeylen", "0")),
        mode == MODES[1],
    )
    if told.keys() - IGNORED:
        raise BadAddress("SRT's options here are streamid, passphrase, latency, pbkeylen and mode")
    return address


def joined(said: str, streamid: str, passphrase: str) -> str:
    """The address with these, where they are given, instead of its own."""
    more = {"streamid": streamid, "passphrase": passphrase}
    told = "&".join(f"{name}={quote(value, safe='')}" for name, value in more.items() if value)
    return f"{said}{'&' if '?' in said else '?'}{told}" if told else said


def _number(said: str) -> int:
    try:
        return int(said)
    except ValueError:
        raise BadAddress("SRT's latency and pbkeylen are whole numbers") from None
