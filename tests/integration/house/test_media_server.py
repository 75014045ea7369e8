"""The real media server with our configuration: who may publish and read, recording, its closed API."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.conftest import NewStack
from tests.stack import Stack, wait_for

PICTURE = ["-re", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=25", "-t", "30",
           "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p"]  # fmt: skip
PAGE = "https://player.example.org"
OFFER = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
PASSWORDS = {
    "MEDIA_PUBLISH_USER": "obs",
    "MEDIA_PUBLISH_PASSWORD": "publish-word",
    "MEDIA_READ_USER": "viewer",
    "MEDIA_READ_PASSWORD": "read-word",
}


def published(stack: Stack, path: str) -> bool:
    """Whether the media server has a stream at that path."""
    return path in stack.ready_paths()


def publish(address: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", *PICTURE,
         "-f", "rtsp", "-rtsp_transport", "tcp", address],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def refused(publisher: subprocess.Popen[str]) -> bool:
    _, words = publisher.communicate(timeout=30)
    return publisher.returncode != 0 and "401" in words


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack where publishing and reading need passwords, and recording is on."""
    with Stack(
        tmp_path_factory.mktemp("guarded"), ("dubber",), {**PASSWORDS, "MEDIA_RECORD": "true"}
    ) as stack:
        yield stack


def test_publishing_needs_the_password_where_one_is_set(guarded: Stack) -> None:
    host = f"127.0.0.1:{guarded.settings.media_rtsp_port}"
    assert refused(publish(f"rtsp://{host}/live/news"))
    assert refused(publish(f"rtsp://obs:wrong@{host}/live/news"))
    assert refused(publish(f"rtsp://viewer:read-word@{host}/live/news"))
    publisher = publish(f"rtsp://obs:publish-word@{host}/live/news")
    try:
        wait_for("live/news", lambda: published(guarded, "live/news"), 20)
    finally:
        publisher.kill()
        publisher.communicate()


def test_reading_needs_the_password_and_recordings_are_written(guarded: Stack) -> None:
    host = f"127.0.0.1:{guarded.settings.media_rtsp_port}"
    hls = f"http://127.0.0.1:{guarded.settings.media_hls_port}/live/kept/index.m3u8"
    publisher = publish(f"rtsp://obs:publish-word@{host}/live/kept")
    try:
        wait_for("live/kept", lambda: published(guarded, "live/kept"), 20)
        assert httpx.get(hls, trust_env=False, follow_redirects=True).status_code == 401
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=20) as viewer:
            assert viewer.get(hls, auth=("viewer", "read-word")).status_code == 200
        folder = guarded.settings.recordings_dir / "live" / "kept"
        wait_for("a recording", lambda: any(file.stat().st_size for file in folder.glob("*.mp4")), 20)
        assert not any(file.stat().st_mode & 0o077 for file in (folder, *folder.glob("*.mp4")))
    finally:
        publisher.kill()
        publisher.communicate()


def test_nobody_publishes_outside_of_live(guarded: Stack) -> None:
    host = f"127.0.0.1:{guarded.settings.media_rtsp_port}"
    for path in ("other/news", "dub/news/es"):
        assert publish(f"rtsp://obs:publish-word@{host}/{path}").wait(30) != 0


def test_the_control_api_takes_no_command_without_its_password(guarded: Stack, tmp_path: Path) -> None:
    """What a web page in a browser on this machine could send."""
    url = f"http://127.0.0.1:{guarded.settings.media_api_port}/v3/config/paths/add/page"
    body = f'{{"runOnInit": "touch {tmp_path / "done"}"}}'
    answer = httpx.post(url, content=body, headers={"Content-Type": "text/plain"}, trust_env=False)
    assert answer.status_code == 401
    assert not (tmp_path / "done").exists()


def test_another_sites_page_can_neither_publish_nor_play(new_stack: NewStack) -> None:
    """What a browser asks first, and what it sends without asking."""
    settings = new_stack("media", "dubber").settings
    whip = f"http://127.0.0.1:{settings.media_webrtc_port}/live/news/whip"
    hls = f"http://127.0.0.1:{settings.media_hls_port}/live/news/index.m3u8"
    assert not {allowed_origin(whip), allowed_origin(hls)} & {"*", PAGE, "null"}
    for unasked in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        sent = {"origin": PAGE, "content-type": unasked}
        assert httpx.post(whip, content=OFFER, headers=sent, trust_env=False).status_code == 400


def test_a_site_that_the_settings_name_may_play_and_publish(new_stack: NewStack) -> None:
    settings = new_stack("media", "dubber", ALLOWED_ORIGINS=PAGE).settings
    assert allowed_origin(f"http://127.0.0.1:{settings.media_webrtc_port}/live/news/whip") == PAGE
    assert allowed_origin(f"http://127.0.0.1:{settings.media_hls_port}/live/news/index.m3u8") == PAGE


def allowed_origin(address: str) -> str:
    """Whose pages may send a POST there with a content type of its own, by the answer to a preflight."""
    asked = {
        "origin": PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    answer = httpx.request("OPTIONS", address, headers=asked, trust_env=False)
    assert answer.status_code == 204
    return str(answer.headers.get("access-control-allow-origin", ""))


def test_the_control_api_is_not_reachable_from_other_machines(new_stack: NewStack) -> None:
    stack = new_stack("media", BIND_ADDRESS="0.0.0.0")
    own = own_address()
    with socket.create_connection((own, stack.settings.media_rtsp_port), timeout=5):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((own, stack.settings.media_api_port), timeout=5)


def own_address() -> str:
    """An address of this machine that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # 192.0.2.0/24 is reserved for documentation (RFC 5737); connecting UDP only picks a route.
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
