"""`python -m app mic` without a sound card: reading sound, and both services' conversation (LIV-4)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from app.mic import live, sales
from app.mic.capture import NoSound, alsa_devices, sound_file
from app.mic.feed import MAX_WAITING, Feed
from app.mic.live import LiveProblem, Reader, Words
from tests.browser.servers import serving
from tests.browser.stand_in_live import StandInLive, segment
from tests.stack import ROOT, free_port

pytestmark = pytest.mark.anyio
RATE = 44_100


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """A second of 1 kHz, in stereo at 44.1 kHz."""
    path = tmp_path / "tone.wav"
    samples = (np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE) * 16_000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.repeat(samples, 2).tobytes())
    return path


def test_a_file_becomes_pieces_of_100_ms_at_16_khz(tone: Path) -> None:
    with sound_file(tone) as found:
        taken = list(found)
    assert {len(piece) for piece in taken[:-1]} == {3200}
    samples = np.frombuffer(b"".join(taken), "<i2")
    assert abs(len(samples) - 16_000) < 50
    spectrum = np.abs(np.fft.rfft(samples[:15_000] * np.hanning(15_000)))
    assert abs(int(spectrum.argmax()) * 16_000 / 15_000 - 1000) < 3


def test_files_without_sound_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_text("this is no sound")
    with pytest.raises(NoSound, match=r"talk\.wav can't be read"), sound_file(tmp_path / "talk.wav"):
        pass


def test_microphones_are_listed_as_alsa_names_them() -> None:
    listing = (
        "00-00: ALC257 Analog : ALC257 Analog : playback 1 : capture 1\n"
        "00-03: HDMI 0 : HDMI 0 : playback 1\n"
        "01-00: USB Audio : USB Audio : capture 1\n"
    )
    assert [(each.id, each.name) for each in alsa_devices(listing)] == [
        ("plughw:0,0", "ALC257 Analog"),
        ("plughw:1,0", "USB Audio"),
    ]


def test_the_default_microphone_is_read_through_alsa(tmp_path: Path) -> None:
    """ALSA's own file device stands where the sound card would be."""
    (tmp_path / "speech.raw").write_bytes(np.full(48_000, 1234, "<i2").tobytes())
    (tmp_path / "asound.conf").write_text(
        'pcm.speech { type file slave.pcm "null" file "/dev/null" format "raw"\n'
        f'infile "{tmp_path}/speech.raw" }}\n'
        'pcm.null { type null }\npcm.!default { type plug slave.pcm "speech" }\n'
    )
    code = "from app.mic.capture import microphone\nwith microphone('') as s: print(len(next(s)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"ALSA_CONFIG_PATH": str(tmp_path / "asound.conf"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.strip() == "3200", done.stderr


def test_final_words_are_told_once_and_running_ones_each_time() -> None:
    reader = Reader()
    first = reader.read([segment(0, 1, "good"), segment(1, 2, "morn", False)])
    again = reader.read([segment(0, 1, "good"), segment(1, 2, "morning"), segment(2, 3, "how", False)])
    assert first == [Words(0.0, 1.0, "good", True), Words(1.0, 2.0, "morn", False)]
    assert again == [Words(1.0, 2.0, "morning", True), Words(2.0, 3.0, "how", False)]


@contextmanager
def many() -> Iterator[Iterator[bytes]]:
    yield (bytes([number % 256]) * 2 for number in range(MAX_WAITING + 20))


@contextmanager
def broken() -> Iterator[Iterator[bytes]]:
    raise NoSound("the cat sits on it")
    yield iter(())


async def test_a_source_that_nobody_reads_keeps_its_newest_sound_and_counts_the_rest() -> None:
    feed = Feed(many, paced=False)
    async with asyncio.timeout(5):
        while feed.dropped < 20:
            await asyncio.sleep(0.01)
    feed.stop()
    taken = [piece async for piece in feed]
    assert (len(taken), taken[0], taken[-1]) == (MAX_WAITING, b"\x14\x14", b"\x3f\x3f")


async def test_a_source_that_fails_fails_where_its_sound_is_taken() -> None:
    with pytest.raises(NoSound, match="the cat"):
        assert [piece async for piece in Feed(broken, paced=False)] == []


async def sound() -> AsyncIterator[bytes]:
    for _ in range(10):
        yield b"\x01\x00" * 1600


async def test_live_gets_the_sound_as_int16_and_its_last_words_are_told() -> None:
    stand_in, port, told = StandInLive(last_words=[segment(0, 1, "good morning")]), free_port(), list[Words]()
    with serving(stand_in.app(), port):
        await live.transcribe(f"ws://127.0.0.1:{port}", "", live.greeting("en", ""), sound(), told.extend)
    assert stand_in.seconds == 1.0
    assert (stand_in.asked[0]["audio_format"], stand_in.asked[0]["language"]) == ("int16", "en")
    assert told == [Words(0.0, 1.0, "good morning", True)]


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        ({"status": "WAIT", "message": 4.0}, "no free place now; try again in about 4.0 min"),
        ({"status": "ERROR", "message": "no such language"}, "live says: no such language"),
        ({"message": "DISCONNECT"}, "LIVE_MAX_CONNECTION_TIME"),
    ],
)
async def test_why_live_refuses_is_told(greeting: dict[str, object], words: str) -> None:
    port = free_port()
    with serving(StandInLive(greeting=greeting).app(), port), pytest.raises(LiveProblem, match=words):
        await live.transcribe(f"ws://127.0.0.1:{port}", "", live.greeting("en", ""), sound(), print)


async def test_services_that_do_not_run_are_named_with_what_to_do() -> None:
    address = f"://127.0.0.1:{free_port()}"
    with pytest.raises(LiveProblem, match="--services live"):
        await live.transcribe(f"ws{address}", "", "{}", sound(), print)
    with pytest.raises(sales.SalesProblem, match="--services sales"):
        await sales.converse(f"http{address}", "en", sound(), print, {})


def test_a_file_that_is_not_there_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "mic", "--file", "/nowhere/talk.wav"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "There is no file /nowhere/talk.wav.\n")
