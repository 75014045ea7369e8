"""Clients of the Wyoming protocol that announce too much, are silent, or don't read. (SPK-7)"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe
from wyoming.tts import Synthesize, SynthesizeVoice

from app.access.keys import Keys
from app.access.store import store_of
from app.settings import Settings, load
from app.settings.rules import SettingsError
from app.speech import wyoming_door
from app.speech.asr import service as asr
from app.speech.tts import service as tts
from app.speech.wyoming import is_shut
from tests.browser.servers import serving, wait_until
from tests.stack import free_port

WITHIN = 60.0
TEXT = ("This is a sentence that nobody will ever listen to. " * 80)[:4096]


def settings(**variables: str) -> Settings:
    ports = {"ASR_WYOMING_PORT": str(free_port()), "TTS_WYOMING_PORT": str(free_port())}
    return load({"WYOMING_ENABLED": "true", "TTS_ENGINE": "espeak", **ports, **variables})


@pytest.fixture(scope="module")
def hearing() -> Iterator[int]:
    """asr; gives its Wyoming port."""
    chosen = settings()
    with serving(asr.create(chosen), free_port()):
        yield chosen.asr_wyoming_port


@pytest.fixture(scope="module")
def speaking() -> Iterator[int]:
    """tts; gives its Wyoming port."""
    chosen = settings()
    with serving(tts.create(chosen), free_port()):
        yield chosen.tts_wyoming_port


def connected(stack: ExitStack, port: int) -> socket.socket:
    sock = stack.enter_context(socket.socket())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(WITHIN)
    sock.connect(("127.0.0.1", port))
    return sock


def everything(sock: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def ask(port: int, event: Event) -> Event:
    async def conversation() -> Event | None:
        async with asyncio.timeout(WITHIN), AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(event)
            answer: Event | None = await client.read_event()
            return answer

    answer = asyncio.run(conversation())
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    "header",
    [
        {"type": "audio-chunk", "data": {}, "payload_length": 100_000_000_000},
        {"type": "audio-chunk", "data": {}, "payload_length": wyoming_door.LARGEST_PAYLOAD + 1},
        {"type": "describe", "data_length": 100_000_000_000},
    ],
)
def test_what_is_announced_is_refused_before_any_of_it_is_read(hearing: int, header: dict[str, Any]) -> None:
    with ExitStack() as stack:
        sock = connected(stack, hearing)
        sock.sendall(json.dumps(header).encode() + b"\n")
        told = everything(sock)

    assert b'"too_large"' in told
    assert ask(hearing, Describe().event()).type == "info"


@pytest.mark.parametrize("length", ["9", -1, 1.5, [], True])
def test_a_length_that_is_no_number_of_bytes_ends_the_connection(hearing: int, length: object) -> None:
    with ExitStack() as stack:
        sock = connected(stack, hearing)
        sock.sendall(json.dumps({"type": "describe", "payload_length": length}).encode() + b"\n")
        assert everything(sock) == b""


def test_silent_clients_give_way_to_the_next(hearing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wyoming_door, "MOST_CLIENTS", 4)
    with ExitStack() as stack:
        first, *others = [connected(stack, hearing) for _ in range(4)]
        for sock in (first, *others):
            # What is asked once is silent from then on; the first is silent longest.
            sock.sendall(b'{"type": "describe"}\n')
            assert sock.recv(1)
        assert ask(hearing, Describe().event()).type == "info"

        everything(first)
        for sock in others:
            sock.sendall(b'{"type": "describe"}\n')
            assert sock.recv(1)


def test_a_client_that_falls_silent_is_let_go(hearing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wyoming_door, "IDLE", 0.2)
    with ExitStack() as stack:
        for begun in (b"", b'{"type"', b'{"type": "audio-chunk", "data": {}, "payload_length": 100}\nabc'):
            sock = connected(stack, hearing)
            sock.sendall(begun)
            assert everything(sock) == b""


@pytest.mark.parametrize("stalled", [0.3, 3600.0], ids=["stalled", "at the deadline"])
def test_a_client_that_does_not_read_is_cut_off_and_frees_its_turn(
    stalled: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wyoming_door, "STALLED", stalled)
    chosen = settings(REQUEST_DEADLINE="3600" if stalled < 1 else "3")
    with serving(tts.create(chosen), free_port()) as address, ExitStack() as stack:

        def requests() -> int:
            told: int = httpx.get(f"{address}/health", trust_env=False, timeout=WITHIN).json()["requests"]
            return told

        sock = connected(stack, chosen.tts_wyoming_port)
        asked = json.dumps({"type": "synthesize", "data": {"text": TEXT}})
        sock.sendall(asked.encode() + b"\n")
        assert sock.recv(1)
        wait_until(lambda: requests() == 0, "its turn was freed", WITHIN)

        assert ask(chosen.tts_wyoming_port, Synthesize("Hello.").event()).type == "audio-start"
        assert b"audio-stop" not in everything(sock)


@pytest.mark.parametrize("voice", ["en-us+../../../../../etc/passwd", "en-us\0", "\0"])
def test_a_voice_that_is_not_listed_is_told_and_the_connection_goes_on(speaking: int, voice: str) -> None:
    async def conversation() -> list[Event | None]:
        async with asyncio.timeout(WITHIN), AsyncTcpClient("127.0.0.1", speaking) as client:
            await client.write_event(Synthesize("Hi.", voice=SynthesizeVoice(name=voice)).event())
            refused = await client.read_event()
            await client.write_event(Synthesize("Hi.").event())
            return [refused, await client.read_event()]

    refused, spoken = asyncio.run(conversation())
    assert refused is not None
    assert refused.data["code"] == "voice_not_found"
    assert spoken is not None
    assert spoken.type == "audio-start"


def test_with_keys_the_protocol_that_has_none_is_only_for_this_machine_or_where_it_is_meant() -> None:
    both = {"WYOMING_ENABLED": "true", "API_KEYS": "a-key"}
    for address in ("0.0.0.0", "::", "192.168.1.5"):
        with pytest.raises(SettingsError) as raised:
            load({**both, "BIND_ADDRESS": address})
        for name in ("WYOMING_ENABLED", "API_KEYS", "BIND_ADDRESS", "WYOMING_WITHOUT_KEYS"):
            assert name in str(raised.value)
        assert "a-key" not in str(raised.value)
        assert load({**both, "BIND_ADDRESS": address, "WYOMING_WITHOUT_KEYS": "true"}).wyoming_enabled
        assert load({"API_KEYS": "a-key", "BIND_ADDRESS": address}).api_keys
        assert load({"WYOMING_ENABLED": "true", "BIND_ADDRESS": address}).wyoming_enabled
    for address in ("127.0.0.1", "::1", "localhost"):
        assert load({**both, "BIND_ADDRESS": address}).wyoming_enabled


def test_keys_that_are_made_shut_the_protocol_that_has_none(tmp_path: Path) -> None:
    open_to_all = {"BIND_ADDRESS": "0.0.0.0", "DATA_DIR": str(tmp_path)}
    chosen = settings(**open_to_all)
    assert not is_shut(chosen)
    Keys(store_of(chosen)).add("studio", ["speech"])
    with serving(tts.create(chosen), free_port()), ExitStack() as stack:
        told = connected(stack, chosen.tts_wyoming_port).makefile("rb").readline()
        assert b'"type": "error"' in told
    for more in ({"BIND_ADDRESS": "127.0.0.1"}, {"WYOMING_WITHOUT_KEYS": "true"}):
        assert not is_shut(settings(**{**open_to_all, **more}))
    store_of(chosen).path.write_bytes(b"broken" * 1000)
    assert is_shut(chosen)
