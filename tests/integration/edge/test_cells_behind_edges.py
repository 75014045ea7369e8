"""Two cells, each behind an edge of its own: they ask each other over HTTPS, as on AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.native.edge import folder_of
from tests.authority import authority, pem
from tests.integration.edge.conftest import KEY, LIGHT, Edge
from tests.stack import Stack, free_port, wait_for

NEWS, MATCH = "news", "match"


def write_authority(folder: Path, key: ec.EllipticCurvePrivateKey, root: x509.Certificate) -> None:
    """Puts an authority where an edge has its own: it goes by that one."""
    folder.mkdir(parents=True)
    (folder / "root.crt").write_bytes(pem(root))
    (folder / "root.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Edge]]:
    """Two of them, with accounts, whose edges have certificates of one authority, which is in no list."""
    folder, ports, (key, root) = tmp_path_factory.mktemp("cells"), [free_port(), free_port()], authority()
    (trusted := folder / "root.crt").write_bytes(pem(root))
    with ExitStack() as started:
        made = []
        for number, (own, other) in enumerate((ports, ports[::-1])):
            given = {
                "API_KEYS": KEY,
                "EDGE_HTTPS_PORT": str(own),
                "CELLS": f"https://localhost:{other}/api/dubber",
                "SSL_CERT_FILE": str(trusted),
            }
            stack = Stack(folder / str(number), ("edge",), LIGHT | given)
            write_authority(folder_of(stack.settings) / "pki/authorities/local", key, root)
            started.enter_context(stack)
            stack.login("ana", "correct horse battery staple")
            made.append(Edge(stack, trusted))
        yield made


def place(cell: Edge, stream: str) -> int:
    """The RTMP port of the cell that one of them names for a stream."""
    answer = cell.http.get(f"/api/dubber/ingest/{stream}", headers={"Authorization": f"Bearer {KEY}"})
    found: dict[str, Any] = answer.raise_for_status().json()
    return httpx.URL(found["publish"]["rtmp"]).port or 1935


def test_streams_are_shared_out_by_those_who_come_with_a_key(cells: list[Edge]) -> None:
    ports = {each.stack.settings.media_rtmp_port for each in cells}
    assert {place(cells[0], NEWS), place(cells[0], MATCH)} == ports
    assert cells[0].http.get(f"/api/dubber/ingest/{NEWS}").status_code == 401
    assert cells[1].http.get("/api/dubber/cell").status_code == 401


def test_each_knows_what_the_other_has(cells: list[Edge]) -> None:
    home = cells[1].stack.settings.media_rtmp_port
    with cells[1].stack.sample(NEWS):
        wait_for("the stream", lambda: f"live/{NEWS}" in cells[1].stack.ready_paths(), 30.0)
        assert [place(each, NEWS) for each in cells] == [home, home]


def test_without_its_console_a_cell_is_passed_over(cells: list[Edge]) -> None:
    cells[1].stack.kill("edge")
    own = cells[0].stack.settings.media_rtmp_port
    assert {place(cells[0], name) for name in ("a", "b", "c")} == {own}
    assert "a cell is passed over" in cells[0].stack.log_of("dubber").read_text(encoding="utf-8")
