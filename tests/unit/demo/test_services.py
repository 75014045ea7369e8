"""The demo's services: one that can't start says why."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app.demo.services import Part, Services, ServicesError
from app.settings import load
from tests.stack import free_port, free_ports


def test_services_that_do_not_start_say_why_and_leave_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {
            **free_ports(),
            "STS_PORT": str(taken.getsockname()[1]),
            "DATA_DIR": str(tmp_path / "data"),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        services = Services(load(environment), tmp_path / "out" / "services.log", {})
        with pytest.raises(ServicesError, match="did not start") as failure, services:
            pass
    assert environment["STS_PORT"] in str(failure.value)
    assert services.health() is None


class Healthy(BaseHTTPRequestHandler):
    """Somebody's service that is fine."""

    def do_GET(self) -> None:
        """Answers."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def test_services_that_run_elsewhere_are_used_where_what_is_beside_them_is_out_of_reach(
    tmp_path: Path,
) -> None:
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever).start()
        there = {
            "COMMENTARY_URL": f"http://127.0.0.1:{server.server_port}",
            "DUBBER_PORT": str(free_port()),
        }
        part = Part("commentary_address", ("run", "nothing"), beside=("dubber_address",))
        with Services(load(there), tmp_path / "services.log", {}, part) as services:
            assert not services.are_ours
        server.shutdown()
    assert services.health() is None
