"""The dubber's HTTP API, called in the same process with stand-ins for the workers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest

from app.dubbing.service import api, metrics, speech_health
from app.dubbing.service.auth import INTERNAL_USER
from app.dubbing.service.restreams import Restreams
from app.dubbing.service.service import create
from app.settings import load
from tests.unit.dubbing.service.stand_in_runner import World
from tests.unit.dubbing.service.stand_in_worker import caption, phrase, state

JSON = {"content-type": "application/json"}
TAKEN_OVER_WITHIN = 0.5


def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://dubber", headers=JSON)


def scenario(play: Callable[[World, httpx.AsyncClient], Awaitable[None]]) -> None:
    async def go() -> None:
        world = World()
        app = FastAPI()
        api.install(app, world.streams, world.hub)
        world.see("news")
        async with client(app) as http:
            await play(world, http)

    asyncio.run(go())


def test_a_stream_is_told_with_all_that_the_console_shows() -> None:
    async def play(world: World, http: httpx.AsyncClient) -> None:
        world.runner("es").told(state())
        [stream] = (await http.get("/streams")).json()["streams"]
        assert stream == (await http.get("/streams/news")).json()
        assert stream["source"] == {"type": "rtmpConn", "tracks": ["H264"]}
        [dub] = stream["dubs"]
        assert dub.pop("since") > 0
        assert dub.pop("note").isdigit()
        unnamed = {"number": 0, "title": "", "language": "", "use": "", "channel": ""}
        assert dub == {
            "stream": "news",
            "language": "es",
            "path": "dub/news/es",
            "status": "dubbing",
            "profile": "live",
            "delay": 2.8,
            "position": 0.0,
            "tracks": [
                {"kind": "video", "codec": "h264", "detail": "320x180 25 fps", **unnamed},
                {"kind": "audio", "codec": "aac", "detail": "48000 Hz stereo", **unnamed},
            ],
            "lag": {"p50": 0.01, "p95": 0.02, "p99": 0.03, "slope": 0.0},
            "counts": {
                "phrases": 4,
                "in_time": 3,
                "late": 1,
                "dropped": 0,
                "passed_through": 0,
                "wordless": 0,
            },
            "reconnects": 1,
            "restarts": 0,
            "speech": {"address": "ws://127.0.0.1:5003", "problem": "", "engines": []},
            "speakers": [],
            "voices": [],
            "queue": {"seconds": 2.8, "bytes": 1000},
            "problem": "",
        }

    scenario(play)


def test_the_operator_starts_stops_bypasses_and_switches() -> None:
    async def play(world: World, http: httpx.AsyncClient) -> None:
        started = await http.put("/streams/news/fr")
        assert (started.status_code, started.json()["status"]) == (201, "starting")
        assert (await http.put("/streams/news/fr")).status_code == 200
        assert (await http.post("/streams/news/fr/bypass", json={"on": True})).status_code == 200
        switched = await http.post("/streams/news/fr/switch", json={"language": "de"})
        assert switched.json()["language"] == "de"
        assert world.runner("fr").stopped
        stopped = await http.delete("/streams/news/de")
        assert stopped.json()["status"] == "stopped"
        assert (await http.delete("/streams/news/de")).status_code == 200
        refused = await http.post("/streams/news/de/bypass", json={"on": False})
        assert refused.status_code == 409
        assert "stopped" in refused.json()["detail"]

    scenario(play)


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("PUT", "/streams/news/fr"),
        ("DELETE", "/streams/news/es"),
        ("POST", "/streams/news/es/bypass"),
        ("POST", "/streams/news/es/switch"),
    ],
)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_orders_that_another_page_could_send_are_refused(method: str, address: str, kind: str | None) -> None:
    async def play(world: World, http: httpx.AsyncClient) -> None:
        del http.headers["content-type"]
        headers = {"content-type": kind} if kind else {}
        answer = await http.request(
            method, address, content=b'{"on": true, "language": "fr"}', headers=headers
        )
        assert answer.status_code == 415
        assert "application/json" in answer.json()["detail"]
        assert len(world.runners) == 1
        assert not world.runner("es").stopped
        assert world.runner("es").commands == []

    scenario(play)


@pytest.mark.parametrize(
    ("method", "address", "words"),
    [
        ("GET", "/streams/x", "streams: news"),
        ("PUT", "/streams/x/es", "streams: news"),
        ("DELETE", "/streams/news/fr", "languages: es"),
        ("GET", "/streams/news/fr/phrases", "languages: es"),
        ("GET", "/streams/news/fr/phrases.jsonl", "languages: es"),
        ("GET", "/streams/news/fr/captions", "languages: es"),
        ("GET", "/streams/news/fr/captions.vtt", "languages: es"),
    ],
)
def test_what_is_unknown_answers_404_with_what_there_is(method: str, address: str, words: str) -> None:
    async def play(_: World, http: httpx.AsyncClient) -> None:
        answer = await http.request(method, address)
        assert answer.status_code == 404
        assert words in answer.json()["detail"]

    scenario(play)


def test_phrases_come_newest_last_and_as_a_download() -> None:
    async def play(world: World, http: httpx.AsyncClient) -> None:
        for number in range(5):
            world.runner("es").told(phrase(number))
        found = (await http.get("/streams/news/es/phrases", params={"limit": 2})).json()["phrases"]
        assert [one["id"] for one in found] == [3, 4]
        assert found[0]["target"] == "buenas noches"
        log = await http.get("/streams/news/es/phrases.jsonl")
        assert [json.loads(line)["id"] for line in log.text.splitlines()] == [0, 1, 2, 3, 4]
        assert "news-es-phrases.jsonl" in log.headers["content-disposition"]

    scenario(play)


def test_captions_are_a_webvtt_document_in_either_language() -> None:
    async def play(world: World, http: httpx.AsyncClient) -> None:
        world.runner("es").told(caption())
        target = await http.get("/streams/news/es/captions.vtt")
        assert target.headers["content-type"] == "text/vtt; charset=utf-8"
        assert target.text == "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nbuenas noches\n"
        source = await http.get("/streams/news/es/captions.vtt", params={"text": "source"})
        assert source.text.endswith("good evening\n")

    scenario(play)


def test_metrics_tell_each_dub() -> None:
    async def play(world: World, _: httpx.AsyncClient) -> None:
        world.runner("es").told(state())
        world.runner("es").restarting("worker killed by SIGKILL")
        world.runner("es").told(state())
        text = generate_latest(metrics.registry(world.streams, lambda: Restreams(restreams=[]))).decode()
        for line in (
            "voicestack_workers 1.0",
            'voicestack_dub_up{language="es",stream="news"} 1.0',
            'voicestack_dub_delay_seconds{language="es",stream="news"} 2.8',
            'voicestack_dub_lag_seconds{language="es",quantile="0.95",stream="news"} 0.02',
            'voicestack_dub_phrases_total{language="es",outcome="in_time",stream="news"} 6.0',
            'voicestack_dub_reconnects_total{language="es",stream="news"} 2.0',
            'voicestack_dub_restarts_total{language="es",stream="news"} 1.0',
            'voicestack_dub_queue_bytes{language="es",stream="news"} 1000.0',
        ):
            assert line in text

    scenario(play)


@pytest.mark.parametrize(
    ("status", "document", "ok", "words"),
    [
        (200, {"status": "ok", "detail": "", "depends_on": {}}, True, ""),
        (
            200,
            {
                "status": "degraded",
                "detail": "",
                "depends_on": {"translation": {"reachable": False, "detail": "no translator for en-fr"}},
            },
            True,
            "no translator for en-fr",
        ),
        (503, {"status": "starting", "detail": "loading the recogniser"}, False, "starting; loading"),
        (200, ["something", "else"], False, "no speech service"),
        (500, None, False, "500"),
    ],
)
def test_a_speech_host_s_own_words_are_passed_on(status: int, document: Any, ok: bool, words: str) -> None:
    check = speech_health.verdict(status, document)
    assert check.ok is ok
    assert words in check.detail


def test_a_speech_host_is_shown_without_its_credentials() -> None:
    assert speech_health.shown_address("ws://user:word@gpu-1:5003") == "gpu-1:5003"
    assert speech_health.health_address("wss://gpu-1:5003/sts") == "https://gpu-1:5003/health"


def ask_service(
    play: Callable[[httpx.AsyncClient], Awaitable[None]],
    waits: float = TAKEN_OVER_WITHIN,
    **environment: str,
) -> None:
    """The whole application; it `waits` for its media server and speech host, which are not there."""

    async def go() -> None:
        app = create(load({"MEDIA_API_PORT": "1", "STS_PORT": "1", **environment}), taken_over_within=waits)
        async with app.router.lifespan_context(app), client(app) as http:
            await play(http)

    asyncio.run(go())


def test_the_media_server_gets_200_or_401_and_nothing_of_what_it_sent() -> None:
    async def play(http: httpx.AsyncClient) -> None:
        asked = {"action": "publish", "path": "live/news", "user": "obs", "password": "in-word"}
        assert (await http.post("/auth", json=asked)).status_code == 200
        assert (await http.post("/auth", json={**asked, "password": "other"})).status_code == 401
        assert (await http.post("/auth", json={**asked, "user": "", "password": ""})).status_code == 401
        bad = await http.post("/auth", json={**asked, "path": ["in-word"]})
        assert (bad.status_code, bad.text) == (401, "")
        assert (await http.post("/auth", content=b"x" * 100_000)).status_code == 401
        intruder = {"action": "publish", "path": "dub/news/es", "user": INTERNAL_USER, "password": "guess"}
        assert (await http.post("/auth", json=intruder)).status_code == 401

    ask_service(play, MEDIA_PUBLISH_USER="obs", MEDIA_PUBLISH_PASSWORD="in-word")


@pytest.mark.parametrize("address", ["/auth", "/hooks/ready?path=live/x", "/hooks/not-ready?path=live/x"])
def test_a_browser_can_not_play_the_media_server(address: str) -> None:
    async def play(http: httpx.AsyncClient) -> None:
        asked = {"action": "read", "path": "live/news"}
        answer = await http.post(address, json=asked, headers={"origin": "http://evil.example"})
        assert answer.status_code == 403
        assert (await http.post(address, json=asked)).status_code in (200, 204)

    ask_service(play)


def test_health_waits_for_the_media_server_a_while_then_tells_what_is_out_of_reach() -> None:
    async def play(http: httpx.AsyncClient) -> None:
        answer = await http.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "starting")
        async with asyncio.timeout(10):
            while (answer := await http.get("/health")).status_code != 200:
                await asyncio.sleep(0.05)
        health = answer.json()
        assert health["status"] == "degraded"
        assert "out of reach" in health["depends_on"]["media"]["detail"]
        assert not health["depends_on"]["sts 127.0.0.1:1"]["reachable"]
        assert (health["streams"], health["workers"]) == (0, 0)

    # On a machine with much else to do the first answer takes its time, too.
    ask_service(play, waits=2.0)


def test_the_api_is_documented() -> None:
    async def play(http: httpx.AsyncClient) -> None:
        paths = (await http.get("/openapi.json")).json()["paths"]
        assert "/streams/{name}/{language}/bypass" in paths
        assert not any(path.startswith(("/auth", "/hooks")) for path in paths)

    ask_service(play)


def test_recording_is_switched_for_a_stream_that_is_there_and_shown_with_it() -> None:
    """DUB-13."""

    async def play(_: World, http: httpx.AsyncClient) -> None:
        assert not (await http.get("/streams/news")).json()["recording"]
        assert (await http.post("/streams/news/record", json={"on": True})).json()["recording"]
        assert (await http.get("/streams/news")).json()["recording"]
        assert (await http.post("/streams/sport/record", json={"on": True})).status_code == 404
        assert (await http.post("/streams/news/record", json={})).status_code == 422
        form = await http.post(
            "/streams/news/record", content="on=true", headers={"content-type": "text/plain"}
        )
        assert form.status_code == 415

    scenario(play)


def test_what_can_be_dubbed_is_what_any_speech_host_told() -> None:
    told = {
        "gpu-1:5003": {"status": "ok", "pairs": ["en-es"], "into_english": False},
        "gpu-2:5003": {"status": "ok", "pairs": ["en-ca", "en-es"], "into_english": True},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=told[request.url.netloc.decode()])

    async def go() -> tuple[dict[str, Any], dict[str, Any]]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            hosts = speech_health.SpeechHosts(http, lambda: [f"ws://{name}/sts" for name in told])
            before = hosts.can_dub()
            for check in hosts.checks().values():
                await check()
            return before, hosts.can_dub()

    before, after = asyncio.run(go())
    assert before == {}
    assert after == {"pairs": ["en-ca", "en-es"], "into_english": True}
