"""Every service answers to its own names alone, and lets no other site's page change anything."""

from __future__ import annotations

import socket

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import WebSocketDenialResponse

from app.catalog import CATALOG
from app.service import create
from app.serving.guarding import hosts, is_from_this_page, is_ours
from app.settings import Settings, SettingsError, load

OURS = [service.name for service in CATALOG if service.module is not None]
REBOUND = {"host": "rebound.evil.example:8000", "origin": "http://rebound.evil.example:8000"}
FOREIGN = [
    {"host": "127.0.0.1:8000", "origin": "https://evil.example"},
    {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-site"},
    {"host": "127.0.0.1:8000", "origin": "null"},
    {"host": "127.0.0.1:8000", "sec-fetch-site": "cross-site"},
]


@pytest.fixture(scope="module", params=OURS)
def service(request: pytest.FixtureRequest) -> TestClient:
    return TestClient(create(request.param, load({})))


def test_no_service_answers_to_a_name_that_was_made_to_lead_to_it(service: TestClient) -> None:
    for method, path in (("GET", "/health"), ("DELETE", "/streams/a/es"), ("POST", "/calls")):
        answer = service.request(method, path, headers=REBOUND)
        assert answer.status_code == 421
        assert "ALLOWED_HOSTS" in answer.json()["detail"]


def test_no_service_takes_what_another_sites_page_sends(service: TestClient) -> None:
    for headers in FOREIGN:
        for method in ("POST", "PUT", "DELETE"):
            assert service.request(method, "/health", headers=headers).status_code == 403


def test_no_service_opens_a_websocket_for_another_site(service: TestClient) -> None:
    for path in ("/", "/sts", "/calls/a/audio", "/calls/a/events", "/api/live", "/api/sales/calls/a/audio"):
        for headers, status in [(REBOUND, 421), *((each, 403) for each in FOREIGN)]:
            with (
                pytest.raises(WebSocketDenialResponse) as refused,
                service.websocket_connect(path, headers=headers),
            ):
                pass
            assert refused.value.status_code == status


def test_programs_and_other_services_are_answered_by_every_name_that_we_use(service: TestClient) -> None:
    names = ("127.0.0.1:8003", "[::1]:8003", "10.0.0.20", "localhost", "a.localhost:1", "Dubber:1")
    for host in (*names, *OURS):
        assert service.get("/metrics", headers={"host": host}).status_code == 200
        assert service.post("/metrics", headers={"host": host}).status_code == 405


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ({"ALLOWED_HOSTS": "voice.example.org, gpu-1"}, "gpu-1:5003"),
        ({"ALLOWED_HOSTS": "Voice.Example.org"}, "voice.example.org"),
        ({"ALLOWED_HOSTS": "*.example.org"}, "a.b.example.org"),
        ({"ALLOWED_HOSTS": "*"}, "anything.example.org"),
        ({"STS_URLS": "ws://gpu-1:5003,ws://gpu-2:5003"}, "gpu-2:5003"),
        ({"STS_URLS": "dns+ws://speech.internal:5003"}, "speech.internal:5003"),
        ({"DUBBER_URL": "http://host.docker.internal:8003"}, "host.docker.internal:8003"),
        ({"WHISPER_HOST": "ears"}, "ears:9090"),
        ({"MEDIA_PUBLIC_HOST": "live.example.org"}, "live.example.org"),
        ({"DOMAIN": "voice.example.org"}, "voice.example.org"),
        ({"BIND_ADDRESS": "0.0.0.0"}, socket.gethostname().partition(".")[0]),
        ({}, "voice.localhost."),
    ],
)
def test_a_service_is_called_what_the_settings_say(environment: dict[str, str], host: str) -> None:
    assert is_ours(host, hosts(load(environment)))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "notlocalhost",
        "a@localhost",
        "localhost/x",
        "",
        ":80",
        "[::1",
        "[evil.example]",
        "openrouter.ai",
    ],
)
def test_other_names_and_nonsense_are_nobodys(host: str) -> None:
    settings = load({"ALLOWED_HOSTS": "*.example.org", "LLM_BASE_URL": "https://openrouter.ai/api/v1"})
    assert not is_ours(host, hosts(settings))


def test_a_name_that_a_network_may_have_given_this_machine_counts_only_where_it_listens_to_one() -> None:
    own = socket.gethostname().partition(".")[0].lower()
    assert own not in hosts(load({}))
    assert {own, f"{own}.local"} <= hosts(load({"BIND_ADDRESS": "0.0.0.0"}))


@given(st.text())
def test_any_host_is_either_ours_or_not(host: str) -> None:
    assert is_ours(host, {"localhost"}) in (True, False)


@pytest.mark.parametrize(
    ("method", "headers", "answer"),
    [
        ("GET", {"origin": "https://evil.example", "host": "here:4200"}, True),
        ("POST", {"host": "here:4200"}, True),
        ("POST", {"host": "here:4200", "origin": "http://here:4200"}, True),
        ("POST", {"host": "here:4200", "origin": "https://here:4200", "sec-fetch-site": "same-origin"}, True),
        ("POST", {"host": "here:4200", "origin": "https://evil.example"}, False),
        ("POST", {"host": "here:4200", "origin": "null"}, False),
        ("POST", {"host": "here:4200", "origin": "http://[here:4200"}, False),
        ("DELETE", {"host": "here:4200", "origin": "http://here:8000"}, False),
        ("PUT", {"host": "here:4200", "sec-fetch-site": "cross-site"}, False),
        ("PUT", {"host": "here:4200", "sec-fetch-site": "same-site"}, False),
    ],
)
def test_only_this_page_or_no_browser_at_all_may_change_something(
    method: str, headers: dict[str, str], answer: bool
) -> None:
    assert is_from_this_page(method, headers) is answer


def test_a_site_that_the_settings_name_may_send_requests_and_open_websockets() -> None:
    settings: Settings = load({"ALLOWED_ORIGINS": "https://Player.example.org,http://other.example:8080"})
    sales = TestClient(create("sales", settings))
    allowed = {"host": "127.0.0.1", "origin": "https://player.example.org", "sec-fetch-site": "cross-site"}
    assert sales.post("/calls", json={}, headers=allowed).status_code == 201
    foreign = allowed | {"origin": "https://evil.example"}
    assert sales.post("/calls", json={}, headers=foreign).status_code == 403


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_HOSTS", "http://voice.example.org"),
        ("ALLOWED_HOSTS", "voice.example.org:4200"),
        ("ALLOWED_HOSTS", "**.example.org"),
        ("ALLOWED_ORIGINS", "player.example.org"),
        ("ALLOWED_ORIGINS", "https://player.example.org/"),
        ("ALLOWED_ORIGINS", "*"),
    ],
)
def test_what_is_no_host_or_origin_is_told_at_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({name: value})
