"""The console and WebRTC in a browser that trusts the edge's own authority (DEP-9)."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from playwright.sync_api import Browser, BrowserType, Page, expect

from app.native.edge import folder_of
from tests.browser.conftest import ARGUMENTS, LOCALE
from tests.browser.looking import PLAYING, until
from tests.browser.servers import publishing
from tests.stack import Stack
from tools import go_modules, pins

PATIENCE = 60_000
# A moving picture goes in by WHIP, and comes back by WHEP as a picture of the same width.
THERE_AND_BACK = """async () => {
  const offered = async (peer, address) => {
    await peer.setLocalDescription(await peer.createOffer());
    while (peer.iceGatheringState !== "complete") await new Promise((done) => setTimeout(done, 50));
    for (let turn = 0; turn < 100; turn++) {
      const answer = await fetch(address, {
        method: "POST", headers: {"content-type": "application/sdp"}, body: peer.localDescription.sdp,
      });
      if (answer.status === 201) {
        await peer.setRemoteDescription({type: "answer", sdp: await answer.text()});
        return answer.headers.get("location");
      }
      await new Promise((done) => setTimeout(done, 200));
    }
    throw new Error(address + " was never answered");
  };
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [320, 180];
  let turn = 0;
  setInterval(() => { canvas.getContext("2d").fillRect(turn++ % 320, 0, 9, 180); }, 50);
  const sending = new RTCPeerConnection(), receiving = new RTCPeerConnection();
  const camera = canvas.captureStream(15);
  camera.getTracks().forEach((track) => sending.addTrack(track, camera));
  const session = await offered(sending, "/live/camera/whip");
  const video = document.createElement("video");
  receiving.ontrack = (event) => { video.srcObject = new MediaStream([event.track]); video.play(); };
  receiving.addTransceiver("video", {direction: "recvonly"});
  await offered(receiving, "/live/camera/whep");
  while (video.currentTime === 0) await new Promise((done) => setTimeout(done, 50));
  const ended = await fetch(session, {method: "DELETE"});
  return [video.videoWidth > 0, ended.status];
}"""
READY = """() => new Promise((done) => {
  const socket = new WebSocket(`wss://${location.host}/api/live`);
  socket.onopen = () => socket.send(JSON.stringify({uid: "edge", language: "en"}));
  socket.onmessage = (event) => done(JSON.parse(event.data).message);
  socket.onclose = (event) => done(event.reason);
})"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything behind an edge, and a stream that is published to it."""
    go_modules.build(pins.CADDY)
    light = {"ASR_ENGINE": "pocketsphinx", "TTS_ENGINE": "espeak"}
    with (
        Stack(tmp_path_factory.mktemp("edge"), ("edge", "live"), light) as stack,
        publishing(f"rtmp://127.0.0.1:{stack.settings.media_rtmp_port}/live/news"),
    ):
        yield stack


@pytest.fixture(scope="module")
def trusting_browser(chromium: BrowserType, stack: Stack) -> Iterator[Browser]:
    """A browser that trusts what the edge's authority signs, and nobody else who is unknown."""
    authority = folder_of(stack.settings) / "pki/authorities/local/intermediate.crt"
    key = x509.load_pem_x509_certificate(authority.read_bytes()).public_key()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(
        key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    trusted = f"--ignore-certificate-errors-spki-list={base64.b64encode(digest.finalize()).decode()}"
    launched = chromium.launch(executable_path="/usr/bin/chromium", args=[*ARGUMENTS, trusted])
    yield launched
    launched.close()


@pytest.fixture
def secure_page(trusting_browser: Browser, stack: Stack) -> Iterator[Page]:
    """The console, over HTTPS."""
    with trusting_browser.new_context(**LOCALE) as context:
        page = context.new_page()
        page.goto(f"https://localhost:{stack.settings.edge_https_port}/")
        yield page


def test_the_console_plays_a_stream_over_http_2_and_nothing_is_refused(secure_page: Page) -> None:
    refused: list[str] = []
    secure_page.on(
        "console", lambda said: refused.append(said.text) if "Security Policy" in said.text else None
    )
    secure_page.reload()
    expect(secure_page.get_by_role("heading", name="news")).to_be_visible(timeout=PATIENCE)
    until(secure_page, PLAYING, 60)
    protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
    assert secure_page.evaluate(protocol) == "h2"
    assert secure_page.evaluate("isSecureContext && location.protocol") == "https:"
    assert refused == []


def test_a_picture_goes_in_by_whip_and_out_by_whep(secure_page: Page) -> None:
    assert secure_page.evaluate(THERE_AND_BACK) == [True, 200]


def test_a_page_reaches_live_by_a_secure_socket(secure_page: Page) -> None:
    assert secure_page.evaluate(READY) == "SERVER_READY"
