"""Hundreds of connections that say nothing stop no service, however few descriptors it has."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.catalog import get
from tests.child import Child, answers
from tests.stack import free_ports

DESCRIPTORS = 256
SILENT = 300
WITHIN = 10.0
SAYINGS = (b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Half:")


PUBLISHER = {"action": "publish", "path": "live/news"}


@pytest.mark.parametrize("name", ["sales", "web", "dubber"])
def test_a_service_with_few_descriptors_still_answers(name: str, tmp_path: Path) -> None:
    ports = free_ports()
    port = int(ports[get(name).port("http").setting.upper()])
    command = ["sh", "-c", f"ulimit -n {DESCRIPTORS}; exec {sys.executable} -m app serve {name}"]
    extra = {**ports, "DATA_DIR": str(tmp_path)}
    address = f"http://127.0.0.1:{port}"
    child = Child(name, command, tmp_path / "log", lambda: answers(f"{address}/health"), extra)
    with child, ExitStack() as stack:
        silent = []
        for saying in (*SAYINGS,) * (SILENT // 2):
            silent.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), WITHIN)))
            silent[-1].sendall(saying)
        # Starting or degraded is an answer too.
        httpx.get(f"{address}/health", trust_env=False, timeout=WITHIN)
        if name == "dubber":
            asked = httpx.post(f"{address}/auth", json=PUBLISHER, trust_env=False, timeout=WITHIN)
            assert asked.status_code == 200
        assert silent[0].recv(1) == b""
    assert "Too many open files" not in child.log.read_text()
