"""A browser's camera in a room of the real LiveKit server, watched and commented on (COM-3, COM-4, COM-5)."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from livekit import api, rtc
from playwright.sync_api import Browser, BrowserType, Page, expect

from app import livekit
from app.commentary.rooms.door import WATCHER, Door
from app.commentary.rooms.room import Room
from app.web.service import create
from tests.browser.conftest import ARGUMENTS, LOCALE, watched
from tests.browser.looking import until
from tests.browser.servers import serving
from tests.browser.voice import sounds
from tests.stack import Stack, free_port, wait_for
from tools.livekit import ensure

PATIENCE = 30_000
Result = TypeVar("Result")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Commentary, a voice, and LiveKit's server."""
    ensure()
    folder = Path(tmp_path_factory.mktemp("rooms"))
    more = {"LIVEKIT_ENABLED": "true", "TTS_ENGINE": "espeak"}
    more |= {"RECONNECT_DELAY": "0.5", "MAX_RECONNECT_DELAY": "1.0"}
    with Stack(folder, ("livekit", "commentary", "tts"), more) as stack:
        yield stack


@pytest.fixture(scope="module")
def address(stack: Stack) -> Iterator[str]:
    with serving(create(stack.settings), free_port()) as web:
        yield web


@pytest.fixture(scope="module")
def seeing_browser(chromium: BrowserType) -> Iterator[Browser]:
    """A browser with a camera that shows a moving picture."""
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    launched = chromium.launch(executable_path="/usr/bin/chromium", args=[*ARGUMENTS, *camera])
    yield launched
    launched.close()


@pytest.fixture
def seeing_page(seeing_browser: Browser) -> Iterator[Page]:
    with watched(seeing_browser.new_context(**LOCALE)) as page:
        yield page


def apart(work: Coroutine[Any, Any, Result]) -> Result:
    """Does it in a thread of its own: where a browser is driven, an event loop runs already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def show(page: Page, address: str) -> str:
    """Shows the camera, and gives the name of its room."""
    page.goto(f"{address}/commentary/")
    page.get_by_label("Kind").select_option(label="This browser’s camera")
    page.get_by_label("Pace").select_option("lively")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#status")).to_contain_text("Watching", timeout=PATIENCE)
    return str(sessions(address)[0]["source"]["name"])


def sessions(address: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{address}/api/commentary/sessions", trust_env=False, timeout=20.0)
    return list(answer.json()["sessions"])


def ask(address: str, room: str, identity: str = "") -> httpx.Response:
    wish = {"room": room, "identity": identity}
    return httpx.post(f"{address}/api/commentary/livekit/token", json=wish, trust_env=False, timeout=20.0)


async def captions(address: str, token: str) -> str:
    """The first caption that somebody else in the room gets."""
    got: asyncio.Queue[str] = asyncio.Queue()
    reading = set()

    async def read(stream: rtc.TextStreamReader) -> None:
        got.put_nowait(await stream.read_all())

    def begin(stream: rtc.TextStreamReader, _: str) -> None:
        reading.add(asyncio.create_task(read(stream)))

    room = rtc.Room()
    room.register_text_stream_handler("lk.transcription", begin)
    await room.connect(address, token, rtc.RoomOptions(auto_subscribe=False))
    async with asyncio.timeout(30.0):
        text = await got.get()
    await room.disconnect()
    return text


async def who_is_in(door: Door, room: str) -> list[str]:
    async with api.LiveKitAPI(door.address, door.settings.livekit_api_key, door.secret) as client:
        found = await client.room.list_participants(api.ListParticipantsRequest(room=room))
    return sorted(each.identity for each in found.participants)


async def shown(door: Door, name: str) -> float:
    """Seconds from publishing to the first frame that the watcher has."""
    room = Room(name, door, 0.5, 1.0)
    await room.open()
    async with asyncio.timeout(20.0):
        while not room.connected:
            await asyncio.sleep(0.05)
        guest = rtc.Room()
        await guest.connect(door.address, door.guest(name, "painter"))
        source = rtc.VideoSource(320, 240)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA)
        began = time.monotonic()
        painted = bytes([200, 30, 30, 255]) * (320 * 240)

        async def paint() -> None:
            while True:
                source.capture_frame(rtc.VideoFrame(320, 240, rtc.VideoBufferType.RGBA, painted))
                await asyncio.sleep(0.06)

        painting = asyncio.create_task(paint())
        await guest.local_participant.publish_track(track, options)
        frame = await room.newer(0)
        painting.cancel()
    assert frame is not None
    assert frame.picture.shape == (240, 320, 3)
    assert abs(frame.picture.mean(axis=(0, 1)) - (200, 30, 30)).max() < 30
    await guest.disconnect()
    await room.close()
    return frame.arrived - began


def test_a_browsers_camera_is_seen_and_what_is_said_of_it_heard_there(
    seeing_page: Page, address: str, stack: Stack
) -> None:
    page = seeing_page
    room = show(page, address)
    expect(page.locator("#lines .line").first).to_be_visible(timeout=PATIENCE)
    until(page, sounds("#room-voice"))
    expect(page.locator("#states")).to_contain_text("LiveKit: connected")
    # Somebody else reads along.
    heard = apart(captions(stack.settings.livekit_address, ask(address, room).json()["token"]))
    expect(page.locator("#lines .line", has_text=heard).first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#status")).to_contain_text("Ended")


@pytest.mark.thorough
def test_the_server_is_killed_and_back_and_all_come_back_by_themselves_in_rooms_of_their_own(
    seeing_page: Page, seeing_browser: Browser, address: str, stack: Stack
) -> None:
    first = show(seeing_page, address)
    with watched(seeing_browser.new_context(**LOCALE)) as other:
        second = show(other, address)
        stack.kill("livekit")
        for page in (seeing_page, other):
            expect(page.locator("#status")).to_contain_text("Source lost", timeout=PATIENCE)
            expect(page.locator("#status")).to_contain_text("LiveKit")
        expect(other.locator("#states")).to_contain_text("LiveKit: not connected", timeout=PATIENCE)
        stack.start("livekit")
        for page in (seeing_page, other):
            expect(page.locator("#status")).to_contain_text("Watching", timeout=2 * PATIENCE)
        assert first != second
        for room in (first, second):
            watcher, guest = apart(who_is_in(Door(stack.settings), room))
            assert watcher == WATCHER
            assert guest.startswith("guest-")
    # Everybody has left.
    seeing_page.goto("about:blank")
    wait_for("rooms are left", lambda: all(each["state"] == "ended" for each in sessions(address)), 90.0)
    assert {each["source"]["name"] for each in sessions(address)} >= {first, second}


def test_a_browser_without_a_camera_is_offered_none(page: Page, address: str) -> None:
    page.goto(f"{address}/commentary/")
    expect(page.locator("#states")).to_contain_text("LiveKit: connected", timeout=PATIENCE)
    expect(page.get_by_label("Kind").locator("option")).to_have_count(4)


def test_who_has_no_right_is_told_why(address: str, stack: Stack) -> None:
    wishes = {"source": {"kind": "livekit", "name": "hall"}}
    new = f"{address}/api/commentary/sessions"
    assert httpx.post(new, json=wishes, trust_env=False).status_code == 201
    again = httpx.post(new, json=wishes, trust_env=False)
    assert again.status_code == 409
    assert "watched already" in again.json()["detail"]
    assert ask(address, "attic").status_code == 404
    assert ask(address, "hall", WATCHER).status_code == 403
    given = ask(address, "hall", "ada").json()
    assert given["identity"] == "ada"

    def validated(token: str) -> int:
        query = {"access_token": token}
        return httpx.get(f"{address}/api/livekit/rtc/validate", params=query, trust_env=False).status_code

    wait_for("the room is there", lambda: validated(given["token"]) == 200, 10.0)
    key, secret = stack.settings.livekit_api_key, livekit.secret(stack.settings)
    rights = api.VideoGrants(room_join=True, room="hall")
    old = api.AccessToken(key, secret).with_identity("late").with_grants(rights)
    assert validated(old.with_ttl(datetime.timedelta(hours=-1)).to_jwt()) == 401
    assert validated(api.AccessToken(key, "x" * 32).with_identity("eve").with_grants(rights).to_jwt()) == 401
    answers = [ask(address, "hall").status_code for _ in range(11)]
    assert answers[-1] == 429
    assert 200 in answers
    httpx.delete(
        f"{new}/{sessions(address)[0]['id']}", headers={"content-type": "application/json"}, trust_env=False
    )


def test_a_wrong_key_is_said_to_be_wrong(stack: Stack) -> None:
    wrong = stack.settings.model_copy(update={"livekit_api_key": "nobody"})

    async def problem() -> str:
        room = Room("cellar", Door(wrong), 0.5, 1.0)
        await room.open()
        async with asyncio.timeout(20.0):
            while (found := room.health.problem) is None:
                await asyncio.sleep(0.05)
        await room.close()
        return str(found)

    assert apart(problem()).startswith("LiveKit refuses the key: set LIVEKIT_API_KEY")


def test_a_camera_is_seen_soon_after_it_is_shown(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = apart(shown(Door(stack.settings), "studio"))
    with capsys.disabled():
        print(f"\nfrom publishing to the watcher's first frame: {seconds:.2f} s")
