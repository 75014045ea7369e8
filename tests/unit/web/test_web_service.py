"""The console's own addresses (DUB-8)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.settings import load
from app.web import service
from app.web.pages import PAGES, ROOMS, rendered
from app.web.service import STATIC, create, hls_js


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def console() -> TestClient:
    settings = load({"MEDIA_PUBLISH_USER": "obs", "MEDIA_PUBLISH_PASSWORD": "very secret"})
    return TestClient(create(settings), "http://localhost")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/transcribe/",
        "/calls/",
        "/uploads/",
        "/commentary/",
        "/js/main.js",
        "/css/base.css",
        "/settings.json",
        "/nowhere",
    ],
)
def test_every_answer_carries_the_security_headers(console: TestClient, path: str) -> None:
    headers = console.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["permissions-policy"].startswith("microphone=(self), camera=()")
    assert headers["x-content-type-options"] == "nosniff"


def test_the_page_loads_nothing_from_elsewhere_and_has_no_script_or_style_inside() -> None:
    pages = {page.path: rendered(page) for page in (*PAGES, ROOMS)}
    files = {file.name: file.read_text() for kind in ("*.js", "*.css") for file in STATIC.rglob(kind)}
    for name, text in (files | pages).items():
        addresses = set(re.findall(r"https?://[^\"'\s)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), name
        assert re.findall("innerHTML|outerHTML|insertAdjacentHTML|document.write", text) == [], name
    for page in pages.values():
        assert re.findall(r"<style| style=| on[a-z]+=", page) == []
        assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []


def test_every_module_that_is_imported_and_every_file_that_a_page_names_is_there(console: TestClient) -> None:
    for page in (*PAGES, ROOMS):
        for name in re.findall(r'(?:src|href)="(/[^"]+)"', rendered(page)):
            assert console.get(name).status_code == 200, f"{name}, named by {page.path}"
    for file in (STATIC / "js").rglob("*.js"):
        for name in re.findall(r'(?:from|URL\() ?"(\.[^"]+)"', file.read_text()):
            assert (file.parent / name).is_file(), f"{name}, imported by {file.name}"


def test_every_page_is_served_and_leads_to_the_others(console: TestClient) -> None:
    for path in ("/", "/transcribe/", "/calls/"):
        page = console.get(path).text
        assert re.findall(r'<a href="([^"]+)" ?(?:aria-current="page")?>[A-Z]', page)[:3] == [
            "/",
            "/transcribe/",
            "/calls/",
        ]
        assert f'<a href="{path}" aria-current="page">' in page


def test_a_page_is_found_without_its_last_slash_too(console: TestClient) -> None:
    assert console.get("/calls").url.path == "/calls/"
    assert console.get("/nowhere/").status_code == 404


def test_the_page_is_asked_for_again_each_time_and_is_not_sent_again(console: TestClient) -> None:
    first = console.get("/js/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = console.get("/js/main.js", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


def test_the_page_learns_how_to_publish_but_no_secret(console: TestClient) -> None:
    answer = console.get("/settings.json")
    assert answer.json() == {
        "rtmp_port": 1935,
        "rtmps_port": 1936,
        "srt_port": 8890,
        "srt_needs_passphrase": False,
        "publishing_needs_password": True,
        "source_language": "en",
        "target_languages": ["es"],
        "sample_call": True,
        "cells": False,
    }
    assert "secret" not in answer.text


@pytest.mark.usefixtures("cache")
def test_a_missing_player_library_says_how_to_get_it(console: TestClient) -> None:
    answer = console.get("/libraries/hls.js")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "hls.js is missing: run `make setup`"
    assert console.get("/health").json()["depends_on"]["hls.js"] == {
        "reachable": False,
        "detail": "hls.js is missing: run `make setup`",
    }


@pytest.mark.usefixtures("cache")
def test_the_player_library_comes_from_the_users_cache_and_is_kept_by_the_browser(
    console: TestClient,
) -> None:
    hls_js().parent.mkdir(parents=True)
    hls_js().write_text("window.Hls = null;")
    answer = console.get("/libraries/hls.js")
    assert answer.text == "window.Hls = null;"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert console.get("/health").json()["depends_on"]["hls.js"]["reachable"]


def test_the_page_asks_for_the_version_of_the_player_library_that_is_served() -> None:
    assert f'"/libraries/hls.js?v={service.HLS_JS_VERSION}"' in (STATIC / "js" / "player.js").read_text()


def test_pages_that_would_load_scripts_from_elsewhere_are_not_served(console: TestClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert console.get(path).status_code == 404


@pytest.mark.usefixtures("cache")
def test_without_a_voice_there_is_no_sample_call(
    console: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "can_speak", lambda: False)
    assert console.get("/settings.json").json()["sample_call"] is False
    answer = console.get("/sample-call.wav")
    assert (answer.status_code, "make setup" in answer.json()["detail"]) == (404, True)


def test_a_sample_call_that_cannot_be_kept_says_why(
    console: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    answer = console.get("/sample-call.wav")
    assert answer.status_code == 503
    assert "Not a directory" in answer.json()["detail"]
