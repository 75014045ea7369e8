"""WEBHOOK_URL is told of each transcript that is done or has failed, signed as Standard Webhooks has it.

https://www.standardwebhooks.com: the headers webhook-id, webhook-timestamp and webhook-signature. What is
told is written down before it is sent, and sent until somebody takes it: by the same id, to be known again.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx
import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from app.api.messages import TranscriptView
from app.archive.tables import Delivery, State, Transcript
from app.archive.transcripts import Sessions
from app.service import hide_credentials
from app.settings import Settings

log = structlog.get_logger(__name__)

LOOK = 1.0
AT_ONCE = 20
ANSWER_WITHIN = 15.0
ENDED = (State.DONE, State.FAILED)
WAITS = (5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)
"""Seconds before each next attempt; after the last it is given up."""
GONE = 410
"""The receiver's word for: never again."""
PREFIX = "whsec_"


class Webhook:
    """What is to be told, and telling it."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self.url = settings.webhook_url
        self.secret = settings.webhook_secret.get_secret_value()
        self.sessions = sessions
        # To the address that the operator named, and to no other that it may name.
        self.client = httpx.AsyncClient(timeout=ANSWER_WITHIN, follow_redirects=False)

    async def run(self) -> None:
        """Tells what there is to tell, until cancelled."""
        async with self.client:
            while True:
                try:
                    await self.write_down()
                    await self.send_due()
                except OperationalError as error:
                    log.warning("the webhook waits for the database", error=str(error.orig))
                await asyncio.sleep(LOOK)

    async def write_down(self) -> int:
        """Writes down what is to be told of transcripts that have ended; how many."""
        async with self.sessions.begin() as session:
            ended = await session.scalars(
                select(Transcript)
                .where(~Transcript.announced, Transcript.state.in_(ENDED), Transcript.deleted_at.is_(None))
                .limit(AT_ONCE)
                .with_for_update(skip_locked=True)
            )
            found = ended.all()
            for each in found:
                each.announced = True
                session.add(Delivery(id=uuid.uuid4(), transcript_id=each.id, body=body(each)))
            return len(found)

    async def send_due(self) -> None:
        """Sends everything whose time has come."""
        async with self.sessions() as session:
            due = await session.scalars(
                select(Delivery)
                .where(~Delivery.ended, Delivery.next_at <= datetime.now(UTC))
                .order_by(Delivery.next_at)
                .limit(AT_ONCE)
            )
            found: Sequence[Delivery] = due.all()
        for each in found:
            problem = await self.send(each)
            async with self.sessions.begin() as session:
                await session.execute(
                    update(Delivery).where(Delivery.id == each.id).values(**after(each.attempts, problem))
                )
            if problem:
                log.warning("the webhook was not taken", delivery=str(each.id), reason=problem)

    async def send(self, delivery: Delivery) -> str:
        """Sends it; what went wrong, or nothing."""
        now = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": str(delivery.id),
            "webhook-timestamp": str(now),
        }
        if self.secret:
            headers["webhook-signature"] = signature(self.secret, str(delivery.id), now, delivery.body)
        try:
            answer = await self.client.post(self.url, content=delivery.body.encode(), headers=headers)
        except httpx.HTTPError as error:
            return hide_credentials(str(error)) or type(error).__name__
        return "" if answer.is_success else f"HTTP {answer.status_code}"


async def nothing_to_tell(sessions: Sessions) -> None:
    """Where there is no webhook: what ends now is not told by one that comes later."""
    async with sessions.begin() as session:
        await session.execute(
            update(Transcript)
            .where(~Transcript.announced, Transcript.state.in_(ENDED))
            .values(announced=True)
        )


def body(found: Transcript) -> str:
    """What is told of a transcript: all but its text."""
    told = {
        "type": f"transcript.{found.state}",
        "timestamp": found.changed_at.isoformat(),
        "data": json.loads(TranscriptView.of(found, None).model_dump_json()),
    }
    return json.dumps(told, separators=(",", ":"))


def after(attempts: int, problem: str) -> dict[str, object]:
    """What is noted after an attempt, which followed so many others."""
    over = not problem or problem == f"HTTP {GONE}" or attempts >= len(WAITS)
    noted: dict[str, object] = {"attempts": attempts + 1, "problem": problem, "ended": over}
    if not over:
        noted["next_at"] = datetime.now(UTC) + timedelta(seconds=WAITS[attempts])
    return noted


def signature(secret: str, delivery: str, timestamp: int, content: str) -> str:
    """The signature of exactly these bytes; after whsec_ a secret is base64, any other is itself."""
    key = base64.b64decode(secret.removeprefix(PREFIX)) if secret.startswith(PREFIX) else secret.encode()
    signed = hmac.new(key, f"{delivery}.{timestamp}.{content}".encode(), hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"
