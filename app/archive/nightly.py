"""A backup of each day in the bucket of the uploads: of the text, since the files lie there already."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, date, datetime

import structlog

from app.archive.backup import BackupProblem, backup
from app.archive.encrypting import encrypted
from app.archive.s3 import Bucket
from app.settings import Settings

log = structlog.get_logger(__name__)

LOOK = 600.0
"""Seconds between looks whether there is one of today."""


async def nightly(settings: Settings) -> None:
    """Has one made soon after each day has begun (UTC), until cancelled."""
    bucket = Bucket(settings)
    while True:
        try:
            if await asyncio.to_thread(made, settings, bucket, datetime.now(UTC).date()):
                log.info("today's backup is made")
        except (BackupProblem, OSError) as error:
            log.error("no backup could be made", error=str(error), again_in=LOOK)
        await asyncio.sleep(LOOK)


def made(settings: Settings, bucket: Bucket, day: date) -> bool:
    """Makes that day's where there is none; whether it had to. Encrypted where there is a recipient.

    Raises BackupProblem, OSError.
    """
    recipient = settings.backup_recipient
    address = f"s3://{bucket.name}/backups/{day}.tar" + (".age" if recipient else "")
    if bucket.has(address):
        return False
    with tempfile.TemporaryFile(dir=bucket.made_folder()) as file:
        with encrypted(file, recipient) as out:
            backup(settings, out, lambda _: None, files=False)
        file.seek(0)
        bucket.write(address, file)
    return True
