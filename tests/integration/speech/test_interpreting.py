"""The `openai` client, as it comes, has sts interpret: English in, Spanish text and sound back."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.translations.translations import AsyncTranslationsConnection
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from app.speech.guards import plain
from app.speech.realtime.line import RATE
from app.speech.sound import Resampler, from_pcm, to_pcm
from tests.integration.speech import conftest
from tests.stack import Stack
from tests.unit.sales.stand_in_model import StandInModel, says

WITHIN = 90.0
BLOCK = RATE // 5 * 2
KEY = "k" * 20
SENTENCE = "The government will help the schools."


@pytest.fixture
def anyio_backend() -> str:
    """What the client runs on."""
    return "asyncio"


@pytest.fixture(scope="module")
def sts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """sts with a key, and engines that say the same each time."""
    extra = {"API_KEYS": KEY, "ASR_ENGINE": "pocketsphinx", "TTS_ENGINE": "espeak"}
    with Stack(tmp_path_factory.mktemp("interpreting"), ("sts",), extra) as running:
        yield running


@pytest.fixture(scope="module")
def microphone() -> bytes:
    """The sentence as a microphone's PCM at 24 kHz, and a second of silence."""
    sound = Resampler(conftest.RATE, RATE)(conftest.spoken(SENTENCE))
    return to_pcm(np.concatenate([sound, np.zeros(RATE, np.float32)]))


def client(sts: Stack, key: str = KEY) -> AsyncOpenAI:
    """The openai client with nothing but our address."""
    return AsyncOpenAI(base_url=f"http://127.0.0.1:{sts.settings.sts_port}/v1", api_key=key)


async def send(connection: AsyncTranslationsConnection, pcm: bytes) -> None:
    """Sends sound as a microphone's program does: 200 ms in each event."""
    for start in range(0, len(pcm), BLOCK):
        audio = base64.b64encode(pcm[start : start + BLOCK]).decode()
        await connection.session.input_audio_buffer.append(audio=audio)


async def until(connection: AsyncTranslationsConnection, kind: str) -> list[Any]:
    """The events up to the first of that type."""
    events: list[Any] = []
    async with asyncio.timeout(WITHIN):
        while not events or events[-1].type != kind:
            events.append(await connection.recv())
            assert events[-1].type != "error" or kind == "error", events[-1]
    return events


def text(events: list[Any], name: str) -> str:
    """All that the deltas of that name say."""
    return "".join(each.delta for each in events if each.type == f"session.{name}.delta")


@pytest.mark.anyio
async def test_english_into_a_microphone_comes_back_as_spanish_text_and_sound(
    sts: Stack, microphone: bytes
) -> None:
    async with client(sts).realtime.translations.connect(model="gpt-realtime-translate") as connection:
        (created,) = await until(connection, "session.created")
        assert created.session.type == "translation"
        assert created.session.audio.output.language == "es"
        await connection.session.update(
            session={
                "audio": {"input": {"transcription": {"model": "whisper-1"}}, "output": {"language": "es"}}
            }
        )
        await until(connection, "session.updated")
        await send(connection, 3 * microphone)
        await connection.session.close()
        events = await until(connection, "session.closed")
    assert plain(text(events, "input_transcript")) == plain(" ".join(3 * [SENTENCE]))
    assert plain(text(events, "output_transcript")).split().count("gobierno") == 3
    deltas = [each for each in events if each.type == "session.output_audio.delta"]
    assert {(each.sample_rate, each.channels, each.format) for each in deltas} == {(RATE, 1, "pcm16")}
    at = [each.elapsed_ms for each in deltas]
    assert at == sorted(at)
    assert len(set(at)) == 3
    sound = from_pcm(b"".join(base64.b64decode(each.delta) for each in deltas))
    assert 3 < sound.size / RATE < len(microphone) / 2 / RATE * 3 + 3
    assert float(np.sqrt(np.mean(sound**2))) > 0.02


def in_two_languages(document: dict[str, Any]) -> tuple[int, str]:
    """A stand-in for a language model: the sentence in the language that was asked for."""
    is_catalan = "to the language ca " in json.dumps(document)
    return says("El govern ajudarà les escoles." if is_catalan else "El gobierno ayudará a las escuelas.")


@pytest.mark.anyio
async def test_the_language_can_change_while_somebody_speaks(
    tmp_path_factory: pytest.TempPathFactory, microphone: bytes
) -> None:
    with StandInModel(in_two_languages) as model:
        extra = {"MT_ENGINE": "llm", "LLM_BASE_URL": model.address, "LLM_MODEL": "m"}
        extra |= {"ASR_ENGINE": "pocketsphinx", "TTS_ENGINE": "espeak"}
        with Stack(tmp_path_factory.mktemp("changing"), ("sts",), extra) as sts:
            async with client(sts).realtime.translations.connect(model="m") as connection:
                await until(connection, "session.created")
                await send(connection, microphone)
                await connection.session.update(session={"audio": {"output": {"language": "ca"}}})
                spanish = await until(connection, "session.updated")
                assert spanish[-1].session.audio.output.language == "ca"
                await send(connection, microphone)
                await connection.session.close()
                events = spanish + await until(connection, "session.closed")
    assert plain(text(events, "output_transcript")) == plain(
        "El gobierno ayudará a las escuelas. El govern ajudarà les escoles."
    )
    assert not text(events, "input_transcript")
    assert len({each.elapsed_ms for each in events if each.type == "session.output_audio.delta"}) == 2


@pytest.mark.anyio
async def test_what_is_wrong_is_told_and_the_session_goes_on(sts: Stack, microphone: bytes) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"type": "input_audio_buffer.append", "audio": ""}, "type"),
        ({"type": "session.input_audio_buffer.append", "audio": "AAA"}, "audio"),
        ({"type": "session.update", "session": {"model": "other"}}, "session.model"),
        (
            {"type": "session.update", "session": {"audio": {"output": {"language": "tlh"}}}},
            "session.audio.output.language",
        ),
        ({"type": "session.update", "session": {"audio": {"output": 7}}}, "session.audio.output"),
    ]
    async with client(sts).realtime.translations.connect(model="m") as connection:
        await until(connection, "session.created")
        for event, param in wrong:
            await connection.send_raw(json.dumps({**event, "event_id": "mine"}))
            error = (await until(connection, "error"))[-1].error
            assert (error.type, error.param, error.event_id) == ("invalid_request_error", param, "mine")
        await send(connection, microphone)
        await connection.session.close()
        assert "gobierno" in text(await until(connection, "session.closed"), "output_transcript")


@pytest.mark.anyio
async def test_a_key_is_asked_for(sts: Stack) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with client(sts, "wrong").realtime.translations.connect(model="m"):
            pass
    assert refused.value.response.status_code == 401
    address = f"ws://127.0.0.1:{sts.settings.sts_port}/v1/realtime/translations"
    with (
        pytest.raises(InvalidStatus) as foreign,
        connect(address, origin=Origin("https://elsewhere.example")),
    ):
        pass
    assert foreign.value.response.status_code == 403
