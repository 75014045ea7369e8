"""Fifty calls at once, over and over: nobody misses an event, and sales does not grow."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect

from tests.bench.objections import TUNING, labelled
from tests.stack import Stack

CLIENTS = 50
ROUNDS = 8
KEPT = 100
SETTLED = 4
"""The round from which on as many calls are kept as ever are, and memory is reused."""
PATIENCE = 120.0
GROWTH = 16 * 2**20
SENTENCES = [each.text for each in labelled(TUNING)][:10]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), ("sales",), {"OBJECTION_ENGINE": "rules"}) as stack:
        yield stack


async def one_call(client: httpx.AsyncClient, address: str) -> Counter[str]:
    """Says every sentence in a call of its own while it is followed; how many events of each type came."""
    id = (await client.post("/calls", json={})).raise_for_status().json()["id"]

    async def follow() -> Counter[str]:
        async with connect(f"{address.replace('http', 'ws', 1)}/calls/{id}/events", proxy=None) as events:
            return Counter([json.loads(message)["type"] async for message in events])

    following = asyncio.create_task(follow())
    for at, text in enumerate(SENTENCES):
        said = {"start": at * 100.0, "end": at * 100.0 + 3, "text": text}
        (await client.post(f"/calls/{id}/text", json=said)).raise_for_status()
    (await client.post(f"/calls/{id}/end")).raise_for_status()
    return await following


async def one_round(address: str) -> list[Counter[str]]:
    """All clients at once."""
    # Well before the server ends an idle connection, or a request may meet its end.
    limits = httpx.Limits(max_connections=CLIENTS, keepalive_expiry=1.0)
    async with (
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=PATIENCE, limits=limits) as client,
        asyncio.timeout(PATIENCE),
    ):
        return await asyncio.gather(*(one_call(client, address) for _ in range(CLIENTS)))


@pytest.mark.thorough
def test_fifty_calls_at_once_miss_nothing_and_neither_memory_nor_work_grows(stack: Stack) -> None:
    sales = psutil.Process(stack.processes["sales"].pid)
    memory, work = [], []
    for _ in range(ROUNDS):
        before = sum(sales.cpu_times()[:2])
        told = asyncio.run(one_round(stack.settings.sales_address))
        assert all(each["segment"] == len(SENTENCES) for each in told)
        assert told[0]["objection"] >= len(SENTENCES) // 2
        assert all(each == told[0] for each in told)
        memory.append(sales.memory_info().rss)
        work.append(sum(sales.cpu_times()[:2]) - before)
    assert memory[-1] - memory[SETTLED] < GROWTH, [each / 2**20 for each in memory]
    assert work[-1] < 2 * work[SETTLED], work
    kept = httpx.get(f"{stack.settings.sales_address}/calls", trust_env=False, timeout=PATIENCE).json()[
        "calls"
    ]
    assert len(kept) == KEPT < ROUNDS * CLIENTS
    assert all(call["state"] == "ended" for call in kept)
