"""Clients of asr and tts that send nothing, send too slowly, or don't read: the others are served. (SPK-7)"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import resource
import socket
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack

import httpx
import pytest
from starlette.types import Message

from app.settings import load
from app.speech.asr import service as asr
from app.speech.rest import arrival, bounds
from app.speech.rest.arrival import GRACE, LOWEST_RATE, Uploads, left, paced
from app.speech.rest.bounds import PIECE, Streamed, pieces
from app.speech.rest.errors import ApiError
from app.speech.tts import service as tts
from tests.browser.servers import serving, wait_until
from tests.stack import free_port

WITHIN = 60.0
TEXT = "This is a sentence that nobody will ever listen to. " * 75


def silence(seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(bytes(int(32_000 * seconds)))
    return file.getvalue()


def transcribe(address: str, file: bytes = b"") -> httpx.Response:
    return httpx.post(
        f"{address}/v1/audio/transcriptions",
        files={"file": ("a.wav", file or silence())},
        timeout=WITHIN,
        trust_env=False,
    )


def speak(address: str, text: str = "Hello.") -> httpx.Response:
    return httpx.post(f"{address}/v1/audio/speech", json={"input": text}, timeout=WITHIN, trust_env=False)


def metric(address: str, name: str) -> float:
    lines = httpx.get(f"{address}/metrics", trust_env=False).text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def requests(address: str) -> int:
    told: int = httpx.get(f"{address}/health", trust_env=False, timeout=WITHIN).json()["requests"]
    return told


def opened(
    stack: ExitStack, address: str, path: str, kind: str, length: int, body: bytes = b""
) -> socket.socket:
    """A connection that has sent the head of a request, and `body` of its `length` bytes."""
    sock = stack.enter_context(socket.socket())
    # Small, so that what is not read soon keeps the server waiting.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(WITHIN)
    sock.connect(("127.0.0.1", int(address.rsplit(":", 1)[1])))
    sock.sendall(
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {length}\r\n\r\n".encode()
        + body
    )
    return sock


def silent_upload(stack: ExitStack, address: str) -> socket.socket:
    return opened(stack, address, "/v1/audio/transcriptions", "multipart/form-data; boundary=x", 1_000_000)


def unread_speech(stack: ExitStack, address: str, **wishes: str) -> socket.socket:
    body = json.dumps({"input": TEXT, "response_format": "wav", "speed": 0.25, **wishes}).encode()
    return opened(stack, address, "/v1/audio/speech", "application/json", len(body), body)


def everything(sock: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65_536):
            parts.append(part)
    return b"".join(parts)


@pytest.fixture(scope="module")
def shared_asr() -> Iterator[str]:
    """asr with room for one request that waits."""
    with serving(asr.create(load({"MAX_WAITING": "1", "MAX_UPLOAD_MB": "8"})), free_port()) as address:
        yield address


@pytest.fixture(scope="module")
def shared_tts() -> Iterator[str]:
    """tts, whose requests have a few seconds."""
    with serving(tts.create(load({"TTS_ENGINE": "espeak", "REQUEST_DEADLINE": "5"})), free_port()) as address:
        yield address


@pytest.fixture
def hearing(shared_asr: str) -> str:
    """That asr, with nobody left of the test before."""
    wait_until(lambda: metric(shared_asr, "asr_uploads_arriving") == 0, "the uploads are gone", WITHIN)
    wait_until(lambda: requests(shared_asr) == 0, "the requests are gone", WITHIN)
    return shared_asr


@pytest.fixture
def speaking(shared_tts: str) -> str:
    """That tts, with nobody left of the test before."""
    wait_until(lambda: requests(shared_tts) == 0, "the requests are gone", WITHIN)
    return shared_tts


def test_uploads_that_have_not_come_take_nobodys_place(hearing: str) -> None:
    with ExitStack() as stack:
        for _ in range(18):
            silent_upload(stack, hearing)
        wait_until(lambda: metric(hearing, "asr_uploads_arriving") == 18, "the uploads began", WITHIN)

        assert transcribe(hearing).status_code == 200
        assert requests(hearing) == 0


def test_an_upload_that_does_not_come_is_told_so_and_cut_off(
    hearing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "GRACE", 0.2)
    with ExitStack() as stack:
        told = everything(silent_upload(stack, hearing))

    assert told.startswith(b"HTTP/1.1 408 ")
    assert json.loads(told.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_slow"
    wait_until(lambda: metric(hearing, "asr_uploads_arriving") == 0, "the upload was given up", WITHIN)


def test_a_body_of_tts_that_does_not_come_is_cut_off_too(
    speaking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "GRACE", 0.2)
    with ExitStack() as stack:
        sock = opened(stack, speaking, "/v1/audio/speech", "application/json", 1000, b'{"input":')
        assert everything(sock).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_is_no_upload_is_bounded(speaking: str, hearing: str) -> None:
    for address, path in ((speaking, "/v1/audio/speech"), (hearing, "/v1/models")):
        told = httpx.post(f"{address}{path}", content=b" " * 300_000, trust_env=False)
        assert (told.status_code, told.json()["error"]["code"]) == (413, "too_large")


def test_more_uploads_than_may_come_at_once_are_refused(
    hearing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "MOST_ARRIVING", 2)
    with ExitStack() as stack:
        for _ in range(2):
            silent_upload(stack, hearing)
        wait_until(lambda: metric(hearing, "asr_uploads_arriving") == 2, "the uploads began", WITHIN)
        told = transcribe(hearing)

        assert (told.status_code, told.json()["error"]["code"]) == (503, "overloaded")
        assert int(told.headers["Retry-After"]) > 0
    wait_until(lambda: metric(hearing, "asr_uploads_arriving") == 0, "the uploads broke off", WITHIN)
    assert transcribe(hearing).status_code == 200


def test_a_full_disk_is_told_as_such(hearing: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A file that can't grow further is what a full disk looks like, but for its number.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, before[1]))
    try:
        told = transcribe(hearing, silence(60))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert (told.status_code, told.json()["error"]["code"]) == (503, "no_room")
    assert transcribe(hearing, silence(60)).status_code == 200


def test_clients_that_do_not_read_are_cut_off_at_the_deadline_and_free_their_turns(speaking: str) -> None:
    with ExitStack() as stack:
        unread = [unread_speech(stack, speaking), unread_speech(stack, speaking, stream_format="sse")]
        for sock in unread:
            assert sock.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: requests(speaking) == 0, "their turns were freed", WITHIN)

        assert speak(speaking).status_code == 200
        for sock in unread:
            # Cut short: the last chunk of a complete answer is empty.
            assert not everything(sock).endswith(b"0\r\n\r\n")


def test_a_client_that_stalls_need_not_wait_for_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "STALLED", 0.3)
    app = tts.create(load({"TTS_ENGINE": "espeak", "REQUEST_DEADLINE": "3600"}))
    with serving(app, free_port()) as address, ExitStack() as stack:
        unread_speech(stack, address).recv(12)
        wait_until(lambda: requests(address) == 0, "its turn was freed", WITHIN)


def test_a_client_that_leaves_while_it_waits_gives_up_its_place(speaking: str) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            unread_speech(stack, speaking)
        wait_until(lambda: requests(speaking) == 3, "they came in", WITHIN)
    wait_until(lambda: requests(speaking) == 0, "they have left", WITHIN)


def test_a_client_that_drips_runs_out_of_patience_and_one_that_keeps_up_never_does() -> None:
    dripping = keeping = stalling = GRACE
    for _ in range(25):
        dripping = left(dripping, 1.0, 100)
        keeping = left(keeping, 1.0, LOWEST_RATE)
        stalling = left(stalling, 0.9 * GRACE, 100 * LOWEST_RATE)

    assert dripping < 0
    assert (keeping, stalling) == (GRACE, GRACE)


def test_time_that_the_server_takes_is_not_held_against_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "GRACE", 0.2)

    async def sent() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x"

    async def read() -> bytes:
        taken = b""
        async for chunk in paced(sent(), float("inf")):
            taken += chunk
            await asyncio.sleep(0.1)
        return taken

    assert asyncio.run(read()) == b"xxxxx"


def test_all_uploads_together_take_no_more_of_the_disk_than_they_may() -> None:
    uploads = Uploads(100)
    with uploads.space() as first, uploads.space() as second:
        first.take(60)
        second.take(40)
        with pytest.raises(ApiError) as raised:
            second.take(1)
        assert (raised.value.status, raised.value.code) == (503, "no_room")
    assert uploads.bytes == 0
    with uploads.space() as third:
        third.take(100)


def test_a_large_answer_is_sent_in_pieces_that_are_the_same_in_all() -> None:
    body = bytes(range(256)) * 1000
    cut = pieces({"type": "http.response.body", "body": body, "more_body": False})

    assert b"".join(piece["body"] for piece in cut) == body
    assert max(len(piece["body"]) for piece in cut) == PIECE
    assert [piece["more_body"] for piece in cut] == [True] * (len(cut) - 1) + [False]


def test_what_an_answer_keeps_is_freed_even_where_its_client_left_before_it_began() -> None:
    freed: list[bool] = []

    async def parts() -> AsyncIterator[bytes]:
        yield b"never"

    async def answer() -> None:
        async with AsyncExitStack() as stack:
            stack.callback(freed.append, True)
            response = Streamed(parts(), stack.pop_all(), media_type="audio/wav")  # type: ignore[arg-type]

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(_: Message) -> None:
            await asyncio.Event().wait()

        await response({"type": "http"}, receive, send)

    asyncio.run(answer())
    assert freed == [True]
