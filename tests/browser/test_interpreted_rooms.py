"""Two browsers in a room of the real LiveKit server, each in its own language, and a room that is full."""

from __future__ import annotations

import asyncio
import io
import threading
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from livekit import rtc
from playwright.sync_api import BrowserType, Page, expect

from app.commentary.rooms.door import MOST_GUESTS, Door
from app.web.service import create
from tests.browser.conftest import ARGUMENTS, LOCALE, watched
from tests.browser.looking import badly_built, unreadable, until
from tests.browser.servers import serving
from tests.browser.voice import save, sounds
from tests.stack import Stack, free_port, wait_for
from tools.livekit import ensure

PATIENCE = 60_000
SAID = {
    "en": ("Good morning, thank you for taking the time.", ("morning", "thank", "time")),
    "es": ("Buenos días, muchas gracias por su tiempo.", ("good", "thank", "time")),
}
"""What is said in each language, and words that tell that it was understood.

Into English Whisper translates by itself, and tells no Spanish words.
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Commentary, which interprets, sts, a voice, and LiveKit's server."""
    ensure()
    folder = Path(tmp_path_factory.mktemp("interpreted"))
    with Stack(
        folder, ("livekit", "commentary", "tts", "sts"), {"LIVEKIT_ENABLED": "true", "ASR_MODEL": "base"}
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def address(stack: Stack) -> Iterator[str]:
    with serving(create(stack.settings), free_port()) as web:
        yield web


def spoken(stack: Stack, folder: Path, language: str) -> Path:
    """What a browser's microphone hears over and over."""
    wishes = {"input": SAID[language][0], "language": language, "response_format": "wav"}
    answer = httpx.post(
        f"{stack.settings.tts_address}/v1/audio/speech", json=wishes, timeout=60, trust_env=False
    )
    answer.raise_for_status()
    with wave.open(io.BytesIO(answer.content)) as opened:
        rate, pcm = opened.getframerate(), opened.readframes(opened.getnframes())
    pcm = pcm[: len(pcm) - len(pcm) % 2]
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    return save(folder / f"{language}.wav", np.pad(sound, (rate, 3 * rate)), rate=rate)


@contextmanager
def speaking(chromium: BrowserType, file: Path) -> Iterator[Page]:
    """A page of a browser of its own, whose microphone hears that file."""
    microphone = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}",
    ]
    browser = chromium.launch(executable_path="/usr/bin/chromium", args=[*ARGUMENTS, *microphone])
    try:
        with watched(browser.new_context(**LOCALE)) as page:
            yield page
    finally:
        browser.close()


@contextmanager
def crowd(door: Door, room: str, count: int) -> Iterator[None]:
    """So many are in a room until the context ends."""
    entered, over = threading.Event(), threading.Event()

    async def stay() -> None:
        guests = [rtc.Room() for _ in range(count)]
        for number, guest in enumerate(guests):
            token = door.guest(room, f"listener-{number}", "en")
            await guest.connect(door.address, token, rtc.RoomOptions(auto_subscribe=False))
        entered.set()
        await asyncio.to_thread(over.wait)
        for guest in guests:
            await guest.disconnect()

    # Where a browser is driven, an event loop runs already.
    with ThreadPoolExecutor(1) as thread:
        staying = thread.submit(asyncio.run, stay())
        try:
            wait_for("they are in the room", lambda: entered.is_set() or staying.done(), 60.0)
            yield
        finally:
            over.set()
            staying.result()


def enter(page: Page, address: str, language: str) -> None:
    page.goto(f"{address}/rooms/")
    page.get_by_label("Language", exact=True).select_option(language)
    page.get_by_role("button", name="Enter").click()
    expect(page.locator("#status")).to_contain_text("In the room hall", timeout=PATIENCE)


def interpreted(address: str) -> dict[str, dict[str, Any]]:
    """The interpreted rooms by name."""
    answer = httpx.get(f"{address}/api/commentary/livekit/interpreted", timeout=20, trust_env=False)
    return {room["room"]: room for room in answer.json()["rooms"]}


def said(address: str) -> list[dict[str, Any]]:
    """What the interpreter has heard and told."""
    return [phrase for room in interpreted(address).values() for phrase in room["said"]]


def heard_rightly(address: str, language: str, into: str) -> bool:
    """Whether some phrase of a language was understood, and told in the other."""
    return any(
        phrase["text"]
        and any(word in (phrase["heard"] or phrase["text"]).lower() for word in SAID[language][1])
        for phrase in said(address)
        if (phrase["language"], phrase["into"]) == (language, into)
    )


@pytest.mark.thorough
def test_two_browsers_in_a_room_each_hear_and_read_their_own_language(
    chromium: BrowserType, address: str, stack: Stack, tmp_path: Path
) -> None:
    files = {language: spoken(stack, tmp_path, language) for language in SAID}
    with speaking(chromium, files["en"]) as ada, speaking(chromium, files["es"]) as berta:
        for page, own, other in ((ada, "en", "es"), (berta, "es", "en")):
            enter(page, address, own)
            assert page.locator(f'audio[data-track="dub-{other}"]').count() == 0
        for page, own in ((ada, "en"), (berta, "es")):
            until(page, sounds(f'audio[data-track="dub-{own}"]'), PATIENCE / 1000)
            # What the other says in another language is not heard as it is, nor what is for the other.
            assert page.locator("audio").count() == 1
        for own, other in (("en", "es"), ("es", "en")):
            wait_for(f"{own} into {other}", partial(heard_rightly, address, own, other), 60.0, 0.5)
        for page, own in ((ada, "en"), (berta, "es")):
            told = {phrase["text"] for phrase in said(address) if phrase["into"] == own}
            lines = page.locator("#lines .line span:last-child").all_text_contents()
            assert told & set(lines)
            assert not {phrase["text"] for phrase in said(address) if phrase["into"] != own} & set(lines)
        ada.get_by_role("button", name="Leave").click()
        expect(ada.locator("#status")).to_contain_text("Not in a room")
        assert ada.locator("audio").count() == 0


def test_a_room_that_is_full_says_so_and_lets_in_once_there_is_room(
    page: Page, address: str, stack: Stack
) -> None:
    page.goto(f"{address}/rooms/")
    assert badly_built(page) == []
    assert unreadable(page) == []
    page.get_by_label("Name", exact=True).fill("cupboard")
    page.get_by_label("Speak").uncheck()
    new = {"room": "cupboard"}
    began = httpx.post(f"{address}/api/commentary/livekit/interpreted", json=new, timeout=20, trust_env=False)
    assert began.status_code == 200
    wait_for("the room is there", lambda: interpreted(address)["cupboard"]["connected"], 20.0)
    with crowd(Door(stack.settings), "cupboard", MOST_GUESTS):
        wait_for("all are seen", lambda: interpreted(address)["cupboard"]["guests"] == MOST_GUESTS, 20.0)
        page.get_by_role("button", name="Enter").click()
        told = "the room cupboard is full: 20 are in it"
        expect(page.locator("#problem")).to_contain_text(told, timeout=PATIENCE)
    expect(page.locator("#status")).to_contain_text("In the room cupboard", timeout=PATIENCE)
    expect(page.locator("#problem")).to_be_hidden()
