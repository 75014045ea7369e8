"""The Python package: what docs/python.md shows is run as it stands there, and the twins do the same."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.speech.guards import plain
from app.speech.sound import Resampler, from_pcm, to_pcm
from app.speech.types import RECOGNISER_RATE
from tests.integration.archive.conftest import FIRST, KEYS, SECOND, Archive, speech
from tests.stack import ROOT, Stack, inherited
from voicestack import (
    AsyncLive,
    AsyncSales,
    AsyncSts,
    AsyncUploads,
    Live,
    NoDub,
    ObjectionEvent,
    Problem,
    Sales,
    Sts,
    Uploads,
)

EXAMPLES = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "python.md").read_text("utf-8"), re.M | re.S)
WITHIN = 120.0


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """sts, live and sales, which say the same each time."""
    extra = {"ASR_ENGINE": "pocketsphinx", "TTS_ENGINE": "espeak", "OBJECTION_ENGINE": "rules"}
    with Stack(tmp_path_factory.mktemp("python"), ("sts", "live", "sales"), extra) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples find their sound."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "talk.wav").write_bytes(speech())
    (folder / "talk.pcm").write_bytes(heard())
    return folder


def heard() -> bytes:
    """The two sentences as live hears them."""
    with wave.open(io.BytesIO(speech())) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    return to_pcm(Resampler(rate, RECOGNISER_RATE)(from_pcm(pcm)))


def here(example: str, services: Stack, archive: Archive) -> str:
    """The example with the ports that the services have in the tests."""
    ports = {"5003": services.settings.sts_port, "9090": services.settings.live_port}
    ports |= {"8002": services.settings.sales_port, "8001": archive.settings.api_port}
    for usual, port in ports.items():
        example = example.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{port}")
    return example.replace("one of API_KEYS", KEYS[0])


def test_the_examples_do_what_they_show(services: Stack, archive: Archive, folder: Path) -> None:
    archive.wait_healthy()
    said = []
    for example in EXAMPLES:
        done = subprocess.run(
            [sys.executable, "-c", here(example, services, archive)],
            cwd=folder,
            env={**inherited(), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    dubbed, written, objections, uploaded = said
    assert "gobierno" in dubbed
    assert (folder / "dubbed.wav").stat().st_size > 50_000
    final = " ".join(line for line in written.splitlines() if not line.startswith("("))
    assert plain(final) == plain(f"{FIRST} {SECOND}")
    assert objections.startswith("price - ")
    assert "-->" in uploaded
    assert all(len(example.splitlines()) <= 20 for example in EXAMPLES)


async def pieces(pcm: bytes) -> AsyncIterator[bytes]:
    """Sound bit by bit."""
    for start in range(0, len(pcm), 3200):
        yield pcm[start : start + 3200]


@pytest.mark.thorough
def test_the_twins_do_the_same(services: Stack, archive: Archive, folder: Path) -> None:
    settings, pcm = services.settings, heard()
    sts_at, live_at = f"ws://127.0.0.1:{settings.sts_port}", f"ws://127.0.0.1:{settings.live_port}"
    sales_at = f"http://127.0.0.1:{settings.sales_port}"

    async def dubbed() -> str:
        async with AsyncSts(sts_at) as sts:
            return (await sts.dub(pcm)).dub.target

    with Sts(sts_at) as sts:
        assert sts.dub(pcm).dub.target == asyncio.run(dubbed())
        with pytest.raises(NoDub) as silence:
            sts.dub(to_pcm(np.zeros(RECOGNISER_RATE, np.float32)))
        assert silence.value.failure.code == "no_speech"

    async def final() -> list[str]:
        return [each.text async for each in AsyncLive(live_at).transcribe(pieces(pcm)) if each.final]

    parts = (pcm[start : start + 3200] for start in range(0, len(pcm), 3200))
    assert [each.text for each in Live(live_at).transcribe(parts) if each.final] == asyncio.run(final())

    async def objected() -> list[str]:
        async with AsyncSales(sales_at) as sales:
            call = await sales.new(title="Wednesday")
            await sales.say(call.id, "Honestly, that is too expensive for us.", 0.0, 3.0)
            await sales.end(call.id)
            found: list[str] = [
                each.kind async for each in sales.events(call.id) if isinstance(each, ObjectionEvent)
            ]
            await sales.remove(call.id)
            return found

    assert asyncio.run(objected()) == ["price"]
    with Sales(sales_at) as sales:
        call = sales.new()
        sales.send(call.id, [pcm[start : start + 3200] for start in range(0, len(pcm), 3200)])
        assert plain(" ".join(each.text for each in sales.get(call.id).segments)) == plain(
            f"{FIRST} {SECOND}"
        )
        assert call.id in [each.id for each in sales.calls()]
        sales.remove(call.id)
        with pytest.raises(Problem) as gone:
            sales.get(call.id)
        assert gone.value.status == 404

    async def uploaded() -> str:
        async with AsyncUploads(f"http://127.0.0.1:{archive.settings.api_port}", key=KEYS[1]) as uploads:
            arrived = await uploads.upload(folder / "talk.wav", language="en")
            whole = await uploads.wait(arrived.id, WITHIN)
            found = await uploads.search("schools")
            assert arrived.id in [each.transcript for each in found.phrases]
            await uploads.delete(arrived.id)
            assert arrived.id not in [each.id for each in await uploads.transcripts()]
            return " ".join(each.text for each in whole.segments)

    assert "schools" in asyncio.run(uploaded())
    with (
        pytest.raises(Problem) as refused,
        Uploads(f"http://127.0.0.1:{archive.settings.api_port}", key="wrong") as uploads,
    ):
        uploads.transcripts()
    assert refused.value.status == 401
