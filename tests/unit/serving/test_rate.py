"""Requests from one address of the world come so fast and no faster."""

from __future__ import annotations

from typing import cast

from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from app.service import create_app
from app.serving import rate
from app.settings import load

WORLD, OTHER = "8.8.8.8", "1.1.1.1"


def asking(app: ASGIApp, client: str, path: str = "/metrics") -> int:
    return TestClient(app, "http://127.0.0.1", client=(client, 1)).get(path).status_code


def test_one_address_is_held_back_and_no_other() -> None:
    service = create_app("sales", load({}))
    assert any(cast(object, each.cls) is rate.RateLimit for each in service.user_middleware)
    app = rate.RateLimit(service, rate.Rates(clock=lambda: 0.0))
    for _ in range(rate.AT_ONCE):
        asking(app, WORLD)
    answer = TestClient(app, "http://127.0.0.1", client=(WORLD, 1)).get("/metrics")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert "50 a second" in answer.json()["detail"]
    assert asking(app, OTHER) == 200
    assert asking(app, WORLD, "/health") == 200


def test_our_own_services_and_who_watches_are_not_counted() -> None:
    rates = rate.Rates(clock=lambda: 0.0)
    assert not any(rates.ask(WORLD) for _ in range(rate.AT_ONCE))
    assert rates.ask(WORLD) > 0
    assert not any(
        map(rate.is_of_the_world, ("127.0.0.1", "::1", "172.18.0.4", "10.0.0.9", "192.168.1.7", "x"))
    )
    assert all(map(rate.is_of_the_world, ("2a00:1450:4001::1", "::ffff:8.8.8.8")))


def test_whoever_waits_may_ask_again() -> None:
    now = [0.0]
    rates = rate.Rates(clock=lambda: now[0])
    for _ in range(rate.AT_ONCE):
        rates.ask(WORLD)
    wait = rates.ask(WORLD)
    assert 0 < wait <= 1 / rate.A_SECOND
    now[0] += wait
    assert not rates.ask(WORLD)
    assert rates.ask(WORLD) > 0
