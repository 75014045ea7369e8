"""A replica before a real HTTP server: what viewers are given both ways, and what never gets to the cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient

from app.replica.service import create
from app.settings import load
from tests.browser.servers import serving
from tests.stack import free_port

PAGE = "https://player.example.org"
LINK = f"1800000000.{64 * 'a'}"
HEAD = b"GET %b HTTP/1.1\r\nHost: testserver\r\nOrigin: %b\r\n\r\n"


@pytest.fixture
def asked() -> Counter[str]:
    """What the cell was asked for."""
    return Counter()


@pytest.fixture
def replica(asked: Counter[str]) -> Iterator[TestClient]:
    """A replica of a cell that has /all/news alone, and one piece of it behind a link."""
    cell, port = FastAPI(), free_port()

    @cell.get("/{path:path}")
    def answer(path: str, request: Request) -> Response:
        asked[f"/{path}"] += 1
        caching = {"cache-control": "public, max-age=31536000, immutable", "vary": "origin"}
        if path == "all/news/picture-1.m4s":
            return Response(b"a piece", media_type="video/mp4", headers=caching)
        if path == f"all/news/{LINK}/picture-1.m4s":
            assert "authorization" not in request.headers
            return Response(b"a piece", media_type="video/mp4", headers=caching)
        if path == "all/moved/index.m3u8":
            return Response(
                status_code=307, headers={"location": "https://b.example.org/all/moved/index.m3u8"}
            )
        if path == "all/closed/index.m3u8" and request.url.query != "link=1.2":
            return Response(status_code=401, headers={"www-authenticate": "Basic"})
        return Response(status_code=200 if path.startswith("all/closed") else 404)

    settings = load(
        {"DUBBER_URL": f"http://127.0.0.1:{port}", "ALLOWED_ORIGINS": PAGE, "ALLOWED_HOSTS": "testserver"}
    )
    with serving(cell, port), TestClient(create(settings), follow_redirects=False) as http:
        yield http


def at_once(replica: TestClient, target: str, origin: str = PAGE) -> bytes | None:
    """The answer that is given without the application's work."""
    data = HEAD % (target.encode(), origin.encode())
    found: bytes | None = replica.app.state.quick.answer(data, (), lambda _: "8.8.8.8")  # type: ignore[attr-defined]
    return found


def test_a_piece_is_asked_for_once_and_then_given_where_the_request_arrives(
    replica: TestClient, asked: Counter[str]
) -> None:
    path = "/all/news/picture-1.m4s"
    assert at_once(replica, path) is None
    first = replica.get(path, headers={"origin": PAGE})
    assert (first.status_code, first.content, first.headers["content-type"]) == (200, b"a piece", "video/mp4")
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert first.headers["access-control-allow-origin"] == PAGE
    quick = at_once(replica, path)
    assert quick is not None
    head, _, body = quick.partition(b"\r\n\r\n")
    assert (head.split(b"\r\n")[0], body) == (b"HTTP/1.1 200 OK", b"a piece")
    lines = {line.partition(b": ")[0]: line.partition(b": ")[2] for line in head.split(b"\r\n")[1:]}
    assert {name.decode(): value.decode() for name, value in lines.items()} == dict(first.headers)
    assert b"access-control-allow-origin" not in (at_once(replica, path, "https://other.example") or b"")
    assert replica.head(path).headers["content-length"] == "7"
    assert asked == {path: 1}
    metrics = replica.get("/metrics").text
    assert "replica_answers_total 4.0" in metrics
    assert "replica_asked_total 1.0" in metrics


def test_by_a_link_in_the_path_viewers_share_what_was_asked_once_whoever_they_say_they_are(
    replica: TestClient, asked: Counter[str]
) -> None:
    path = f"/all/news/{LINK}/picture-1.m4s"
    for who in ("", "Basic dmlld2VyOm91dC13b3Jk", "Basic Z3Vlc3M6Z3Vlc3M="):
        answer = replica.get(path, headers={"authorization": who} if who else {})
        assert (answer.status_code, answer.content) == (200, b"a piece")
        assert at_once(replica, path) is not None
    assert asked == {path: 1}
    assert at_once(replica, f"{path}?link=1.2") is None
    for wrong in (LINK[:-1], LINK.upper(), f"{LINK}/{LINK}", f"x{LINK}"):
        assert replica.get(f"/all/news/{wrong}/picture-1.m4s").status_code in (404, 422)
    assert set(asked) == {path}


def test_refusals_and_other_cells_are_passed_on(replica: TestClient) -> None:
    refused = replica.get("/all/closed/index.m3u8")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Basic")
    assert at_once(replica, "/all/closed/index.m3u8") is None
    assert replica.get("/all/closed/index.m3u8?link=1.2").status_code == 200
    assert replica.get("/all/closed/index.m3u8").status_code == 401
    moved = replica.get("/all/moved/index.m3u8")
    assert (moved.status_code, moved.headers["location"]) == (
        307, "https://b.example.org/all/moved/index.m3u8",
    )  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["/streams", "/metrics/all/a/b.m3u8", "/all/news", "/all/../streams.json", "/all/.env/a.m3u8",
     "/all/ne%2fws/a.m3u8", "/all/news/%2e%2e.m3u8", "/auth"],
)  # fmt: skip
def test_nothing_else_gets_to_the_cell(replica: TestClient, asked: Counter[str], path: str) -> None:
    assert replica.get(path).status_code in (404, 422)
    assert at_once(replica, path) is None
    assert not asked


def test_of_a_query_only_what_the_cell_knows_gets_there(replica: TestClient, asked: Counter[str]) -> None:
    path = "/all/news/picture-1.m4s"
    for query in ("", "?t=1", "?t=2&x=%2e%2e", "?t=3#link=1.2"):
        assert replica.get(f"{path}{query}").status_code == 200
    assert at_once(replica, f"{path}?t=1") is None
    assert asked == {path: 1}
    assert replica.get("/all/closed/index.m3u8?t=1&link=1.2").status_code == 200


def test_a_header_that_no_client_sends_is_refused_and_goes_nowhere(
    replica: TestClient, asked: Counter[str]
) -> None:
    sent = {b"authorization": "Basic \xe9".encode("latin-1")}
    assert replica.get("/all/news/picture-1.m4s", headers=sent).status_code == 400
    assert not asked


def test_without_its_cell_it_says_so(asked: Counter[str]) -> None:
    settings = load({"DUBBER_URL": f"http://127.0.0.1:{free_port()}", "ALLOWED_HOSTS": "testserver"})
    with TestClient(create(settings)) as http:
        assert http.get("/health").json()["status"] == "ok"
        answer = http.get("/all/news/index.m3u8")
        assert answer.status_code == 502
        assert "out of reach" in answer.text
        assert http.get("/health").json()["status"] == "degraded"
    assert not asked
