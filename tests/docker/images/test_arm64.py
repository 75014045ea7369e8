"""The speech image of the other platform, pulled from the registry and started under emulation."""

from __future__ import annotations

import httpx
import pytest

from tests.docker import phrase
from tests.docker.images.conftest import Built, container, docker, published
from tests.stack import wait_for

SPEAK = """
from app.speech.engines.pico import Pico
samples, rate = Pico().speak("Buenos días a todos.", "es", "")
print(len(samples) / rate)
"""


@pytest.mark.thorough
def test_the_arm64_image_answers_and_transcribes_under_emulation(built: Built) -> None:
    image = built.name("speech", "linux/arm64")
    options = (
        "--platform",
        "linux/arm64",
        "-e",
        "SERVICE_MODE=asr",
        "-e",
        "ASR_ENGINE=pocketsphinx",
        "-p",
        "127.0.0.1::5001",
    )
    with container(*options, image) as made:
        assert docker("exec", made, "uname", "-m").stdout.strip() == "aarch64"
        address = f"http://{published(made, 5001)}"

        def ready() -> bool:
            try:
                return httpx.get(f"{address}/health").status_code == 200
            except httpx.TransportError:
                return False

        wait_for("asr on arm64", ready, within=120)
        answer = httpx.post(
            f"{address}/v1/audio/transcriptions",
            files={"file": ("phrase.wav", phrase.spoken())},
            data={"model": "pocketsphinx"},
            timeout=120,
        )
        assert answer.status_code == 200, answer.text
        assert phrase.HEARD in answer.json()["text"].lower()
        spoken = docker("exec", made, "python", "-c", SPEAK).stdout
        assert float(spoken) > 0.5, "Pico's program, compiled for arm64, says nothing"
