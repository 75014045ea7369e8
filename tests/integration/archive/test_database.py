"""The tables: as the code knows them, never older than the data, made by one process. (DEP-1)"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text

from app.archive import database, migrate
from app.archive.database import DatabaseProblem
from app.archive.tables import Base
from app.settings import Settings
from tests.integration.archive.conftest import KEYS, Archive
from tests.stack import ROOT

SECONDS = 25


def test_the_tables_are_what_the_code_says(new_database: Settings) -> None:
    asyncio.run(migrate.ready(new_database))
    engine = create_engine(database.address(new_database))
    ours = {"include_name": lambda name, kind, _: kind != "table" or name in Base.metadata.tables}
    with engine.connect() as connection:
        options = {"compare_type": True, **ours}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
    engine.dispose()
    assert differences == []


def test_processes_that_start_at_once_make_the_tables_once(new_database: Settings) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(migrate.ready(new_database) for _ in range(4)))

    asyncio.run(all_at_once())
    asyncio.run(migrate.ready(new_database))


def test_a_database_newer_than_the_code_is_refused(new_database: Settings) -> None:
    asyncio.run(migrate.ready(new_database))
    engine = create_engine(database.address(new_database))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(DatabaseProblem, match="is newer than this Voicestack"):
        asyncio.run(migrate.ready(new_database))


def test_a_wrong_password_is_told_and_not_waited_for(new_database: Settings) -> None:
    wrong = new_database.model_copy(update={"db_user": "nobody-here"})
    with pytest.raises(DatabaseProblem, match="DB_USER"):
        asyncio.run(asyncio.wait_for(migrate.ready(wrong), 10))


def test_no_request_brings_api_down(archive: Archive, tmp_path: Path) -> None:
    archive.wait_healthy()
    address = f"http://127.0.0.1:{archive.settings.api_port}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
            *(
                "--checks",
                "not_a_server_error",
                "--header",
                f"Authorization: Bearer {KEYS[2]}",
            ),
            *("--include-path-regex", "^/api/v1", "--exclude-path-regex", "/events$"),
            *("--phases", "fuzzing", "--max-examples", "12", "--max-failures", "3"),
            *("--generation-deterministic", "--no-color", "--request-timeout", "10"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=SECONDS * 3,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert archive.healthy(archive.settings.api_port)
