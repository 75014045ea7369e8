"""Services let in who has a key for them, and our own; one that can't read its keys lets nobody in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.testclient import WebSocketDenialResponse

from app.access.accounts import Accounts
from app.access.gate import authorization
from app.access.keys import Keys
from app.access.store import store_of
from app.api.owners import EVERYONE, owner, owner_of
from app.service import create
from app.settings import Settings, load
from tests.unit.access.test_accounts import PASSWORD

ASKED = {
    "asr": ("speech", "/v1/models"),
    "tts": ("speech", "/v1/models"),
    "sales": ("sales", "/calls"),
    "dubber": ("dubber", "/streams"),
}
Made = Callable[..., Settings]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return lambda **more: load({"DATA_DIR": str(tmp_path), "ALLOWED_HOSTS": "testserver", **more})


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("service", ASKED)
def test_a_service_opens_for_its_scope_as_soon_as_there_is_a_key(service: str, made: Made) -> None:
    settings = made()
    scope, path = ASKED[service]
    client = TestClient(create(service, settings), "http://localhost")
    assert client.get(path).status_code == 200
    keys = Keys(store_of(settings))
    right, wrong = keys.add("right", [f"{scope}:read"]), keys.add("wrong", ["live"])
    assert client.get(path).status_code == 401
    assert client.get(path, headers=bearer("x" * 60)).status_code == 401
    refused = client.get(path, headers=bearer(wrong))
    assert refused.status_code == 403
    assert "wrong" in refused.text
    assert "may not read" in refused.text
    assert client.get(path, headers=bearer(right)).status_code == 200
    assert client.get(path, headers=authorization(settings)).status_code == 200
    assert client.get("/health").status_code in (200, 503)
    assert client.get("/metrics").status_code == 200
    keys.revoke("right")
    assert client.get(path, headers=bearer(right)).status_code == 401


@pytest.mark.parametrize(
    ("service", "method", "path"),
    [
        ("dubber", "PUT", "/streams/a/es"), ("dubber", "DELETE", "/streams/a/es"),
        ("dubber", "POST", "/streams/a/es/bypass"), ("dubber", "PUT", "/streams/a/profile"),
        ("sales", "POST", "/calls"), ("sales", "DELETE", "/calls/a"),
        ("tts", "POST", "/v1/audio/speech"), ("asr", "POST", "/v1/audio/transcriptions"),
    ],
)  # fmt: skip
def test_a_key_to_read_changes_nothing(service: str, method: str, path: str, made: Made) -> None:
    settings = made()
    scope = ASKED[service][0]
    key = Keys(store_of(settings)).add("reader", [f"{scope}:read"])
    client = TestClient(create(service, settings), "http://localhost")
    answer = client.request(method, path, headers=bearer(key), json={} if method != "DELETE" else None)
    assert answer.status_code == 403
    assert "may not change" in answer.text


def test_sockets_need_a_key_that_may_change(made: Made) -> None:
    settings = made()
    keys = Keys(store_of(settings))
    reader, writer = keys.add("reader", ["live:read"]), keys.add("writer", ["live"])
    client = TestClient(create("live", settings), "http://localhost")
    for headers, status in (({}, 401), (bearer(reader), 403)):
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect("/", headers=headers),
        ):
            pass
        assert refused.value.status_code == status
    for address in (f"/?token={writer}", "/"):
        with client.websocket_connect(address, headers=bearer(writer)) as socket:
            socket.send_text("no greeting")
            assert socket.receive_json()["status"] == "ERROR"
    client = TestClient(create("sales", settings), "http://localhost")
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/calls/a/audio"):
        pass
    assert refused.value.status_code == 401


def test_keys_of_the_environment_still_open_what_they_opened_and_nothing_is_closed_by_them_alone(
    made: Made,
) -> None:
    settings = made(API_KEYS="first,second")
    asr = TestClient(create("asr", settings), "http://localhost")
    assert asr.get("/v1/models").status_code == 401
    for key in ("first", "second"):
        assert asr.get("/v1/models", headers=bearer(key)).status_code == 200
    dubber = TestClient(create("dubber", settings), "http://localhost")
    assert dubber.get("/streams").status_code == 200
    Accounts(store_of(settings)).add("ana", PASSWORD, "operator")
    assert dubber.get("/streams").status_code == 401
    assert dubber.get("/streams", headers=bearer("second")).status_code == 200


def test_the_media_server_asks_the_dubber_without_a_key(made: Made) -> None:
    settings = made()
    Accounts(store_of(settings)).add("ana", PASSWORD, "operator")
    dubber = TestClient(create("dubber", settings), "http://localhost", client=("127.0.0.1", 1))
    assert dubber.post("/auth", json={"action": "read", "path": "live/news"}).status_code == 200
    assert dubber.post("/hooks/ready?path=live/news").status_code == 204


def test_where_keys_can_not_be_read_nobody_is_let_in(made: Made) -> None:
    settings = made()
    store = store_of(settings)
    key = Keys(store).add("studio", ["dubber"])
    store.path.write_bytes(b"broken" * 1000)
    answer = TestClient(create("dubber", settings), "http://localhost").get("/streams", headers=bearer(key))
    assert answer.status_code == 503
    assert str(store.path) not in answer.text


def test_each_key_has_transcripts_of_its_own_and_the_console_has_those_of_everyone(made: Made) -> None:
    settings = made()
    key = Keys(store_of(settings)).add("studio", ["uploads"])

    def whose(headers: dict[str, str]) -> str:
        class App:
            class state:
                pass

        App.state.settings = settings  # type: ignore[attr-defined]
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        return asyncio.run(owner(Request({"type": "http", "method": "GET", "headers": raw, "app": App})))

    assert whose(authorization(settings)) == EVERYONE
    assert whose(bearer(key)) == owner_of(key.split("_")[1])
