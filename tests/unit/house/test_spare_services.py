"""`make run` starts the archive too, and everything else where something is in its way."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from app import catalog
from app.native import plan, postgres
from app.native.checks import that_fit
from app.native.output import Lines
from app.native.plan import Launch
from app.native.state import RunFolder
from app.native.supervisor import Supervisor
from app.settings import Settings, load
from tests.stack import free_port, free_ports

ARCHIVE = {"db", "api", "transcriber"}
ANSWERS = """
import http.server, sys
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Healthy).serve_forever()
"""


def names(services: tuple[catalog.Service, ...]) -> set[str]:
    return {each.name for each in services}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a machine whose ports are all free."""
    return load({**free_ports(), "DATA_DIR": str(tmp_path)})


def test_the_archive_is_part_of_everything_here_and_not_in_containers(settings: Settings) -> None:
    assert names(plan.everything()) == names(catalog.select()) | ARCHIVE
    assert names(plan.chosen([])) == names(catalog.select())
    assert that_fit(plan.everything(), settings) == (plan.everything(), [])


def test_without_postgresql_the_rest_starts_and_one_line_says_so(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    services, (told,) = that_fit(plan.everything(), settings)
    assert names(services) == names(catalog.select())
    assert not told.fatal
    assert told.what.startswith("Started without db, api, transcriber: PostgreSQL is not on this machine")
    assert "\n" not in told.what


@pytest.mark.parametrize("variable", ["DB_PORT", "API_PORT"])
def test_a_port_that_somebody_has_keeps_only_the_archive_away(tmp_path: Path, variable: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        taken = load({**free_ports(), "DATA_DIR": str(tmp_path), variable: str(port)})
        services, (told,) = that_fit(plan.everything(), taken)
    assert names(services) == names(catalog.select())
    assert f"port {port}" in told.what
    assert variable in told.remedy


def test_a_port_of_the_others_that_is_given_twice_stays_a_problem_of_theirs(tmp_path: Path) -> None:
    port = str(free_port())
    twice = load({**free_ports(), "DATA_DIR": str(tmp_path), "WEB_PORT": port, "DUBBER_PORT": port})
    assert that_fit(plan.everything(), twice) == (plan.everything(), [])


def test_a_database_of_ones_own_takes_the_place_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    elsewhere = load({**free_ports(), "DATA_DIR": str(tmp_path), "DB_HOST": "db.example.org"})
    services, told = that_fit(plan.everything(), elsewhere)
    assert names(services) == names(catalog.select()) | {"api", "transcriber"}
    assert told == []


def test_a_model_that_nobody_asked_for_comes_when_it_is_wanted_and_goes(settings: Settings) -> None:
    launches = [
        plan.launch(catalog.get(name), settings, Path("m"), Path("c")) for name in ("asr", "transcriber")
    ]
    asr, transcriber = plan.spared(launches, settings)
    assert (asr.spare, dict(asr.variables)) == (False, {})
    assert (transcriber.spare, dict(transcriber.variables)) == (True, {"MODEL_TTL": "300"})
    kept = settings.model_copy(update={"model_ttl": 0.0})
    assert dict(plan.spared(launches, kept)[1].variables) == {}


def test_one_that_can_not_start_is_left_out_with_what_needs_it(settings: Settings) -> None:
    async def runs() -> tuple[int, set[str], set[str]]:
        url = f"http://127.0.0.1:{settings.web_port}"
        fails = (sys.executable, "-c", "raise SystemExit(3)")
        answers = (sys.executable, "-c", ANSWERS, str(settings.web_port))
        launches = [
            Launch(catalog.get("web"), answers, url, frozenset({200})),
            Launch(catalog.get("db"), fails, "postgres://127.0.0.1:1", frozenset({200}), spare=True),
            Launch(catalog.get("api"), answers, url, frozenset({200}), spare=True),
        ]
        folder = RunFolder(settings)
        folder.hold()
        supervisor, ready = Supervisor(launches, lines, folder), asyncio.Event()
        running = asyncio.create_task(supervisor.run(ready))
        await asyncio.wait_for(ready.wait(), 30)
        found = names(supervisor.services), set(folder.read()["services"])
        supervisor.ask_to_stop()
        status = await running
        folder.release()
        return status, *found

    said = Path(settings.data_dir, "said")
    with said.open("w") as stream:
        lines = Lines(("db", "api", "web"), stream=stream)
        assert asyncio.run(runs()) == (0, {"web"}, {"web"})
        lines.close()
    told = said.read_text()
    places = [
        told.index(part)
        for part in (
            "web is up",
            "db ended with exit code 3 before it was healthy: the others run without it",
            "api needs db: the others run without it",
        )
    ]
    assert places == sorted(places)
