"""Signing in to the console in a real browser: the page, keys alone, widths, both schemes, roles (DUB-8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from playwright.sync_api import Page, ViewportSize, expect

from app.access.accounts import Accounts
from app.access.sessions import Sessions
from app.access.store import Store, store_of
from app.settings import Settings, load
from app.web.service import create
from tests.browser.conftest import Media, Stage
from tests.browser.looking import LOOKS, Scheme, badly_built, scrolls_sideways, unreadable
from tests.browser.servers import serving, wait_until
from tests.browser.stand_in import dub, stream
from tests.stack import free_port

PASSWORD = "seven green umbrellas"
LOADED_WITHIN = 30_000


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 at its least cost: how dear it is, is another test's."""
    monkeypatch.setattr("app.access.accounts.HASHER", PasswordHasher(1, 8, 1))


@pytest.fixture
def settings(media: Media, tmp_path: Path) -> Settings:
    return load(
        {
            "DUBBER_URL": f"http://127.0.0.1:{free_port()}", "MEDIA_HLS_PORT": str(media.hls_port),
            "TARGET_LANGUAGES": "es,fr", "DATA_DIR": str(tmp_path),
        }
    )  # fmt: skip


@pytest.fixture
def store(settings: Settings) -> Store:
    found = store_of(settings)
    Accounts(found).add("ana", PASSWORD, "operator")
    Accounts(found).add("vic", PASSWORD, "viewer")
    return found


@pytest.fixture
def stage(media: Media, settings: Settings, store: Store) -> Iterator[Stage]:
    """A console with two accounts, before a stand-in dubber."""
    assert store.exists
    stage = Stage(media)
    stage.dubber_port = int(settings.dubber_url.rpartition(":")[2])
    stage.dubber.streams = [stream(dub())]
    stage.dubber_up()
    with serving(create(settings), free_port()) as stage.web:
        yield stage
    stage.dubber_down()


def sign_in(page: Page, name: str = "ana", password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_with_keys_alone_somebody_signs_in_works_and_signs_out(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.web}/calls/")
    expect(page).to_have_title("Sign in – Voicestack")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("ana")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{stage.web}/calls/", timeout=LOADED_WITHIN)
    page.get_by_role("link", name="Dubbing").click()
    expect(page.get_by_text("Signed in as ana, operator")).to_be_visible()
    page.locator("#bypass").click()
    wait_until(lambda: stage.dubber.calls == [("POST", "match/es/bypass", {"on": True})], "the order arrived")
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{stage.web}/login")
    page.go_back()
    expect(page).to_have_url(re.compile("/login"))


def test_a_wrong_password_is_told_first_and_the_right_one_goes_on(stage: Stage, page: Page) -> None:
    page.goto(stage.web)
    sign_in(page, "ana", "not the right words")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Password")).to_have_value("")
    sign_in(page)
    expect(page).to_have_url(f"{stage.web}/")


@LOOKS
def test_signing_in_and_the_account_are_readable_and_well_built(
    stage: Stage, page: Page, scheme: Scheme, size: ViewportSize
) -> None:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    page.goto(stage.web)
    sign_in(page, "ana", "not the right words")
    expect(page.get_by_role("alert")).to_be_visible()
    for address in ("", "/account/", "/"):
        if address:
            page.goto(f"{stage.web}{address}")
            expect(page.locator("h1:visible")).to_have_count(1, timeout=LOADED_WITHIN)
        assert unreadable(page) == []
        assert badly_built(page) == []
        assert not scrolls_sideways(page)
        if not address:
            sign_in(page)
            expect(page).to_have_url(f"{stage.web}/")


def test_a_viewer_is_told_why_nothing_changes(stage: Stage, page: Page) -> None:
    page.goto(stage.web)
    sign_in(page, "vic")
    expect(page.get_by_text("Signed in as vic, viewer")).to_be_visible()
    page.locator("#bypass").click()
    expect(page.get_by_role("alert")).to_contain_text("viewers may look and listen")
    assert stage.dubber.calls == []


def test_a_page_whose_session_has_ended_goes_to_the_login_page_and_comes_back(
    stage: Stage, page: Page, store: Store
) -> None:
    page.goto(stage.web)
    sign_in(page)
    expect(page.get_by_text("Signed in as ana, operator")).to_be_visible()
    expect(page.locator("#stream-name")).to_be_visible()
    here = page.url
    Sessions(store).end("ana")
    expect(page).to_have_url(re.compile("/login"), timeout=LOADED_WITHIN)
    sign_in(page)
    expect(page).to_have_url(re.compile(re.escape(here.partition("#")[0])))
    expect(page.get_by_text("Signed in as ana, operator")).to_be_visible()


def test_no_script_reads_the_cookie(stage: Stage, page: Page) -> None:
    page.goto(stage.web)
    sign_in(page)
    expect(page).to_have_url(re.compile(f"{stage.web}/(#.*)?$"))
    assert page.evaluate("document.cookie") == ""
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "voicestack"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")


def test_sessions_are_seen_and_ended_on_the_account_page(stage: Stage, page: Page, store: Store) -> None:
    other = Sessions(store).begin("ana", None, "Mozilla/5.0 Firefox/128.0", secure=False)
    page.goto(stage.web)
    sign_in(page)
    page.get_by_role("link", name="ana").click()
    expect(page.locator(".sessions li")).to_have_count(2)
    page.get_by_role("button", name=re.compile("Sign out Firefox")).click()
    expect(page.locator(".sessions li")).to_have_count(1)
    assert Sessions(store).find(other, secure=False) is None
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page).to_have_url(f"{stage.web}/login")
    assert Sessions(store).of("ana") == []
