"""sts and asr told to stop with work in hand: what was accepted is answered first."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from tests.integration.speech.conftest import Client, open_client, spoken
from tests.integration.speech.test_openai import wav
from tests.stack import Stack, wait_for

NewStack = Callable[..., Stack]
SENTENCE = "The government will help the schools and the people of the city."
RESTARTS = 1012


def test_a_phrase_that_was_asked_for_is_answered_before_sts_ends(new_stack: NewStack) -> None:
    sts = new_stack("sts")
    with open_client(sts) as socket, open_client(sts) as idle:
        client = Client(socket)
        client.configure()
        Client(idle).configure()
        client.hear(spoken(SENTENCE))
        asked = client.mark()
        health = f"http://127.0.0.1:{sts.settings.sts_port}/health"
        wait_for("it is in hand", lambda: httpx.get(health, trust_env=False).json()["pending"] == 1, 20, 0.01)
        sts.processes["sts"].send_signal(signal.SIGTERM)
        answer = client.answer()
        assert (answer.message["type"], answer.message["id"]) == ("dub", asked)
        assert "government" in answer.message["source"]
        for each in (socket, idle):
            with pytest.raises(ConnectionClosed) as told:
                each.recv(10)
            assert told.value.rcvd is not None
            assert told.value.rcvd.code == RESTARTS
    sts.processes["sts"].wait(15)
    assert "Traceback" not in sts.log_of("sts").read_text(encoding="utf-8")


def test_a_recording_that_was_uploaded_is_transcribed_before_asr_ends(new_stack: NewStack) -> None:
    asr = new_stack("asr")
    address = f"http://127.0.0.1:{asr.settings.asr_port}"
    sound = np.concatenate([spoken(SENTENCE)] * 3)

    def transcribe() -> httpx.Response:
        return httpx.post(
            f"{address}/v1/audio/transcriptions", files={"file": ("speech.wav", wav(sound), "audio/wav")},
            data={"model": "whisper-1"}, timeout=60, trust_env=False,
        )  # fmt: skip

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(transcribe)
        health = f"{address}/health"
        wait_for(
            "it is in hand", lambda: httpx.get(health, trust_env=False).json()["requests"] == 1, 20, 0.01
        )
        asr.processes["asr"].send_signal(signal.SIGTERM)
        answer = asked.result(60)
    assert answer.status_code == 200
    assert "government" in answer.json()["text"]
    asr.processes["asr"].wait(15)
