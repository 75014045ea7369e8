"""The connection to PostgreSQL: where it is, who we are there, and waiting until it answers."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.settings import Settings

log = structlog.get_logger(__name__)

FIRST_WAIT = 0.2
LONGEST_WAIT = 5.0
CONNECT_WITHIN = 5
NO_SUCH_DATABASE = "3D000"
"""PostgreSQL's error code (invalid_catalog_name), see its appendix A."""


class DatabaseProblem(RuntimeError):
    """The database can't be used. The message says why, and what to do."""


def password_file(settings: Settings) -> Path:
    """Where `make run` keeps the password that it made for its own PostgreSQL."""
    return settings.data_dir.absolute() / "postgres.password"


def password(settings: Settings) -> str:
    """DB_PASSWORD, or that of the PostgreSQL that `make run` starts; empty where there is neither."""
    given = settings.db_password.get_secret_value()
    if given:
        return given
    try:
        return password_file(settings).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def made_password(settings: Settings) -> str:
    """The same, made and kept (readable by its owner alone) where there is none yet."""
    if not password(settings):
        path = password_file(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(24) + "\n")
    return password(settings)


def address(settings: Settings, database: str = "") -> URL:
    """SQLAlchemy's address of the database."""
    return URL.create(
        "postgresql+psycopg",
        username=settings.db_user,
        password=password(settings) or None,
        host=settings.db_host,
        port=settings.db_port,
        database=database or settings.db_name,
    )


def plain_address(settings: Settings, database: str = "") -> str:
    """The same as libpq reads it."""
    whole = address(settings, database).set(drivername="postgresql")
    return whole.render_as_string(hide_password=False)


def new_engine(settings: Settings) -> AsyncEngine:
    """A pool of connections; one that PostgreSQL has closed meanwhile is replaced before it is used."""
    return create_async_engine(
        address(settings),
        pool_pre_ping=True,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        connect_args={"connect_timeout": CONNECT_WITHIN},
    )


async def wait(settings: Settings) -> None:
    """Returns once the database answers; makes it where its server has none of that name.

    Waits as long as it takes where nobody answers, and says so. Raises DatabaseProblem where the server
    refuses.
    """
    where = f"{settings.db_host}:{settings.db_port}/{settings.db_name}"
    delay = FIRST_WAIT
    while True:
        try:
            await _try(settings)
            return
        except psycopg.OperationalError as error:
            refused = refusal(str(error), settings)
            if refused:
                raise DatabaseProblem(refused) from None
            log.warning("waiting for the database", database=where, again_in=round(delay, 1))
        await asyncio.sleep(delay)
        delay = min(LONGEST_WAIT, delay * 2)


async def _try(settings: Settings) -> None:
    try:
        await _connect(settings)
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error) or f'database "{settings.db_name}"' not in str(error):
            raise
        await make(settings)


async def _connect(settings: Settings) -> None:
    connection = await psycopg.AsyncConnection.connect(
        plain_address(settings), connect_timeout=CONNECT_WITHIN
    )
    await connection.close()


async def make(settings: Settings) -> None:
    """Makes the database. Raises psycopg's errors."""
    connection = await psycopg.AsyncConnection.connect(
        plain_address(settings, "postgres"), connect_timeout=CONNECT_WITHIN, autocommit=True
    )
    async with connection:
        try:
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(settings.db_name)))
            log.info("database made", database=settings.db_name)
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            # Another process of ours was first.
            pass


def refusal(error: str, settings: Settings) -> str:
    """What to do where a server answers and refuses; empty where it may answer later."""
    if "password authentication failed" in error or "no password supplied" in error:
        return (
            f"PostgreSQL at {settings.db_host}:{settings.db_port} refuses the user {settings.db_user}: "
            "set DB_USER and DB_PASSWORD to what it knows"
        )
    if "role" in error and "does not exist" in error:
        return f"PostgreSQL has no user {settings.db_user}: set DB_USER"
    return ""
