"""Signing in to the console: sessions, roles, forms, and what nobody gets at without. (DUB-8)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import WebSocketDenialResponse

from app.access.accounts import Accounts
from app.access.links import Links
from app.access.sessions import IDLE, Sessions
from app.access.store import Store, store_of
from app.serving.throttle import AT_ONCE
from app.settings import Settings, load
from app.web.login import cookies
from app.web.login.routes import BUSY, HELD_BACK, MOST_WAITING, NEXT, OLD, WRONG
from app.web.service import create
from tests.integration.hostile.doors import CHANGES, filled, websockets
from tests.unit.access.test_accounts import PASSWORD

HTML = {"accept": "text/html"}
# FastAPI finds one name for a route of several methods.
pytestmark = pytest.mark.filterwarnings("ignore:Duplicate Operation ID")


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 at its least cost: test_accounts.py looks at the real one."""
    monkeypatch.setattr("app.access.accounts.HASHER", PasswordHasher(1, 8, 1))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"DATA_DIR": str(tmp_path), "ALLOWED_HOSTS": "testserver"})


@pytest.fixture
def store(settings: Settings) -> Store:
    found = store_of(settings)
    Accounts(found).add("ana", PASSWORD, "operator")
    Accounts(found).add("vic", PASSWORD, "viewer")
    return found


@pytest.fixture
def console(settings: Settings, store: Store) -> Iterator[TestClient]:
    assert store.exists
    with TestClient(create(settings), "http://testserver", follow_redirects=False) as client:
        yield client


def field(page: str, name: str = "token") -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found, page
    return found[1]


def sign_in(client: TestClient, name: str = "ana", password: str = PASSWORD, to: str = "/") -> int:
    form = client.get("/login", params={"next": to}).text
    data = {"token": field(form), "next": field(form, "next"), "name": name, "password": password}
    answer = client.post("/login", data=data)
    assert answer.headers["location"] == to if answer.status_code == 303 else True
    return answer.status_code


def page_token(client: TestClient) -> dict[str, str]:
    found = re.search('name="page-token" content="([0-9a-f]+)"', client.get("/").text)
    assert found
    return {"x-page-token": found[1]}


def test_without_an_account_nobody_is_asked(settings: Settings) -> None:
    client = TestClient(create(settings), "http://testserver", follow_redirects=False)
    page = client.get("/", headers=HTML)
    assert page.status_code == 200
    assert "Sign" not in page.text
    assert 'name="page-token" content=""' in page.text
    assert client.get("/login").headers["location"] == "/"
    assert client.post("/login").headers["location"] == "/"
    assert client.get("/account/").headers["location"] == "/"
    assert client.post("/api/dubber/streams/a/es/bypass", json={"on": True}).status_code == 502
    assert "set-cookie" not in page.headers
    assert not (settings.data_dir / "access").exists()


def test_the_first_account_closes_a_console_that_runs_and_the_last_one_opens_it(settings: Settings) -> None:
    client = TestClient(create(settings), "http://testserver", follow_redirects=False)
    assert client.get("/settings.json").status_code == 200
    accounts = Accounts(store_of(settings))
    accounts.add("ana", PASSWORD, "operator")
    assert client.get("/settings.json").status_code == 401
    accounts.remove("ana")
    assert client.get("/settings.json").status_code == 200


def test_every_address_of_the_console_is_closed_but_those_that_tell_nothing(
    console: TestClient, settings: Settings
) -> None:
    app = create(settings)
    free = {"/login", "/login/oidc", "/login/callback", "/health"}
    document = app.openapi()["paths"]
    tried = 0
    for path, methods in document.items():
        for method in methods:
            answer = console.request(method, filled(path))
            assert (answer.status_code == 401) == (path not in free), (method, path)
            tried += 1
    assert tried > 15
    pages = (
        "/",
        "/transcribe/",
        "/calls/",
        "/uploads/",
        "/account/",
        "/js/main.js",
        "/hls/live/a/index.m3u8",
    )
    for path in (*pages, "/css/../js/main.js", "//login", "/login/", "/nowhere"):
        answer = console.get(path)
        assert answer.status_code == 401, path
        assert answer.json() == {"detail": "sign in first"}
    for path in websockets(app.routes):
        with pytest.raises(WebSocketDenialResponse) as refused, console.websocket_connect(filled(path)):
            pass
        assert refused.value.status_code == 401
    for path in ("/css/base.css", "/css/login.css", "/icon.svg", "/health", "/login"):
        assert console.get(path).status_code == 200


def test_a_person_is_sent_to_the_login_page_and_on_from_there(console: TestClient) -> None:
    sent = console.get("/calls/", headers=HTML)
    assert sent.status_code == 303
    assert sent.headers["location"] == "/login?next=/calls/"
    assert sign_in(console, to="/calls/") == 303
    page = console.get("/calls/", headers=HTML)
    assert page.status_code == 200
    assert 'Signed in as <a href="/account/">ana</a>, operator' in page.text
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "to",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a b"],
)
def test_nobody_is_sent_elsewhere_after_signing_in(console: TestClient, to: str) -> None:
    form = console.get("/login", params={"next": to}).text
    assert field(form, "next") == "/"
    data = {"token": field(form), "next": to, "name": "ana", "password": PASSWORD}
    assert console.post("/login", data=data).headers["location"] == "/"


@given(st.text())
def test_a_way_on_is_always_on_this_host(to: str) -> None:
    if NEXT.fullmatch(to):
        assert to.startswith("/")
        assert not to.startswith(("//", "/\\"))
        assert not set(to) & set("\r\n\\ ?")


def test_the_session_is_renewed_at_every_sign_in(console: TestClient, store: Store) -> None:
    sign_in(console)
    first = console.cookies[cookies.SESSION]
    sign_in(console)
    assert console.cookies[cookies.SESSION] != first
    assert len(Sessions(store).of("ana")) == 1
    assert Sessions(store).find(first, secure=False) is None


def test_a_session_that_somebody_else_chose_is_none(console: TestClient) -> None:
    console.cookies.set(cookies.SESSION, "chosen.0123", domain="testserver.local", path="/")
    assert console.get("/settings.json").status_code == 401
    sign_in(console)
    assert "chosen" not in console.cookies[cookies.SESSION]


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(console: TestClient) -> None:
    form = console.get("/login")
    data = {"token": field(form.text), "name": "ana", "password": PASSWORD}
    told = console.post("/login", data=data).headers.get_list("set-cookie")
    (session,) = [each for each in told if each.startswith("voicestack=")]
    assert re.search("; httponly", session, re.I)
    assert "; SameSite=lax" in session
    assert "; Path=/" in session
    assert not re.search("domain|; secure", session, re.I)


@pytest.mark.parametrize("how", [{"x-forwarded-proto": "https"}, {"origin": "https://testserver"}])
def test_over_https_the_cookie_is_for_https_and_this_host_alone(
    console: TestClient, how: dict[str, str]
) -> None:
    form = console.get("/login")
    data = {"token": field(form.text), "name": "ana", "password": PASSWORD}
    told = console.post("/login", data=data, headers=how).headers.get_list("set-cookie")
    if "origin" not in how:
        # Where https is known already, a form that was got over http is no longer good.
        assert not [each for each in told if "voicestack=" in each]
        tie = console.get("/login", headers=how)
        data["token"] = field(tie.text)
        pair = tie.headers["set-cookie"].split(";")[0]
        told = console.post("/login", data=data, headers={**how, "cookie": pair}).headers.get_list(
            "set-cookie"
        )
    (session,) = [each for each in told if each.startswith("__Host-voicestack=")]
    assert re.search("; secure", session, re.I)
    pair = session.split(";")[0]
    console.cookies.clear()
    assert console.get("/settings.json", headers={"cookie": pair}).status_code == 200
    # What a neighbouring name could set counts for nothing.
    assert console.get("/settings.json", headers={"cookie": pair.removeprefix("__Host-")}).status_code == 401


def test_a_session_of_http_counts_for_nothing_over_https(console: TestClient) -> None:
    sign_in(console)
    assert console.get("/settings.json").status_code == 200
    assert console.get("/settings.json", headers={"x-forwarded-proto": "https"}).status_code == 401


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(console: TestClient) -> None:
    told = []
    for name, password in (("ana", "wrong words here"), ("nobody", "wrong words here"), ("<b>", "")):
        form = console.get("/login").text
        answer = console.post("/login", data={"token": field(form), "name": name, "password": password})
        told.append((answer.status_code, re.sub("[0-9a-f]{64}", "", answer.text)))
        assert WRONG in answer.text
        assert password not in answer.text or not password
    assert len(set(told)) == 1
    assert told[0][0] == 401


def test_wrong_passwords_are_slowed_down(console: TestClient) -> None:
    assert [sign_in(console, "ana", "wrong words here") for _ in range(AT_ONCE)] == [401] * AT_ONCE
    assert sign_in(console) == 429
    form = console.get("/login").text
    answer = console.post("/login", data={"token": field(form), "name": "ana", "password": PASSWORD})
    assert HELD_BACK in answer.text
    assert int(answer.headers["retry-after"]) > 0


def test_only_so_many_wait_for_their_password(console: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.login.routes.MOST_WAITING", 0)
    assert MOST_WAITING > 0
    form = console.get("/login").text
    answer = console.post("/login", data={"token": field(form), "name": "ana", "password": PASSWORD})
    assert answer.status_code == 503
    assert BUSY in answer.text


def test_a_login_form_is_good_in_the_browser_alone_that_was_given_it(console: TestClient) -> None:
    form = console.get("/login").text
    data = {"token": field(form), "name": "ana", "password": PASSWORD}
    console.cookies.clear()
    answer = console.post("/login", data=data)
    assert answer.status_code == 403
    assert OLD in answer.text
    for broken in ({}, {"name": "ana", "password": PASSWORD}, data | {"token": "x"}):
        assert console.post("/login", data=broken).status_code == 403
    assert console.post("/login", json=data).status_code == 403
    assert console.post("/login", data=data | {"name": "x" * 10_000}).status_code == 403


def test_what_changes_something_needs_the_pages_token(console: TestClient) -> None:
    sign_in(console)
    address = "/api/dubber/streams/a/es/bypass"
    for headers in ({}, {"x-page-token": ""}, {"x-page-token": "0" * 64}):
        answer = console.post(address, json={"on": True}, headers=headers)
        assert answer.status_code == 403
        assert "page of your session" in answer.json()["detail"]
    assert console.post(address, json={"on": True}, headers=page_token(console)).status_code == 502


def test_another_sites_page_changes_nothing_with_the_cookie(console: TestClient) -> None:
    sign_in(console)
    token = page_token(console)
    for method, address in (("POST", "/api/sales/calls"), ("POST", "/logout"), ("DELETE", "/api/dubber/a")):
        headers = {"origin": "https://evil.example", **token}
        assert console.request(method, address, headers=headers).status_code == 403
    assert console.get("/settings.json").status_code == 200


def test_a_viewer_looks_and_changes_nothing(console: TestClient, settings: Settings) -> None:
    sign_in(console, "vic")
    token = page_token(console)
    assert "vic</a>, viewer" in console.get("/").text
    for path, methods in create(settings).openapi()["paths"].items():
        if not path.startswith("/api/"):
            continue
        for method in methods:
            answer = console.request(method, filled(path), headers=token)
            assert (answer.status_code == 403) == (method.upper() in CHANGES), (method, path)
    for path in ("/api/live", "/api/sales/calls/a/audio"):
        with pytest.raises(WebSocketDenialResponse) as refused, console.websocket_connect(path):
            pass
        assert refused.value.status_code == 403
    with console.websocket_connect("/api/sales/calls/a/events") as socket:
        assert socket.receive()["code"] == 1014


def test_signing_out_ends_the_session_for_good(console: TestClient, store: Store) -> None:
    sign_in(console)
    kept = console.cookies[cookies.SESSION]
    assert console.post("/logout", data={"token": "wrong"}).headers["location"] == "/"
    assert console.get("/settings.json").status_code == 200
    left = console.post("/logout", data={"token": field(console.get("/").text)})
    assert left.headers["location"] == "/login"
    assert cookies.SESSION not in console.cookies
    assert Sessions(store).of("ana") == []
    assert console.get("/settings.json", headers={"cookie": f"voicestack={kept}"}).status_code == 401


def test_one_sees_ones_sessions_and_ends_one_or_all(console: TestClient, settings: Settings) -> None:
    sign_in(console)
    with TestClient(create(settings), "http://testserver", follow_redirects=False) as elsewhere:
        elsewhere.headers["user-agent"] = "Mozilla/5.0 Firefox/128.0 <script>"
        sign_in(elsewhere)
        page = console.get("/account/").text
        assert "Firefox, since" in page
        assert "<script" not in page
        other = field(page, "session")
        assert console.post("/account/end", data={"token": "x", "session": other}).status_code == 303
        assert elsewhere.get("/settings.json").status_code == 200
        done = console.post("/account/end", data={"token": field(page), "session": other})
        assert done.headers["location"] == "/account/"
        assert elsewhere.get("/settings.json").status_code == 401
        sign_in(elsewhere)
        done = console.post("/account/end", data={"token": field(page), "session": ""})
        assert done.headers["location"] == "/login"
        assert [each.get("/settings.json").status_code for each in (console, elsewhere)] == [401, 401]


def test_nobody_ends_somebody_elses_session(console: TestClient, settings: Settings, store: Store) -> None:
    sign_in(console, "vic")
    with TestClient(create(settings), "http://testserver", follow_redirects=False) as other:
        sign_in(other)
        (session,) = Sessions(store).of("ana")
        token = field(console.get("/account/").text)
        console.post("/account/end", data={"token": token, "session": session.hash})
        assert other.get("/settings.json").status_code == 200


def test_a_password_is_changed_with_the_present_one_and_ends_every_other_session(
    console: TestClient, settings: Settings
) -> None:
    sign_in(console)
    with TestClient(create(settings), "http://testserver", follow_redirects=False) as elsewhere:
        sign_in(elsewhere)
        token = field(console.get("/account/").text)
        for present, new, words in (
            ("wrong words here", "quite another word", "present password is wrong"),
            (PASSWORD, "short", "12 to 256 characters"),
        ):
            answer = console.post("/account/password", data={"token": token, "present": present, "new": new})
            assert answer.status_code == 422
            assert words in answer.text
        changed = {"token": token, "present": PASSWORD, "new": "quite another word"}
        assert console.post("/account/password", data=changed | {"token": "x"}).status_code == 303
        assert elsewhere.get("/settings.json").status_code == 200
        assert console.post("/account/password", data=changed).status_code == 303
        assert elsewhere.get("/settings.json").status_code == 401
        assert console.get("/settings.json").status_code == 200
        assert sign_in(elsewhere) == 401
        assert sign_in(elsewhere, "ana", "quite another word") == 303


def test_an_idle_session_is_over(console: TestClient, store: Store) -> None:
    sign_in(console)
    with store.open() as connection:
        connection.execute("UPDATE sessions SET used = used - ?", (IDLE,))
    assert console.get("/settings.json").status_code == 401


def test_where_accounts_can_not_be_read_nobody_is_let_in(console: TestClient, store: Store) -> None:
    sign_in(console)
    store.path.write_bytes(b"broken" * 1000)
    answer = console.get("/settings.json")
    assert answer.status_code == 503
    assert str(store.path) not in answer.text
    assert console.get("/health").status_code == 200


def test_a_player_with_a_link_comes_in_without_a_session(console: TestClient, store: Store) -> None:
    link = Links(store).make("dub/news/es", "read", 60)
    for address, status in (
        (f"/hls/dub/news/es/index.m3u8?{link}", 502),
        (f"/hls/dub/news/es/part1.mp4?{link}", 502),
        (f"/hls/dub/news/fr/index.m3u8?{link}", 401),
        (f"/hls/dub/news/es/../fr/index.m3u8?{link}", 401),
        (f"/api/dubber/streams?{link}", 401),
    ):
        assert console.get(address).status_code == status, address


def test_what_stands_behind_the_console_never_sees_its_cookies() -> None:
    header = "a=b; voicestack=x.y; __Host-voicestack=z;voicestack-form=q; hlsSession=1; voicestackx=2"
    assert cookies.others(header) == "a=b; hlsSession=1; voicestackx=2"
    assert cookies.others("voicestack=x") == ""


def test_a_program_asks_with_a_key_where_a_stream_goes_and_for_nothing_else(
    settings: Settings, store: Store
) -> None:
    assert store.exists
    # Nobody listens at port 1: who is let in learns that the dubber does not answer.
    keyed = {"API_KEYS": "hush-key", "DUBBER_URL": "http://127.0.0.1:1"}
    known = load({"DATA_DIR": str(settings.data_dir), "ALLOWED_HOSTS": "testserver", **keyed})
    with TestClient(create(known), "http://testserver", follow_redirects=False) as client:

        def asked(path: str, key: str) -> int:
            headers = {"authorization": f"Bearer {key}"} if key else {}
            return client.get(f"/api/dubber/{path}", headers=headers).status_code

        for path in ("ingest/news", "cell", "cells"):
            assert asked(path, "hush-key") == 502
            assert (asked(path, ""), asked(path, "wrong")) == (401, 401)
        assert (asked("streams", "hush-key"), asked("cells/x", "hush-key")) == (401, 401)
        assert asked("ingest/news/x", "hush-key") == 401
