"""What few clients come for is loaded with the first of them, once, and not when a service starts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest

from app.catalog import CATALOG
from app.serving.late import LateSocket, Talk


def test_no_service_loads_openais_types_as_it_starts() -> None:
    modules = ", ".join(each.module for each in CATALOG if each.module is not None)
    code = f"import sys, {modules}; sys.exit('openai' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_is_loaded_once_and_all_clients_have_it() -> None:
    loaded: list[str] = []
    talked: list[Any] = []

    def load() -> Talk:
        loaded.append("loading")
        time.sleep(0.05)

        async def talk(socket: Any) -> None:
            talked.append(socket)

        return talk

    async def play() -> None:
        late = LateSocket(load)
        clients: list[Any] = ["first", "second", "third"]
        await asyncio.gather(*map(late.talk, clients))
        await late.talk(clients[0])

    asyncio.run(play())
    assert loaded == ["loading"]
    assert sorted(talked) == ["first", "first", "second", "third"]


def test_what_could_not_be_loaded_is_tried_again_with_the_next_client() -> None:
    tries: list[int] = []

    async def talk(_: Any) -> None:
        tries.append(0)

    def load() -> Talk:
        tries.append(1)
        if len(tries) == 1:
            raise ImportError("the disk is away")
        return talk

    async def play() -> None:
        late = LateSocket(load)
        client: Any = None
        with pytest.raises(ImportError):
            await late.talk(client)
        await late.talk(client)

    asyncio.run(play())
    assert tries == [1, 1, 0]
