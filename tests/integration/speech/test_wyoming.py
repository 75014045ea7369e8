"""asr and tts over the Wyoming protocol, through its own unmodified client. (SPK-3)"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import numpy as np
import pytest
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeVoice

from app.speech.guards import plain
from app.speech.sound import to_pcm
from tests.integration.speech.conftest import RATE, spoken
from tests.stack import Stack

SENTENCE = "The government will help the schools."
WITHIN = 60.0


@pytest.fixture(scope="module")
def wyoming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """asr and tts with the Wyoming protocol switched on."""
    with Stack(tmp_path_factory.mktemp("wyoming"), ("asr", "tts"), {"WYOMING_ENABLED": "true"}) as running:
        yield running


def talk(port: int, events: list[Event], last: str) -> list[Event]:
    """Sends the events; returns what comes back up to an event of type `last`."""

    async def conversation() -> list[Event]:
        found: list[Event] = []
        async with asyncio.timeout(WITHIN), AsyncTcpClient("127.0.0.1", port) as client:
            for event in events:
                await client.write_event(event)
            while not found or found[-1].type != last:
                event = await client.read_event()
                assert event is not None, f"the server hung up after {[each.type for each in found]}"
                found.append(event)
        return found

    return asyncio.run(conversation())


def sound_events(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[Event]:
    pcm = to_pcm(samples)
    chunks = [AudioChunk(RATE, 2, 1, pcm[start : start + 4096]).event() for start in range(0, len(pcm), 4096)]
    return [AudioStart(RATE, 2, 1).event(), *chunks, AudioStop().event()]


def test_asr_says_what_it_offers_and_writes_down_what_it_hears(wyoming: Stack) -> None:
    port = wyoming.settings.asr_wyoming_port
    info = Info.from_event(talk(port, [Describe().event()], "info")[0])
    answer = talk(port, [Transcribe(language="en").event(), *sound_events(spoken(SENTENCE))], "transcript")

    assert {"en", "es"} <= set(info.asr[0].models[0].languages)
    assert plain(Transcript.from_event(answer[-1]).text) == "the government will help the schools"


def test_tts_says_what_it_offers_and_speaks_what_asr_understands(wyoming: Stack) -> None:
    port = wyoming.settings.tts_wyoming_port
    info = Info.from_event(talk(port, [Describe().event()], "info")[0])
    asked = Synthesize(SENTENCE, voice=SynthesizeVoice(name="en_US-joe-medium"))
    told = talk(port, [asked.event()], "audio-stop")
    heard = talk(wyoming.settings.asr_wyoming_port, told, "transcript")

    assert "en_US-joe-medium" in [voice.name for voice in info.tts[0].voices]
    assert [event.type for event in told] == ["audio-start", "audio-chunk", "audio-stop"]
    assert plain(Transcript.from_event(heard[-1]).text) == "the government will help the schools"


def test_a_voice_that_is_not_there_is_told_and_the_connection_goes_on(wyoming: Stack) -> None:
    bad = Synthesize("Hello.", voice=SynthesizeVoice(name="nobody"))
    told = talk(wyoming.settings.tts_wyoming_port, [bad.event(), Synthesize("Hello.").event()], "audio-stop")

    assert Error.from_event(told[0]).code == "voice_not_found"
    assert told[-2].type == "audio-chunk"


def test_bytes_that_are_no_events_do_not_stop_the_others(wyoming: Stack) -> None:
    port = wyoming.settings.asr_wyoming_port
    for garbage in (
        b"\x00\xff\n" * 100,
        b"{}\n",
        b'{"type": 3}\n',
        b'{"type":"audio-chunk","data":{}}\n',
        b"[]\n",
    ):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(garbage)
    answer = talk(port, sound_events(spoken(SENTENCE)), "transcript")

    assert "government" in Transcript.from_event(answer[-1]).text
