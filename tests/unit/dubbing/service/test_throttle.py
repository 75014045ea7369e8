"""Who guesses passwords is slowed down; who knows them never is by anybody else's guesses."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from app.access.remembered import links_of
from app.dubbing.service import media_calls
from app.dubbing.service.auth import API_USER, INTERNAL_USER, AccessRequest
from app.dubbing.service.clients import MediaServers, client_of
from app.dubbing.service.media_api import MediaApi
from app.dubbing.service.watcher import Watcher
from app.serving.throttle import AT_ONCE, EVERY, MOST_CLIENTS, Throttle
from app.settings import load

SETTINGS = load({"MEDIA_PUBLISH_USER": "obs", "MEDIA_PUBLISH_PASSWORD": "right", "MEDIA_API_PORT": "1"})
SECRET = "for-workers"
RIGHT = {"action": "publish", "path": "live/news", "protocol": "rtmp", "user": "obs", "password": "right"}


def answers(*asked: dict[str, str], peer: str = "127.0.0.1") -> list[int]:
    """What somebody at that address is answered, one after the other."""

    async def go() -> list[int]:
        media = MediaApi("127.0.0.1", 1, (API_USER, "x"))
        app = FastAPI()
        watcher = Watcher(media, lambda *_: None)
        app.include_router(media_calls.router(SETTINGS, SECRET, watcher, links_of(SETTINGS)))
        transport = httpx.ASGITransport(app=app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://dubber") as http:
            found = [(await http.post("/auth", json=each)).status_code for each in asked]
        await media.close()
        return found

    return asyncio.run(go())


def by(ip: str, **changed: str) -> dict[str, str]:
    return {**RIGHT, "ip": ip, **changed}


def guesses(ip: str, count: int = AT_ONCE) -> list[dict[str, str]]:
    return [by(ip, password=f"guess {number}") for number in range(count)]


def test_after_too_many_wrong_passwords_a_client_is_not_told_which_is_right() -> None:
    found = answers(*guesses("203.0.113.5"), by("203.0.113.5"), by("203.0.113.6"), *guesses("203.0.113.5", 2))
    assert found == [401] * AT_ONCE + [429, 200, 429, 429]


def test_who_asks_without_credentials_first_is_not_guessing() -> None:
    silent = by("203.0.113.5", user="", password="", protocol="rtsp")
    assert answers(*[silent] * (2 * AT_ONCE), by("203.0.113.5")) == [401] * (2 * AT_ONCE) + [200]


def test_whoever_asks_the_dubber_directly_is_one_client_whatever_address_it_claims() -> None:
    claimed = [by(f"203.0.113.{number}", password="guess") for number in range(AT_ONCE)]
    assert answers(*claimed, by("198.51.100.7"), peer="198.51.100.9") == [401] * AT_ONCE + [429]


def test_our_own_programs_are_never_held_back() -> None:
    worker = {"action": "read", "path": "live/news", "ip": "127.0.0.1", "user": INTERNAL_USER}
    found = answers(
        *[{**worker, "password": "of the one before"}] * (2 * AT_ONCE),
        *guesses("127.0.0.1"),
        {**worker, "password": SECRET},
    )
    assert found[-1] == 200


def test_viewers_by_way_of_the_console_are_not_held_back_for_each_other() -> None:
    asked = AccessRequest(action="read", path="dub/news/es", protocol="hls", ip="172.18.0.5", user="viewer")
    assert client_of(asked, "172.18.0.2", by_media_server=True) is None
    public = asked.model_copy(update={"ip": "8.8.8.8"})
    assert client_of(public, "172.18.0.2", by_media_server=True) == "8.8.8.8"


def test_an_ipv6_client_is_its_network() -> None:
    asked = AccessRequest(action="read", path="dub/news/es", ip="2001:db8:1:2:3:4:5:6")
    other = asked.model_copy(update={"ip": "2001:db8:1:2::9"})
    assert client_of(asked, "::1", by_media_server=True) == client_of(other, "::1", by_media_server=True)


def test_time_gives_wrong_passwords_back_one_by_one() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)
    for _ in range(AT_ONCE):
        throttle.wrong("a")
    assert throttle.is_held_back("a")
    now += EVERY
    assert not throttle.is_held_back("a")
    throttle.wrong("a")
    assert throttle.is_held_back("a")


def test_of_too_many_clients_the_least_recent_is_forgotten() -> None:
    throttle = Throttle(lambda: 0.0)
    for client in range(MOST_CLIENTS + 10):
        throttle.wrong(str(client))
    assert len(throttle._used) == MOST_CLIENTS


@pytest.mark.parametrize(
    ("host", "peer", "is_it"),
    [
        ("127.0.0.1", "::1", True),
        ("localhost", "127.0.0.1", True),
        ("203.0.113.10", "203.0.113.10", True),
        ("203.0.113.10", "203.0.113.11", False),
        ("nowhere.invalid", "203.0.113.11", False),
    ],
)
def test_the_media_server_asks_from_where_its_name_leads(host: str, peer: str, is_it: bool) -> None:
    assert asyncio.run(MediaServers(host).asks_from(peer)) is is_it
