"""A service's process: what is left of it is ended, and nobody else is."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from app import catalog
from app.native.child import Child, Group
from app.native.plan import Launch


def child(*command: str) -> Child:
    return Child(Launch(catalog.get("web"), command, "", frozenset()), lambda _name, _line: None)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A program of somebody else, in a group of its own."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


def test_what_a_service_leaves_behind_is_ended_with_it_and_does_not_hide_its_end(tmp_path: Path) -> None:
    left = tmp_path / "left"

    async def runs() -> int:
        # It holds the pipe of the service's output for ever.
        service = child("sh", "-c", f"sleep infinity & echo $! > {left}; exit 3")
        await service.start()
        return await service.wait()

    assert asyncio.run(runs()) == 3
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(left.read_text())).wait(timeout=5)


def test_a_service_that_can_not_be_started_leaves_no_file_open() -> None:
    async def runs() -> int:
        service = child("true")
        with pytest.MonkeyPatch.context() as changed:
            changed.setattr(sys, "executable", "/nowhere/python")
            before = psutil.Process().num_fds()
            with pytest.raises(OSError, match="No such file"):
                await service.start()
            return psutil.Process().num_fds() - before

    assert asyncio.run(runs()) == 0


def test_a_service_that_has_ended_is_not_signalled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    signalled: list[int] = []

    async def runs() -> None:
        service = child("true")
        await service.start()
        await service.wait()
        monkeypatch.setattr(os, "killpg", lambda group, _number: signalled.append(group))
        service.kill()

    asyncio.run(runs())
    assert signalled == []


def test_a_running_service_is_killed_with_its_children() -> None:
    async def runs() -> tuple[int, list[psutil.Process]]:
        said = asyncio.Event()
        service = Child(
            Launch(catalog.get("web"), ("sh", "-c", "sleep 60 & echo ready; wait"), "", frozenset()),
            lambda _name, _line: said.set(),
        )
        await service.start()
        await said.wait()
        assert service.pid is not None
        family = psutil.Process(service.pid).children(recursive=True)
        service.kill()
        return await service.wait(), family

    status, family = asyncio.run(runs())
    assert status == -9
    assert family
    assert psutil.wait_procs(family, timeout=5)[1] == []


def test_a_group_whose_id_was_given_away_is_left_alone(stranger: subprocess.Popen[bytes]) -> None:
    leader = subprocess.Popen(["sleep", "60"], start_new_session=True)
    group = Group(leader.pid)
    leader.kill()
    leader.wait()
    # As if the system had given the id to the stranger.
    group.id = stranger.pid
    group.kill()
    assert stranger.poll() is None
    Group(stranger.pid).kill()
    assert stranger.wait(5) == -9
