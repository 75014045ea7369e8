"""A login over the real services: the console, the dubber, the media server, and the command line."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.stack import Stack, wait_for

PASSWORD = "seven green umbrellas"
TEST_PICTURE = (
    "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=300",
    "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-c:a", "aac",
)  # fmt: skip
READ = {"MEDIA_READ_USER": "viewer", "MEDIA_READ_PASSWORD": "out-word"}
PUBLISH = {"MEDIA_PUBLISH_USER": "obs", "MEDIA_PUBLISH_PASSWORD": "in-word"}
LIGHT = {"ASR_ENGINE": "pocketsphinx", "TTS_ENGINE": "espeak"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("login"), ("web",), {**READ, **PUBLISH, **LIGHT}) as found:
        assert found.http.get("/streams").status_code == 200
        found.command("users", "add", "ana", "--role", "operator", given=f"{PASSWORD}\n")
        found.command("users", "add", "vic", given=f"{PASSWORD}\n")
        yield found


@contextmanager
def browser(stack: Stack, name: str = "") -> Iterator[httpx.Client]:
    """A browser, in which somebody has signed in where a name is given."""
    address = f"http://127.0.0.1:{stack.settings.web_port}"
    with httpx.Client(base_url=address, trust_env=False, timeout=20.0) as client:
        if name:
            token = re.findall('name="token" value="(.*?)"', client.get("/login").text)[0]
            answer = client.post("/login", data={"token": token, "name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        yield client


@pytest.fixture(scope="module")
def published(stack: Stack) -> Iterator[str]:
    """A stream that is published by a link, and its name."""
    address = stack.command("links", "add", "live/news", "--publish", "--hours", "1").split()[1]
    publisher = stack.publish(TEST_PICTURE, f"news?{address.partition('?')[2]}")
    wait_for("the stream", lambda: "live/news" in stack.ready_paths(), 30)
    assert publisher.running
    yield "news"
    publisher.stop()


def test_an_account_closes_what_runs_already_and_what_is_beside_the_console(stack: Stack) -> None:
    with browser(stack) as stranger:
        assert stranger.get("/api/dubber/streams").status_code == 401
        assert stranger.get("/", headers={"accept": "text/html"}).headers["location"] == "/login?next=/"
    assert stack.http.get("/streams").status_code == 401
    assert "ana" in stack.command("users", "list")


def test_an_operator_reaches_the_dubber_through_the_console_and_a_viewer_only_looks(stack: Stack) -> None:
    for name, status in (("ana", 404), ("vic", 403)):
        with browser(stack, name) as client:
            assert client.get("/api/dubber/streams").json()["streams"] is not None
            token = re.findall('name="page-token" content="(.*?)"', client.get("/").text)[0]
            headers = {"x-page-token": token, "content-type": "application/json"}
            answer = client.post("/api/dubber/streams/none/es/bypass", json={"on": True}, headers=headers)
            assert answer.status_code == status, answer.text


def test_keys_of_the_command_line_open_what_they_are_for_until_they_are_revoked(stack: Stack) -> None:
    key = stack.command("keys", "add", "studio", "--scope", "dubber:read").strip()
    header = {"authorization": f"Bearer {key}"}
    assert stack.http.get("/streams", headers=header).status_code == 200
    assert stack.http.put("/streams/a/es", headers=header, json={}).status_code == 403
    listed = stack.command("keys", "list")
    assert "dubber:read" in listed
    assert key.split("_")[2] not in listed
    stack.command("keys", "revoke", "studio")
    assert stack.http.get("/streams", headers=header).status_code == 401


def test_events_and_sockets_end_with_their_session(stack: Stack) -> None:
    begun, ended = threading.Event(), threading.Event()

    def listen() -> None:
        with browser(stack, "ana") as client, client.stream("GET", "/api/dubber/events") as events:
            assert events.status_code == 200
            for _ in events.iter_lines():
                begun.set()
        ended.set()

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    assert begun.wait(20)
    assert not ended.is_set()
    assert re.search(r"ana: \d+ sessions ended", stack.command("users", "logout", "ana"))
    assert ended.wait(30)
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{stack.settings.web_port}/api/live", proxy=None).close()
    assert refused.value.response.status_code == 401


def test_nobody_publishes_without_a_link_for_it(stack: Stack, published: str) -> None:
    other = stack.command("links", "add", f"live/{published}", "--hours", "1").split()[0].partition("?")[2]
    for name in ("mine", f"mine?{other}", f"{published}-2?{other}"):
        publisher = stack.publish(TEST_PICTURE, name)
        assert publisher.process.wait(20) != 0
        assert b"401" in publisher.log.read_bytes()


def seen(address: str) -> str:
    """The codecs that ffprobe finds there, or what it says."""
    options = ["-rtsp_transport", "tcp"] if address.startswith("rtsp") else []
    done = subprocess.run(
        ["ffprobe", "-v", "error", *options, "-show_entries", "stream=codec_name", "-of", "csv=p=0", address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout if done.returncode == 0 else done.stderr


def test_a_link_opens_a_stream_to_players_over_every_protocol_and_no_other_does(
    stack: Stack, published: str
) -> None:
    rtsp, rtmp, hls = stack.command("links", "add", f"live/{published}", "--hours", "1").split()
    for address in (rtsp, rtmp, hls):
        assert "h264" in seen(address), address
        assert "h264" not in seen(address.partition("?")[0])
    wrong = stack.command("links", "add", "live/other", "--hours", "1").split()
    for address, other in zip((rtsp, rtmp, hls), wrong, strict=True):
        assert "h264" not in seen(f"{address.partition('?')[0]}?{other.partition('?')[2]}")


def test_who_is_signed_in_watches_through_the_console_without_a_second_password(
    stack: Stack, published: str
) -> None:
    link = stack.command("links", "add", f"live/{published}").split()[0].partition("?")[2]
    path = f"/hls/live/{published}"
    with browser(stack, "vic") as viewer, browser(stack) as player:
        for client, query in ((viewer, ""), (player, f"?{link}")):
            playlist = client.get(f"{path}/index.m3u8{query}")
            assert playlist.status_code == 200, playlist.text
            inner = re.findall(r"^[^#\n].*m3u8.*$", playlist.text, re.MULTILINE)[0]
            found = client.get(f"{path}/{inner}")
            assert found.status_code == 200
            assert "#EXTINF" in found.text
        assert player.get(f"{path}/index.m3u8").status_code == 401
    stack.command("links", "revoke")
    with browser(stack) as player:
        assert player.get(f"{path}/index.m3u8?{link}").status_code == 401
