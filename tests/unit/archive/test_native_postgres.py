"""PostgreSQL as `make run` starts it: on this machine alone, with a password of its own. (DEP-1)"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app import catalog
from app.archive import database
from app.native import plan, postgres
from app.native.checks import before_start
from app.settings import load

DAC_OVERRIDE = 1 << 1


def test_the_server_listens_on_this_machine_alone_on_its_port(tmp_path: Path) -> None:
    settings = load({"DATA_DIR": str(tmp_path), "DB_PORT": "6543", "BIND_ADDRESS": "0.0.0.0"})
    command = postgres.server(settings, Path("/bin"), ["as", "nobody"])
    assert command[:3] == ["as", "nobody", "/bin/postgres"]
    assert command[command.index("-D") + 1] == str(tmp_path / "postgres")
    assert command[command.index("-p") + 1] == "6543"
    assert command[command.index("-h") + 1] == "127.0.0.1"
    assert "unix_socket_directories=" in command


def test_its_programs_come_from_a_package() -> None:
    folder = postgres.binaries()
    assert (folder / "postgres").is_file()
    assert (folder / "initdb").is_file()


def test_the_made_password_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    settings = load({"DATA_DIR": str(tmp_path / "data")})
    assert database.password(settings) == ""
    made = database.made_password(settings)
    assert len(made) == 48
    assert database.made_password(settings) == database.password(settings) == made
    assert stat.S_IMODE(database.password_file(settings).stat().st_mode) == 0o600
    given = load({"DATA_DIR": str(tmp_path / "data"), "DB_PASSWORD": "given"})
    assert database.made_password(given) == "given"


def test_api_and_transcriber_bring_the_database_and_nothing_else_does() -> None:
    assert [each.name for each in plan.chosen(["api", "transcriber"])] == ["db", "api", "transcriber"]
    assert not {"db", "api", "transcriber"} & {each.name for each in catalog.select()}


def test_the_database_is_run_by_our_module_and_asked_as_postgres(tmp_path: Path) -> None:
    settings = load({"DB_PORT": "6543", "DATA_DIR": str(tmp_path)})
    how = plan.launch(catalog.get("db"), settings, Path("m"), Path("c"))
    assert how.command == (sys.executable, "-m", "app.native.postgres")
    assert how.health_url == "postgres://127.0.0.1:6543"
    # It needs our settings, where the media server gets none.
    assert plan.environment(catalog.get("db"), {"DB_PORT": "6543"})["DB_PORT"] == "6543"


def test_a_missing_postgres_is_told_before_anything_starts(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(postgres, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    problems = before_start((catalog.get("db"),), load({"DATA_DIR": str(tmp_path), "DB_PORT": "31999"}))
    assert any("PostgreSQL is not on this machine" in str(each) for each in problems)


@pytest.mark.skipif(os.geteuid() != 0, reason="is about root")
def test_programs_below_a_folder_of_roots_are_reached_by_a_user_with_no_other_right(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    look = (
        "import os, sys; "
        "caps = next(line for line in open('/proc/self/status') if line.startswith('CapEff')); "
        "print(os.geteuid(), int(caps.split()[1], 16), os.access(sys.argv[1], os.X_OK))"
    )
    found = subprocess.run(
        [*postgres.unprivileged(), sys.executable, "-c", look, program],
        capture_output=True,
        text=True,
        check=True,
    )

    user, rights, reached = found.stdout.split()
    assert int(user) != 0
    assert int(rights) == DAC_OVERRIDE
    assert reached == "True"
