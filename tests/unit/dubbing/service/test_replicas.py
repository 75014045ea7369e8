"""Viewers are spread over the replicas that are well, and stay where they are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

import httpx
import pytest

from app.dubbing.service.playlists import Pathway
from app.dubbing.service.replicas import Replicas
from app.service import run_checks

A, B = "https://a.example.org", "https://b.example.org:8443"
WELL = {"service": "replica", "status": "ok"}


def replicas(told: Mapping[str, httpx.Response | Exception], looks: int = 1) -> Replicas:
    """Two of them, after looks at what they tell."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/health"
        found = told[request.url.host]
        if isinstance(found, Exception):
            raise found
        return found

    async def looked() -> Replicas:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            found = Replicas((A, B), client)
            for _ in range(looks):
                await found.look()
            return found

    return asyncio.run(looked())


def both_well() -> Replicas:
    ok = httpx.Response(200, json=WELL)
    return replicas({"a.example.org": ok, "b.example.org": ok})


def order(found: tuple[Pathway, ...]) -> list[str]:
    return [each.id for each in found]


def test_viewers_who_come_go_to_each_in_turn_and_to_the_cell_itself_last() -> None:
    found = both_well()
    firsts = Counter(found.pathways("news")[0].id for _ in range(10))
    assert firsts == {"replica-1": 5, "replica-2": 5}
    assert {order(found.pathways("news"))[-1] for _ in range(4)} == {"cell"}


def test_viewers_who_ask_again_as_players_do_leave_the_turns_of_others_alone() -> None:
    found, firsts = both_well(), Counter[str]()
    for _ in range(10):
        first = found.pathways("news")[0].id
        firsts[first] += 1
        assert found.pathways("news", first)[0].id == first
    assert firsts == {"replica-1": 5, "replica-2": 5}


def test_addresses_at_a_replica_are_whole_and_at_the_cell_relative() -> None:
    bases = {each.id: each.base for each in both_well().pathways("news")}
    assert bases == {"replica-1": f"{A}/all/news/", "replica-2": f"{B}/all/news/", "cell": ""}


def test_a_viewer_stays_where_it_is() -> None:
    found = both_well()
    assert {found.pathways("news", "replica-2")[0].id for _ in range(5)} == {"replica-2"}
    assert {found.pathways("news", "replica-9")[0].id for _ in range(4)} == {"replica-1", "replica-2"}


@pytest.mark.parametrize(
    "told",
    [
        httpx.ConnectError("refused"),
        httpx.Response(200, json={**WELL, "status": "degraded"}),
        httpx.Response(503, json={**WELL, "status": "starting"}),
        httpx.Response(200, json={"service": "dubber", "status": "ok"}),
        httpx.Response(200, text="<html>"),
    ],
)
def test_one_that_is_not_well_is_the_last_resort_and_loses_its_viewers(
    told: httpx.Response | Exception,
) -> None:
    found = replicas({"a.example.org": told, "b.example.org": httpx.Response(200, json=WELL)})
    assert order(found.pathways("news")) == ["replica-2", "cell", "replica-1"]
    assert order(found.pathways("news", "replica-1")) == ["replica-2", "cell", "replica-1"]
    first, second = asyncio.run(run_checks(found.checks())).values()
    assert (first.ok, second.ok) == (False, True)
    assert first.detail


def test_before_they_are_asked_and_without_any_the_cell_serves_its_own() -> None:
    assert order(replicas({}, looks=0).pathways("news"))[0] == "cell"
    assert not Replicas((), httpx.AsyncClient())
