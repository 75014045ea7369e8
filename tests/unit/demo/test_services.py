"""The demo's services: one that can't start says why."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.demo.services import Services, ServicesError
from app.settings import load
from tests.stack import free_ports


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
