"""Base images of the mirror behave like the originals; each test runs a real container."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools import mirror, registry

POSTGRES = "postgres:15"
Start = Callable[..., str]


def docker(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, input=given, timeout=300, check=False
    )


@pytest.fixture(scope="module", autouse=True)
def base_images() -> None:
    mirror.ensure(extra=True)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a container with these arguments and gives its name; all are removed in the end."""
    names: list[str] = []

    def run(*arguments: str) -> str:
        name = f"mirror-test-{secrets.token_hex(4)}"
        names.append(name)
        done = docker("run", "--detach", "--name", name, *arguments)
        assert done.returncode == 0, done.stderr
        return name

    yield run
    for name in names:
        docker("rm", "--force", "--volumes", name)


def query(name: str, user: str, password: str, database: str, sql: str) -> str:
    """What the database answers over TCP, once it accepts connections."""
    deadline = time.monotonic() + 60
    while True:
        done = docker(
            "exec", "--env", f"PGPASSWORD={password}", name,
            "psql", "-h", "127.0.0.1", "-U", user, "-d", database, "-Atc", sql,
        )  # fmt: skip
        if done.returncode == 0:
            return done.stdout.strip()
        assert time.monotonic() < deadline, done.stderr + docker("logs", name).stderr
        time.sleep(0.3)


def test_postgres_makes_the_user_and_the_database_that_its_variables_name(start: Start) -> None:
    name = start(
        "-e", "POSTGRES_USER=ana", "-e", "POSTGRES_PASSWORD=it's secret", "-e", "POSTGRES_DB=calls", POSTGRES
    )
    assert (
        query(name, "ana", "it's secret", "calls", "SELECT current_user, current_database()") == "ana|calls"
    )
    wrong = docker(
        "run", "--rm", "--network", f"container:{name}", "-e", "PGPASSWORD=wrong", "--entrypoint", "psql",
        POSTGRES, "-h", "127.0.0.1", "-U", "ana", "-d", "calls", "-c", "SELECT 1",
    )  # fmt: skip
    address = docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name).stdout.strip()
    refused = docker(
        "run", "--rm", "-e", "PGPASSWORD=wrong", "--entrypoint", "psql",
        POSTGRES, "-h", address, "-U", "ana", "-d", "calls", "-c", "SELECT 1",
    )  # fmt: skip
    assert wrong.returncode == 0, "as in the original, the container's own loopback is trusted"
    assert "password authentication failed" in refused.stderr


def test_postgres_refuses_to_start_without_a_password() -> None:
    done = docker("run", "--rm", POSTGRES)
    assert done.returncode == 1
    assert "POSTGRES_PASSWORD" in done.stderr


def test_postgres_lets_everyone_in_where_that_is_asked_for(start: Start) -> None:
    name = start("-e", "POSTGRES_HOST_AUTH_METHOD=trust", POSTGRES)
    assert query(name, "postgres", "", "postgres", "SELECT 1") == "1"


def test_postgres_runs_the_init_folder_once_and_keeps_data_over_a_new_container(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "1.sql").write_text("CREATE TABLE notes (text text); INSERT INTO notes VALUES ('one');")
    (tmp_path / "2.sh").write_text(
        'psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "INSERT INTO notes VALUES (\'two\')"'
    )
    tmp_path.chmod(0o755)
    volume = f"mirror-test-{secrets.token_hex(4)}"
    options = (
        "-e", "POSTGRES_USER=app", "-e", "POSTGRES_PASSWORD=x", "-e", "POSTGRES_DB=app",
        "-v", f"{volume}:/var/lib/postgresql/data", "-v", f"{tmp_path}:/docker-entrypoint-initdb.d:ro",
        POSTGRES,
    )  # fmt: skip
    try:
        first = start(*options)
        asked = "SELECT string_agg(text, ',' ORDER BY text) FROM notes"
        assert query(first, "app", "x", "app", asked) == "one,two"
        assert docker("stop", "--time", "30", first).returncode == 0
        assert docker("inspect", "-f", "{{.State.ExitCode}}", first).stdout.strip() == "0"
        assert "received fast shutdown request" in docker("logs", first).stderr
        docker("rm", "--force", first)
        assert query(start(*options), "app", "x", "app", asked) == "one,two"
    finally:
        for name in docker("ps", "-aq", "--filter", f"volume={volume}").stdout.split():
            docker("rm", "--force", name)
        docker("volume", "rm", volume)


def test_postgres_runs_as_its_own_user_with_a_closed_data_folder(start: Start) -> None:
    name = start("-e", "POSTGRES_PASSWORD=x", POSTGRES)
    query(name, "postgres", "x", "postgres", "SELECT 1")
    folder = docker("exec", name, "stat", "-c", "%U %a", "/var/lib/postgresql/data").stdout.strip()
    assert folder == "postgres 700"
    assert docker("exec", name, "stat", "-c", "%U", "/proc/1").stdout.strip() == "postgres"


def test_programs_say_their_versions() -> None:
    asked = {"mediamtx": "--version", "livekit": "--version", "caddy": "version"}
    for base in mirror.BASES:
        if base.recipe in asked:
            done = docker("run", "--rm", base.name, asked[base.recipe])
            assert base.contents in done.stdout + done.stderr


def test_every_image_that_was_made_here_is_there_for_its_platforms() -> None:
    made = mirror.made_before()
    for base in mirror.BASES:
        if base.name in made:
            assert registry.platforms(base.repository, base.tag) >= base.platforms


def test_a_second_run_makes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    mirror.ensure(extra=True)
    assert " …" not in capfd.readouterr().out
