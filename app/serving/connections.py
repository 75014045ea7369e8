"""What a connection may do without getting anywhere: be silent, send half a request, leave an answer unread.

uvicorn's own protocols, each with a look at it every LOOK_EVERY seconds; and how many connections and
descriptors a process has.
"""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress

import h11
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.serving.keepalive import PatientWebSockets
from app.serving.quick import Quick

LOOK_EVERY = 1.0
HEAD_WITHIN = 10.0
"""A request's head is there this long after the connection was made or the last answer ended."""
BODY_SILENCE = 30.0
"""Nothing of a request's body that is not there yet arrives for this long."""
TAKEN_WITHIN = 20.0
"""Nothing of what waits to be sent is taken for this long."""
MOST_CONNECTIONS = 1024
"""Of a process, where its application has no other number as `state.most_connections`."""
MOST_DESCRIPTORS = 65_536
FULL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 2\r\nconnection: close\r\n\r\n"


class Watched(asyncio.Protocol):
    """A connection whose peer has to take what it is sent. Comes before a protocol of uvicorn."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to look."""
        super().connection_made(transport)
        self._untaken = 0
        self._taken_at = self.loop.time()
        self._next_look = self.loop.call_later(LOOK_EVERY, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Looks no longer."""
        self._next_look.cancel()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """The peer has taken a good deal."""
        self._taken_at = self.loop.time()
        super().resume_writing()

    def _look(self) -> None:
        # Closing waits until everything is sent: only aborting ends a connection whose peer reads nothing.
        if self.is_over(self.loop.time()):
            self.transport.abort()
        else:
            self._next_look = self.loop.call_later(LOOK_EVERY, self._look)

    def is_over(self, now: float) -> bool:
        """Whether the peer has left lying what it was sent for too long."""
        waiting = self.transport.get_write_buffer_size()
        if waiting == 0 or waiting < self._untaken:
            self._taken_at = now
        self._untaken = waiting
        return now - self._taken_at >= TAKEN_WITHIN


class PatientHttp(Watched, H11Protocol):
    """HTTP for those who send their requests and take their answers; where there are too many connections
    the one that has said nothing for longest makes room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the connection, or refuses it where all others are being answered."""
        super().connection_made(transport)
        self._waits_since = self._heard_at = self.loop.time()
        most = most_connections(getattr(self._state, "most_connections", None))
        if len(self.connections) <= most:
            return
        # One that is made to leave stays among them until the loop's next turn.
        staying = [each for each in self.connections if not each.transport.is_closing()]
        if len(staying) <= most:
            return
        quiet = [
            each
            for each in staying
            if isinstance(each, PatientHttp) and each is not self and not each.is_answered
        ]
        if quiet:
            min(quiet, key=lambda each: each._heard_at).transport.abort()
            return
        self.transport.write(FULL)
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Notes that the peer says something, and answers at once what can be."""
        self._heard_at = self.loop.time()
        if not self._answer_at_once(data):
            super().data_received(data)

    def _answer_at_once(self, data: bytes) -> bool:
        """Answers a request that the application has an answer in memory for; says whether it did."""
        quick: Quick | None = getattr(self._state, "quick", None)
        if quick is None or not self._is_at_rest or self.transport.is_closing():
            return False
        answer = quick.answer(data, self.server_state.default_headers, self._client_of)
        if answer is None:
            return False
        self._unset_keepalive_if_required()
        self.server_state.total_requests += 1
        self.transport.write(answer)
        self._waits_since = self._heard_at
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )
        return True

    @property
    def _state(self) -> object:
        """What the application says of how it is served; None where it says nothing."""
        return getattr(self.config.app, "state", None)

    def _client_of(self, forwarded: str) -> str:
        """Who asks, as uvicorn tells the application."""
        host = self.client[0] if self.client else ""
        proxies = self.config.loaded_app
        if forwarded and isinstance(proxies, ProxyHeadersMiddleware) and host in proxies.trusted_hosts:
            return proxies.trusted_hosts.get_trusted_client_address(forwarded)[0] or host
        return host

    @property
    def _is_at_rest(self) -> bool:
        """Whether nothing is asked, not even in part, and everything that was answered is taken."""
        return (
            not self.has_request
            and self.conn.states == {h11.CLIENT: h11.IDLE, h11.SERVER: h11.IDLE}
            and not self.conn.trailing_data[0]
            and self.transport.get_write_buffer_size() == 0
        )

    def on_response_complete(self) -> None:
        """Waits for the next request from now on."""
        self._waits_since = self.loop.time()
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: object) -> None:
        """Hands the connection over to the WebSocket's own protocol."""
        self._next_look.cancel()
        super().handle_websocket_upgrade(event)  # type: ignore[arg-type]

    @property
    def has_request(self) -> bool:
        """Whether there is the head of a request that is not answered yet."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def is_answered(self) -> bool:
        """Whether a whole request is there, and its answer under way."""
        return self.has_request and not self.cycle.more_body

    def is_over(self, now: float) -> bool:
        """Whether the peer has been silent, or has taken nothing, for too long."""
        if super().is_over(now):
            return True
        if not self.has_request:
            return self._untaken == 0 and now - self._waits_since >= HEAD_WITHIN
        if self.cycle.more_body and (self.flow.read_paused or self.cycle.waiting_for_100_continue):
            self._heard_at = now  # it waits for us
        return self.cycle.more_body and now - self._heard_at >= BODY_SILENCE


class PatientSocket(Watched, PatientWebSockets):
    """WebSockets for those who read. Pings find out the others, and then wait for them to read."""


def most_connections(wanted: int | None = None) -> int:
    """How many connections a process has at most: half of its descriptors are for everything else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted or MOST_CONNECTIONS
    return most if soft == resource.RLIM_INFINITY else min(most, soft // 2)


def raise_descriptors() -> None:
    """Lets this process, and those that it starts, have as many descriptors as the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS permits less than it says.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
