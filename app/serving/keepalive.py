"""WebSockets whose peers are looked for without wronging one that is not being read, and let go for good."""

from __future__ import annotations

from asyncio import TimerHandle

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class PatientWebSockets(WebSocketsSansIOProtocol):
    """uvicorn's WebSockets; a pong may be late where it is behind what else the peer sent.

    Whoever sends much is read at the pace of the work on it, so that its pong waits behind its sound.
    Anything that came since the ping is as good a sign of life, and while nothing is read none can come.
    """

    _came = False
    _last: TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Notes that the peer lives, and takes in what it sent."""
        self._came = True
        super().data_received(data)

    def send_keepalive_ping(self) -> None:
        """Asks whether the peer lives."""
        self._came = False
        super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        """No pong in time: waits on for a peer that lives or is not read, else closes."""
        if (self._came or self.read_paused) and self.ping_timeout is not None:
            self._came = False
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
            return
        super().keepalive_timeout()

    async def run_asgi(self) -> None:
        """Serves the peer; one that does not even take the last words in then is cut off."""
        await super().run_asgi()
        if self in self.connections:
            self._last = self.loop.call_later(self.close_timeout, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        if self._last is not None:
            self._last.cancel()
        super().connection_lost(exc)
