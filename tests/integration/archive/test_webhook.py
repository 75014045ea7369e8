"""A webhook is told of what is done: signed, by the same id until it is taken (TRN-7)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import async_sessionmaker

from app.api.webhook import WAITS, Webhook
from app.archive import database
from tests.integration.archive.conftest import Archive, Owner, speech

SECRET = "a-secret-for-tests"


class Receiver(HTTPServer):
    """Somebody's own server: it answers with the statuses it is given, 204 after that."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.statuses: list[int] = []
        self.taken: list[tuple[dict[str, str], bytes]] = []


class Taking(BaseHTTPRequestHandler):
    """Notes what is sent."""

    server: Receiver

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append(({name.lower(): value for name, value in self.headers.items()}, content))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.send_response(status)
        if status == 307:
            self.send_header("location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that listens."""
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def with_webhook(archive: Archive, port: int, work: Callable[[Webhook], Coroutine[Any, Any, None]]) -> None:
    """Does it with a webhook as api has it."""

    async def working() -> None:
        url = f"http://127.0.0.1:{port}/hook"
        given = {"webhook_url": url, "webhook_secret": SecretStr(SECRET)}
        pool = database.new_engine(archive.settings)
        webhook = Webhook(
            archive.settings.model_copy(update=given), async_sessionmaker(pool, expire_on_commit=False)
        )
        try:
            async with webhook.client:
                await work(webhook)
        finally:
            await pool.dispose()

    asyncio.run(working())


def finished(archive: Archive, owner: Owner) -> str:
    """A transcript that is done and that nobody was told of; of all others somebody was."""
    known = owner.uploaded(speech())
    owner.done(known)
    archive.rows("UPDATE transcripts SET announced = (id <> %s) RETURNING id", known)
    return known


def deliveries(archive: Archive, known: str) -> list[dict[str, Any]]:
    return archive.rows("SELECT * FROM deliveries WHERE transcript_id = %s", known)


async def both(webhook: Webhook) -> None:
    await webhook.write_down()
    await webhook.send_due()


def test_it_is_sent_under_the_same_id_until_it_is_taken(
    archive: Archive, owner: Owner, receiver: Receiver
) -> None:
    known = finished(archive, owner)
    receiver.statuses = [500]
    with_webhook(archive, receiver.server_port, both)
    (waiting,) = deliveries(archive, known)
    assert (waiting["ended"], waiting["attempts"], waiting["problem"]) == (False, 1, "HTTP 500")
    with_webhook(archive, receiver.server_port, both)
    assert len(receiver.taken) == 1, "not before its time"
    archive.rows("UPDATE deliveries SET next_at = now() WHERE id = %s RETURNING id", waiting["id"])
    with_webhook(archive, receiver.server_port, both)
    (sent,) = deliveries(archive, known)
    assert (sent["ended"], sent["attempts"], sent["problem"]) == (True, 2, "")
    with_webhook(archive, receiver.server_port, both)

    (first, content), (second, again) = receiver.taken
    assert first["webhook-id"] == second["webhook-id"] == str(sent["id"])
    assert content == again
    told = json.loads(content)
    assert told["type"] == "transcript.done"
    assert told["data"]["id"] == known
    assert "segments" not in told["data"]
    for headers, exact in receiver.taken:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + exact
        digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(("status", "attempts"), [(410, 0), (500, len(WAITS))])
def test_it_is_given_up_where_it_is_never_wanted(
    archive: Archive, owner: Owner, receiver: Receiver, status: int, attempts: int
) -> None:
    known = finished(archive, owner)
    receiver.statuses = [status]
    with_webhook(archive, receiver.server_port, note)
    archive.rows("UPDATE deliveries SET attempts = %s WHERE transcript_id = %s RETURNING id", attempts, known)
    with_webhook(archive, receiver.server_port, send)
    (given_up,) = deliveries(archive, known)
    assert given_up["ended"]
    assert given_up["problem"] == f"HTTP {status}"


async def send(webhook: Webhook) -> None:
    await webhook.send_due()


async def note(webhook: Webhook) -> None:
    await webhook.write_down()


def test_it_goes_nowhere_that_the_receiver_names(archive: Archive, owner: Owner, receiver: Receiver) -> None:
    known = finished(archive, owner)
    receiver.statuses = [307]
    with_webhook(archive, receiver.server_port, both)
    assert len(receiver.taken) == 1
    assert deliveries(archive, known)[0]["problem"] == "HTTP 307"


def test_nobody_there_is_tried_again(archive: Archive, owner: Owner) -> None:
    known = finished(archive, owner)
    with_webhook(archive, 1, both)
    (waiting,) = deliveries(archive, known)
    assert not waiting["ended"]
    assert waiting["next_at"] > waiting["made_at"]
