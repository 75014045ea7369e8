"""A reverse proxy for WebSockets: frames both ways, bounded, with close codes passed on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import EXTERNAL_CLOSE_CODES

from app.service import hide_credentials
from app.web.guard import Refused, safe_path

# A quarter of a second of 16 kHz sound is 16 kB as float32; a page sends far less in a frame.
MAX_FRAME_UP = 256 * 1024
MAX_FRAME_DOWN = 1024 * 1024
MAX_WAITING_FRAMES = 16
MAX_SOCKETS = 64
OPEN_WITHIN = 5.0
CLOSE_WITHIN = 2.0
# A service that leaves a frame lying for this long is too busy for the page's sound.
TAKEN_WITHIN = 10.0
MAX_REASON_BYTES = 123

POLICY_VIOLATION = 1008
TOO_BIG = 1009
TRY_AGAIN_LATER = 1013
BAD_GATEWAY = 1014
NO_STATUS = 1005
ABNORMAL = 1006

log = structlog.get_logger()


@dataclass(frozen=True)
class SocketUpstream:
    """A service's WebSockets behind the console.

    `address` begins with ws:// or wss://; `allows` says whether a path is passed on; `headers` gives what
    is sent along for a path.
    """

    name: str
    address: str
    allows: Callable[[str], bool]
    headers: Callable[[str], Mapping[str, str]] = lambda _: {}


class Sockets:
    """Passes WebSockets on to the services behind; at most MAX_SOCKETS at once."""

    def __init__(self) -> None:
        self._open = 0

    async def forward(self, browser: WebSocket, path: str, upstream: SocketUpstream) -> None:
        """Passes one connection on until either side ends it.

        An address that is not for the page is refused at the handshake (403). Where the service cannot be
        reached the connection is closed with 1014 and words for people; 1013 says that there are too many.
        """
        if not is_shown(path, upstream):
            await browser.close(POLICY_VIOLATION)
            return
        await browser.accept()
        if self._open >= MAX_SOCKETS:
            await close(browser, TRY_AGAIN_LATER, "the console has too many live connections; try again")
            return
        self._open += 1
        try:
            await self._connect(browser, path, upstream)
        finally:
            self._open -= 1

    async def _connect(self, browser: WebSocket, path: str, upstream: SocketUpstream) -> None:
        query = f"?{browser.url.query}" if browser.url.query else ""
        opening = connect(
            f"{upstream.address}/{safe_path(path) if path else ''}{query}",
            additional_headers=dict(upstream.headers(path)),
            compression=None,
            proxy=None,
            open_timeout=OPEN_WITHIN,
            close_timeout=CLOSE_WITHIN,
            max_size=MAX_FRAME_DOWN,
            max_queue=MAX_WAITING_FRAMES,
        )
        try:
            service = await opening
        except InvalidStatus as refusal:
            await close(browser, *answer_to(refusal.response.status_code, upstream.name))
            return
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
            log.info("socket not passed on", service=upstream.name, reason=hide_credentials(str(error)))
            await close(browser, BAD_GATEWAY, f"{upstream.name} cannot be reached")
            return
        async with service:
            await join(browser, service, upstream.name)


def is_shown(path: str, upstream: SocketUpstream) -> bool:
    """Whether the console passes that address on; the empty path is the service's own root."""
    try:
        return upstream.allows(path) and (not path or bool(safe_path(path)))
    except Refused:
        return False


def answer_to(status: int, name: str) -> tuple[int, str]:
    """Close code and words for a handshake that the service refused with an HTTP status."""
    if status in (429, 503):
        return TRY_AGAIN_LATER, f"{name} has no free place now"
    if status in (401, 403):
        return POLICY_VIOLATION, f"{name} refuses the console's key: set API_KEYS for both alike"
    if status == 404:
        return POLICY_VIOLATION, f"{name} has no such address"
    return BAD_GATEWAY, f"{name} answered {status}"


async def join(browser: WebSocket, service: ClientConnection, name: str) -> None:
    """Carries frames both ways. Each waits until the other side took the last: nothing piles up here."""
    up = asyncio.create_task(carry_up(browser, service, name))
    down = asyncio.create_task(carry_down(browser, service))
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
    finally:
        up.cancel()
        down.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
    if browser.application_state is WebSocketState.CONNECTED:
        code, reason = service.close_code, service.close_reason
        await close(browser, code if code is not None else ABNORMAL, reason or "")


async def carry_up(browser: WebSocket, service: ClientConnection, name: str) -> None:
    """From the page to the service; closes the service's side as the page closed its own."""
    try:
        while True:
            message = await browser.receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code") or NO_STATUS
                await service.close(sendable(code), shorten(message.get("reason") or ""))
                return
            frame: bytes | str = message["bytes"] if message.get("bytes") is not None else message["text"]
            if len(frame) > MAX_FRAME_UP:
                await close(browser, TOO_BIG, f"a message is larger than {MAX_FRAME_UP} bytes")
                await service.close(sendable(ABNORMAL))
                return
            async with asyncio.timeout(TAKEN_WITHIN):
                await service.send(frame)
    except TimeoutError:
        await close(browser, TRY_AGAIN_LATER, f"{name} takes nothing more: it is too busy")
        service.transport.abort()
    except (ConnectionClosed, WebSocketDisconnect, RuntimeError):
        # The other direction sees why, and ends both.
        await service.wait_closed()


async def carry_down(browser: WebSocket, service: ClientConnection) -> None:
    """From the service to the page."""
    try:
        async for frame in service:
            if isinstance(frame, str):
                await browser.send_text(frame)
            else:
                await browser.send_bytes(frame)
    except ConnectionClosed:
        return
    except (WebSocketDisconnect, RuntimeError):
        await service.close(1001)


async def close(browser: WebSocket, code: int, reason: str) -> None:
    """Closes the page's side; a page that has gone already is left alone."""
    try:
        await browser.close(sendable(code), shorten(reason))
    except (RuntimeError, WebSocketDisconnect):
        return


def sendable(code: int) -> int:
    """A close code that may stand on the wire: no status is a normal end, a broken line is 1014."""
    if code == NO_STATUS:
        return 1000
    if code in EXTERNAL_CLOSE_CODES or 3000 <= code < 5000:
        return int(code)
    return BAD_GATEWAY


def shorten(reason: str) -> str:
    """A reason within the 123 bytes that a close frame has room for."""
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
