"""Signing in by OpenID Connect, against a real issuer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.access.sessions import Sessions
from app.access.store import store_of
from app.settings import Settings, load
from app.web.login import oidc
from app.web.login.door import Door
from app.web.login.oidc import Issuer
from app.web.service import create
from tests.browser.servers import serving
from tests.integration.access.issuing import issuer, sign_in_there
from tests.stack import free_port


@dataclass
class Place:
    """A console that asks an issuer, and the issuer's name."""

    console: str
    settings: Settings
    issuer: Issuer

    @property
    def callback(self) -> str:
        return f"{self.console}/login/callback"

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.console, trust_env=False, timeout=30.0)

    def back(self, browser: httpx.Client, name: str, to: str = "/") -> str:
        """The address at which somebody comes back."""
        sent = browser.get("/login/oidc", params={"next": to})
        assert sent.status_code == 302, sent.text
        return sign_in_there(browser, sent, name, self.callback)

    def signed_in(self, name: str) -> httpx.Response:
        """What the console answers somebody who comes back."""
        with self.browser() as browser:
            return browser.get(self.back(browser, name))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("openid")
    port, own = free_port(), free_port()
    console = f"http://127.0.0.1:{own}"
    kept: list[Issuer] = []

    class Watched(Issuer):
        def __init__(self, settings: Settings) -> None:
            super().__init__(settings)
            kept.append(self)

    with pytest.MonkeyPatch.context() as patch, issuer(port, f"{console}/login/callback", folder) as name:
        settings = load(
            {
                "DATA_DIR": str(folder), "OIDC_ISSUER": name, "OIDC_CLIENT_ID": "voicestack",
                "OIDC_CLIENT_SECRET": "known-to-both", "OIDC_OPERATORS": "ana@example.org,group:studio",
                "OIDC_VIEWERS": "vic@example.org",
            }
        )  # fmt: skip
        patch.setattr("app.web.login.routes.Issuer", Watched)
        with serving(create(settings), own):
            yield Place(console, settings, kept[0])


def test_somebody_signs_in_by_the_issuer_and_is_what_the_settings_say(place: Place) -> None:
    host = "(127.0.0.1)"
    for name, called, role in (
        ("ana", "Ana", "operator"),
        ("ben", "ben", "operator"),
        ("vic", "vic", "viewer"),
    ):
        with place.browser() as browser:
            assert browser.get("/settings.json").status_code == 401
            assert "Sign in with your organisation" in browser.get("/login").text
            welcome = browser.get(place.back(browser, name, "/calls/"))
            assert (welcome.status_code, welcome.headers["location"]) == (303, "/calls/")
            page = browser.get("/calls/").text
            assert f"{called}@example.org {host}</a>, {role}" in page
            assert "Another password" not in browser.get("/account/").text


def test_what_is_sent_to_the_issuer_is_bound_to_this_browser_and_this_time(place: Place) -> None:
    with place.browser() as browser:
        first, second = (
            parse_qs(urlsplit(browser.get("/login/oidc").headers["location"]).query) for _ in range(2)
        )
    assert first["code_challenge_method"] == ["S256"]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name][0]) >= 20
    assert first["response_type"] == ["code"]
    assert first["redirect_uri"] == [place.callback]


def test_an_address_that_nobody_has_verified_is_nobodys(place: Place) -> None:
    answer = place.signed_in("eve")
    assert answer.status_code == 403
    assert "known as eve, but may not use" in answer.text
    assert not [each for each in Sessions(store_of(place.settings)).of() if each.name.startswith("eve")]


def test_who_comes_back_twice_or_in_another_browser_is_not_signed_in(place: Place) -> None:
    with place.browser() as browser, place.browser() as other:
        back = place.back(browser, "ana")
        assert other.get(back).status_code == 403
        assert browser.get(back).status_code == 303
        browser.cookies.delete("voicestack")
        again = browser.get(back)
        assert again.status_code == 403
        assert "Try again" in again.text


def test_another_state_and_an_error_of_the_issuer_sign_nobody_in(place: Place) -> None:
    for change in ({"state": "another"}, {"code": "another"}, {"error": "access_denied"}):
        with place.browser() as browser:
            back = httpx.URL(place.back(browser, "ana"))
            answer = browser.get(back.copy_merge_params(change))
            assert answer.status_code == 403, change
            assert browser.get("/settings.json").status_code == 401


def test_another_nonce_signs_nobody_in(place: Place) -> None:
    with place.browser() as browser:
        back = place.back(browser, "ana")
        (under_way,) = list(place.issuer._under_way.values())[-1:]
        (state,) = under_way.kept.values()
        state["data"]["nonce"] = "another"
        assert browser.get(back).status_code == 403


def test_a_token_for_somebody_else_signs_nobody_in(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    other = place.settings.model_copy(update={"oidc_client_id": "another-client"})
    with place.browser() as browser:
        back = place.back(browser, "ana")
        monkeypatch.setattr(place.issuer, "_settings", other)
        assert browser.get(back).status_code == 403


@pytest.mark.parametrize(("late", "status"), [(oidc.SKEW - 20, 303), (oidc.SKEW + 20, 403)])
def test_clocks_may_differ_by_a_minute_and_no_more(
    place: Place, monkeypatch: pytest.MonkeyPatch, late: float, status: int
) -> None:
    with place.browser() as browser:
        back = place.back(browser, "ana")
        tie = {"cookie": f"voicestack-form={browser.cookies['voicestack-form']}"}
        real, hour = time.time, 3600.0
        # The issuer is another process: its clock stays, and its tokens hold for an hour.
        monkeypatch.setattr(time, "time", lambda: real() + hour + late)
        assert httpx.get(back, headers=tie, trust_env=False).status_code == status


def test_an_issuer_that_calls_itself_otherwise_is_not_asked(place: Place, tmp_path: Path) -> None:
    other = place.settings.oidc_issuer.replace("127.0.0.1", "localhost")
    settings = load(
        {
            "DATA_DIR": str(tmp_path), "OIDC_ISSUER": other, "OIDC_CLIENT_ID": "voicestack",
            "OIDC_OPERATORS": "ana@example.org",
        }
    )  # fmt: skip
    with serving(create(settings), free_port()) as address:
        answer = httpx.get(f"{address}/login/oidc", trust_env=False)
    assert answer.status_code == 502
    assert "calls itself" in answer.text


def test_an_issuer_out_of_reach_is_told(tmp_path: Path) -> None:
    settings = load(
        {
            "DATA_DIR": str(tmp_path), "OIDC_ISSUER": f"http://127.0.0.1:{free_port()}",
            "OIDC_CLIENT_ID": "voicestack", "OIDC_OPERATORS": "ana@example.org",
        }
    )  # fmt: skip
    assert not Door(settings).is_open
    with serving(create(settings), free_port()) as address:
        answer = httpx.get(f"{address}/login/oidc", trust_env=False)
        assert httpx.get(f"{address}/settings.json", trust_env=False).status_code == 401
    assert answer.status_code == 502
    assert "can&#x27;t be reached" in answer.text


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"email": "ANA@example.org", "email_verified": True}, "operator"),
        ({"email": "ana@example.org"}, None),
        ({"email": "ana@example.org", "email_verified": "true"}, None),
        ({"email": "group:studio", "email_verified": True}, None),
        ({"groups": ["studio"]}, "operator"),
        ({"groups": "studio"}, None),
        ({"groups": [["studio"], None, "Studio"]}, None),
        ({"groups": ["guests"]}, "viewer"),
        ({}, None),
    ],
)
def test_only_what_the_issuer_vouches_for_makes_a_role(claims: dict[str, Any], role: str | None) -> None:
    assert oidc.role_of(claims, ("ana@example.org", "group:studio"), ("group:guests",)) == role
    assert oidc.role_of(claims, (), ("*",)) == "viewer"
