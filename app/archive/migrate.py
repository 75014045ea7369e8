"""Brings the database's tables to what this version of the code needs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from app.archive import database
from app.archive.database import DatabaseProblem
from app.settings import Settings

log = structlog.get_logger(__name__)

LOCK = 0x766F696365
"""Number of the lock that one process alone migrates under; any would do."""


def configuration() -> Config:
    """Alembic's configuration: where the migrations are."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def revisions() -> set[str]:
    """All that this version of the code knows."""
    return {each.revision for each in ScriptDirectory.from_config(configuration()).walk_revisions()}


def migrate(settings: Settings) -> None:
    """Applies what is missing, in one transaction; other processes wait for it and find nothing to do.

    Raises DatabaseProblem where the database is newer than the code.
    """
    config = configuration()
    known = revisions()
    engine = create_engine(database.address(settings))
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                raise DatabaseProblem(
                    f"the database {settings.db_name} is newer than this Voicestack ({current} is "
                    f"not among {', '.join(sorted(known))}): run the newer one, or restore an older backup"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


async def ready(settings: Settings) -> None:
    """Returns once the database answers and has the tables. Raises DatabaseProblem."""
    while True:
        await database.wait(settings)
        try:
            await asyncio.to_thread(migrate, settings)
            return
        except OperationalError as error:
            log.warning("the database went away while its tables were made", error=str(error.orig))
            await asyncio.sleep(database.FIRST_WAIT)
