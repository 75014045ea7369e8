"""Two dubbers side by side in a release: who publishes, who stands by, and when a new one is ready."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from app.dubbing.service import addresses
from app.dubbing.service.auth import API_USER
from app.dubbing.states import Phase
from app.dubbing.viewing import await_published
from app.dubbing.worker.mixer import SAMPLE_RATE, Mixer, Samples
from app.dubbing.worker.occupied import occupied, readable
from app.settings import load
from tests.unit.dubbing.service.stand_in_runner import World
from tests.unit.dubbing.service.stand_in_worker import state

PASSWORD = "a/b:c@d"
PUBLISHED = {"name": "dub/news/es", "ready": True, "source": {"type": "rtspSession", "id": "1"}}


@contextmanager
def media_server(status: int, body: str) -> Iterator[str]:
    """A control API that gives one answer to those who know the password, and the dub's address at it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            login = base64.b64encode(f"{API_USER}:{PASSWORD}".encode()).decode()
            knows = self.headers["authorization"] == f"Basic {login}"
            wanted = self.path == "/v3/paths/get/dub/news/es"
            self.send_response(status if knows and wanted else 401)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    settings = load({"MEDIA_API_PORT": str(server.server_port), "MEDIA_API_PASSWORD": PASSWORD})
    try:
        yield addresses.look_at(settings, "of-this-run", "dub/news/es")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, json.dumps(PUBLISHED), True),
        (200, json.dumps({**PUBLISHED, "ready": False, "source": None}), False),
        (404, json.dumps({"error": "path not found"}), False),
        (200, "not JSON", False),
        (200, "[]", False),
    ],
)
def test_a_path_is_occupied_where_it_has_a_source(status: int, body: str, found: bool) -> None:
    with media_server(status, body) as address:
        assert occupied(address) is found
        assert readable(address) is found
        assert not occupied(address.replace("voicestack-api", "somebody"))


def test_a_path_of_a_media_server_that_is_gone_is_not_occupied() -> None:
    with media_server(200, json.dumps(PUBLISHED)) as address:
        pass
    assert not occupied(address)
    assert not readable(address)


def test_a_dub_that_is_announced_but_not_there_yet_is_not_read() -> None:
    with media_server(200, json.dumps({**PUBLISHED, "ready": False})) as address:
        assert occupied(address)
        leaving, missed = threading.Event(), list[bool]()

        def missing() -> None:
            missed.append(True)
            if len(missed) == 2:
                leaving.set()

        assert not await_published(address, leaving, missing)
        assert len(missed) == 2
    with media_server(200, json.dumps(PUBLISHED)) as address:
        assert await_published(address, threading.Event())


@pytest.mark.parametrize(
    ("phase", "standing_by", "carried"),
    [
        ("running", False, True),
        ("waiting", True, True),
        ("waiting", False, False),
        ("connecting", False, False),
        ("source_lost", False, False),
    ],
)
def test_a_stream_is_carried_once_its_dub_is_out_or_stands_by(
    phase: Phase, standing_by: bool, carried: bool
) -> None:
    async def play() -> None:
        world = World(TARGET_LANGUAGES="es,fr")
        assert world.streams.carried
        world.see("news")
        assert not world.streams.carried
        world.runner("fr").told(state())
        assert not world.streams.carried
        world.runner("es").told(replace(state(), phase=phase, standing_by=standing_by))
        assert world.streams.carried is carried
        world.streams.stop("news", "es")
        assert world.streams.carried

    asyncio.run(play())


def test_a_drain_lets_every_worker_play_out_and_waits_for_all() -> None:
    async def play() -> None:
        world = World(TARGET_LANGUAGES="es,fr")
        world.see("news")
        draining = asyncio.create_task(world.streams.drain())
        await asyncio.sleep(0)
        assert [runner.drains for runner in world.runners] == [True, True]
        world.runners[0].may_end.set()
        await asyncio.wait([draining], timeout=0.05)
        assert not draining.done()
        world.runners[1].may_end.set()
        async with asyncio.timeout(5):
            await draining
            await world.streams.close()

    asyncio.run(play())


def test_the_sound_ends_with_the_original_or_the_dub_whichever_is_later() -> None:
    def sound(seconds: float) -> Samples:
        return Mixer(4.0).read(round(seconds * SAMPLE_RATE))

    mixer = Mixer(4.0)
    assert mixer.end == 0
    mixer.write_original(0, sound(1.0))
    assert mixer.end == SAMPLE_RATE
    start = mixer.place(sound(2.0)[:, 0], SAMPLE_RATE // 2)
    assert mixer.end == start + 2 * SAMPLE_RATE
    mixer.read(SAMPLE_RATE)
    mixer.write_original(2 * SAMPLE_RATE, sound(1.5))
    assert mixer.end == round(3.5 * SAMPLE_RATE)
