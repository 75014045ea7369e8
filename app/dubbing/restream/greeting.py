"""Whether somebody who speaks RTMP answers at an address, asked before FFmpeg is, which waits without end.

The first two chunks of the handshake: https://rtmp.veriskope.com/docs/spec/#52handshake
"""

from __future__ import annotations

import os
import socket
import ssl
from urllib.parse import urlsplit

VERSION = 3
CHUNK = 1536
PORTS = {"rtmp": 1935, "rtmps": 443}


class NoAnswer(Exception):
    """Nobody answers there, or not as RTMP does. The message says which, without the address."""


def greet(address: str, within: float) -> None:
    """Connects, says hello, waits for the answer and goes. `within` is in seconds, for each step.

    Raises NoAnswer.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        with socket.create_connection((host, port), within) as plain:
            if parts.scheme == "rtmp":
                _hello(plain)
                return
            with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure:
                _hello(secure)
    except TimeoutError:
        raise NoAnswer(f"it does not answer within {within:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise NoAnswer(f"its certificate is not good: {error.verify_message}") from None
    except OSError as error:
        raise NoAnswer(error.strerror or type(error).__name__) from None


def _hello(connection: socket.socket) -> None:
    connection.sendall(bytes([VERSION]) + bytes(8) + os.urandom(CHUNK - 8))
    first = connection.recv(1)
    if first != bytes([VERSION]):
        raise NoAnswer("what answers there is no RTMP server" if first else "it closed the connection")
