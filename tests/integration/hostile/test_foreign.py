"""Pages of other sites, and rebound names, at every address of the catalogue (DEP-15)."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.settings import load
from tests.integration.hostile.conftest import Siege
from tests.integration.hostile.doors import PYTHON_SERVICES, Door, doors, http_port

EVIL = "evil.example"
DOORS = doors(load({}))
REFUSED = {400, 403, 421}
# They ask for something else: a password, or that it is the media server who asks.
OPEN = {"/login", "/auth", "/hooks/x"}


@dataclass(frozen=True)
class Page:
    """What a browser says of the page that sends a request."""

    name: str
    headers: dict[str, str]


PAGES = (
    Page("another-site", {"origin": f"https://{EVIL}", "sec-fetch-site": "cross-site"}),
    Page("an-old-browser", {"origin": f"https://{EVIL}"}),
    Page("no-origin-told", {"origin": "null", "sec-fetch-site": "cross-site"}),
    Page("another-port", {"origin": "http://127.0.0.1:1", "sec-fetch-site": "same-site"}),
)


@pytest.mark.parametrize("service", PYTHON_SERVICES)
def test_a_name_that_was_rebound_is_answered_nothing(siege: Siege, service: str) -> None:
    port = http_port(siege.stack.settings, service)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for path in ("/health", "/metrics", "/"):
            rebound = client.get(path, headers={"host": f"{EVIL}:{port}"})
            assert rebound.status_code in REFUSED, (path, rebound.text)
            assert service not in rebound.json()
        assert client.get("/health").status_code == 200


def test_every_service_has_an_address_that_was_tried() -> None:
    assert {"sts", "dubber", "asr", "tts", "live", "sales", "web"} <= {door.service for door in DOORS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_page_of_another_site_changes_nothing(siege: Siege, door: Door, page: Page) -> None:
    port = http_port(siege.stack.settings, door.service)
    headers = page.headers | siege.known
    if door.method == "WEBSOCKET":
        # An origin is sent by itself by this library where it is asked to; the rest are plain headers.
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(f"ws://127.0.0.1:{port}{door.path}", additional_headers=headers, proxy=None),
        ):
            pass
        status = refused.value.response.status_code
    else:
        answer = httpx.request(
            door.method, f"http://127.0.0.1:{port}{door.path}", headers=headers, trust_env=False
        )
        status = answer.status_code
    assert status == 403


@pytest.mark.parametrize("port", ["hls", "webrtc"])
def test_the_media_server_lets_no_page_of_another_site_read_its_answers(siege: Siege, port: str) -> None:
    number = getattr(siege.stack.settings, f"media_{port}_port")
    for method in ("GET", "OPTIONS", "POST"):
        answer = httpx.request(
            method,
            f"http://127.0.0.1:{number}/live/besieged/whip",
            headers={
                "origin": f"https://{EVIL}",
                "access-control-request-method": "POST",
                "access-control-request-headers": "content-type",
            },
            trust_env=False,
        )
        assert answer.headers.get("access-control-allow-origin") not in ("*", f"https://{EVIL}")


def test_what_changes_something_is_closed_to_who_has_neither_a_session_nor_a_key(siege: Siege) -> None:
    for door in DOORS:
        if door.method == "WEBSOCKET" or door.service == "sts" or door.path in OPEN:
            continue
        port = http_port(siege.stack.settings, door.service)
        address = f"http://127.0.0.1:{port}{door.path}"
        answer = httpx.request(door.method, address, trust_env=False)
        assert answer.status_code == 401, door
