"""What may be opened, what is said of what can't be, and that nothing hangs (COM-2, COM-4)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import pytest

from app.commentary.frames import captured, decoding
from app.commentary.frames.allowed import Place, files, place_of
from app.commentary.frames.captured import Captured, Launcher
from app.commentary.frames.decoding import judge, resolved
from app.commentary.frames.problem import Kind, SourceProblem
from app.commentary.frames.provider import Health, Slot
from app.commentary.messages import Source
from app.settings import Settings, SettingsError, load
from tests.unit.commentary.moving_pictures import BLUE, GREY, RED, video

WITHIN = 20.0
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_frames_that_come_in_bursts_are_no_more_than_come(monkeypatch: pytest.MonkeyPatch) -> None:
    slot, now = Slot(), [100.0]
    monkeypatch.setattr("app.commentary.frames.provider.time.monotonic", lambda: now[0])
    for number in range(100):
        now[0] += 0.01 if number % 2 else 0.39
        slot.put(GREY, number / 5)
    assert slot.rate == pytest.approx(5.0, abs=0.3)
    now[0] += 2.0
    slot.put(GREY, 20.0)
    assert slot.rate <= 1.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for videos, with one of two seconds in it; beside it lies what nobody may open."""
    root = tmp_path_factory.mktemp("commentary")
    inside = root / "videos"
    inside.mkdir()
    video(root / "secret.mp4", [RED] * 5)
    video(inside / "two-seconds.mp4", [RED] * 25 + [BLUE] * 25)
    (inside / "way-out.mp4").symlink_to(root / "secret.mp4")
    (inside / "garbage.mp4").write_bytes(b"not a video" * 1000)
    (inside / "notes.txt").write_text("no video")
    (inside / "list.ts").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{root}/secret.mp4\n")
    return inside


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()


def settings(folder: Path, **more: str) -> Settings:
    return load({"COMMENTARY_FOLDER": str(folder), "COMMENTARY_HOSTS": "127.0.0.1:9,camera", **more})


@pytest.mark.parametrize(
    ("kind", "name", "problem"),
    [
        ("file", "../secret.mp4", "refused"),
        ("file", "way-out.mp4", "refused"),
        ("file", "/etc/passwd", "refused"),
        ("file", "nothing.mp4", "not_found"),
        ("file", "nul\0.mp4", "not_found"),
        ("file", "notes.txt", "unreadable"),
        ("stream", "live/../x", "not_found"),
        ("stream", "other/x", "not_found"),
        ("device", "/dev/video0", "refused"),
        ("device", "/etc/passwd", "refused"),
        ("rtsp", "rtsp://elsewhere/x", "refused"),
        ("rtsp", "rtsp://camera:8554/x", "refused"),
        ("rtsp", "rtsp://127.0.0.1/x", "refused"),
        ("rtsp", "http://camera/x", "refused"),
        ("rtsp", "file:///etc/passwd", "refused"),
        ("rtsp", "rtsp://camera@elsewhere/x", "refused"),
        ("rtsp", "rtsp://camera/x\r\nTEARDOWN", "refused"),
        ("rtsp", "rtsp://camera:99999/x", "not_found"),
    ],
)
def test_only_what_the_operator_allows_is_opened(folder: Path, kind: str, name: str, problem: Kind) -> None:
    with pytest.raises(SourceProblem) as refused:
        place_of(Source.model_validate({"kind": kind, "name": name}), settings(folder))
    assert refused.value.problem.kind == problem


def test_what_is_allowed_has_a_place(folder: Path) -> None:
    here = settings(folder, MEDIA_READ_USER="viewer", MEDIA_READ_PASSWORD="p@ss/word")
    assert place_of(Source(kind="rtsp", name="rtsp://camera/door"), here).address == "rtsp://camera/door"
    own = place_of(Source(kind="stream", name="dub/news/es"), here)
    assert own.address == "rtsp://viewer:p%40ss%2Fword@127.0.0.1:8554/dub/news/es"
    assert own.shown == "dub/news/es"
    assert set(files(folder)) == {"garbage.mp4", "list.ts", "two-seconds.mp4", "way-out.mp4"}


@pytest.mark.parametrize("hosts", ["rtsp://camera", "camera:x", "cam era", "camera/path"])
def test_a_host_that_is_none_is_told_at_the_start(hosts: str) -> None:
    with pytest.raises(SettingsError, match="COMMENTARY_HOSTS"):
        load({"COMMENTARY_HOSTS": hosts})


def test_addresses_that_lead_to_no_stream_are_refused_whatever_their_name() -> None:
    for number in ("169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "0.0.0.0", "224.0.0.1"):
        with pytest.raises(SourceProblem) as refused:
            resolved(number, 554, trusted=False)
        assert refused.value.problem.kind == "refused"
    assert resolved("127.0.0.1", 554, trusted=False) == "127.0.0.1"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"RTSP/1.0 302 Moved\r\nLocation: rtsp://elsewhere/\r\n\r\n", "refused"),
        (b"RTSP/1.0 404 Not Found\r\n\r\n", "not_found"),
        (b"RTSP/1.0 401 Unauthorized\r\n\r\n", "permission_denied"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "unreadable"),
        (b"", "unreadable"),
    ],
)
def test_what_a_host_answers_is_told_as_what_it_means(answer: bytes, problem: Kind) -> None:
    with pytest.raises(SourceProblem) as said:
        judge(answer, has_password=False)
    assert said.value.problem.kind == problem


async def until(true: Callable[[], bool]) -> None:
    """Waits until that is so."""
    async with asyncio.timeout(WITHIN):
        while not true():
            await asyncio.sleep(0.02)


async def told(provider: Captured) -> Health:
    """What is wrong with a source, once it is told."""
    await provider.open()
    try:
        await until(lambda: provider.health.problem is not None)
        return provider.health
    finally:
        await provider.close()


async def test_a_file_is_seen_in_its_own_time_and_ends(folder: Path, launcher: Launcher) -> None:
    provider = Captured(Place("file", str(folder / "two-seconds.mp4")), launcher, 0.1, 1.0)
    await provider.open()
    seen, number = [], 0
    async with asyncio.timeout(WITHIN):
        while (frame := await provider.newer(number)) is not None:
            number = frame.number
            seen.append(frame)
            assert provider.health.healthy
    assert len(seen) == pytest.approx(10, abs=1)
    assert [frame.picture.shape for frame in seen[:1]] == [(360, 640, 3)]
    # Not faster than it is meant to be seen; how much slower depends on the machine.
    assert seen[-1].arrived - seen[0].arrived > 1.5
    health = provider.health
    assert health.ended
    assert health.problem is not None
    assert health.problem.kind == "ended"
    await provider.close()


class Clock:
    """A clock that moves on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_looped_file_goes_on_with_positions_that_grow(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "time", Clock())
    place = Place("file", str(folder / "two-seconds.mp4"), loop=True)
    sent = (each for each in decoding.pictures(place) if isinstance(each, decoding.Sent))
    positions = [each.position for each in islice(sent, 25)]
    assert positions == sorted(positions)
    assert positions[-1] > 4.0


@pytest.mark.parametrize("name", ["garbage.mp4", "list.ts"])
async def test_a_file_that_is_no_video_is_said_to_be_none(
    folder: Path, launcher: Launcher, name: str
) -> None:
    health = await told(Captured(Place("file", str(folder / name)), launcher, 0.1, 1.0))
    assert health.problem is not None
    assert health.problem.kind == "unreadable"
    assert "choose a video" in str(health.problem)


async def test_a_file_that_went_away_comes_back(folder: Path, launcher: Launcher, tmp_path: Path) -> None:
    place = Place("file", str(tmp_path / "late.mp4"), loop=True)
    provider = Captured(place, launcher, 0.1, 0.3)
    await provider.open()
    await until(lambda: provider.health.problem is not None)
    assert provider.health.problem is not None
    assert provider.health.problem.kind == "not_found"
    (tmp_path / "late.mp4").write_bytes((folder / "two-seconds.mp4").read_bytes())
    await until(lambda: provider.health.healthy)
    assert provider.health.reconnects >= 1
    await provider.close()


@contextmanager
def host(answer: bytes | None) -> Iterator[int]:
    """The port of a host that says this to each request, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    kept.append(connection)
                    if answer is not None:
                        connection.recv(4096)
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "timeout"),
        (b"SSH-2.0-x\r\n", "unreadable"),
        (b"RTSP/1.0 302 Moved\r\nLocation: rtsp://127.0.0.1:1/x\r\n\r\n", "refused"),
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", None),
    ],
)
async def test_a_host_that_gives_no_stream_is_told_rightly(
    launcher: Launcher, answer: bytes | None, problem: Kind | None
) -> None:
    with host(answer) as port:
        health = await told(Captured(Place("rtsp", f"rtsp://127.0.0.1:{port}/x"), launcher, 0.1, 1.0))
    assert health.problem is not None
    assert health.problem.kind == (problem or health.problem.kind)
    assert not health.healthy


async def test_nobody_there_is_told(launcher: Launcher) -> None:
    with host(None) as port:
        pass
    health = await told(Captured(Place("rtsp", f"rtsp://127.0.0.1:{port}/x"), launcher, 0.1, 1.0))
    assert health.problem is not None
    assert health.problem.kind == "unreachable"


async def test_a_decoder_that_hangs_is_ended_and_the_service_goes_on(
    folder: Path, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is stopped says nothing any more, as one does that hangs in its codec."""
    monkeypatch.setattr(captured, "SILENCE", 1.0)
    place = Place("file", str(folder / "two-seconds.mp4"), loop=True)
    provider = Captured(place, launcher, 0.05, 0.1)
    began = asyncio.get_running_loop().time()
    await provider.open()
    await until(lambda: provider.health.healthy)
    assert provider.pid is not None
    os.kill(provider.pid, signal.SIGSTOP)
    await until(lambda: provider.health.reconnects == 1)
    await until(lambda: provider.health.healthy)
    assert asyncio.get_running_loop().time() - began < WITHIN
    await provider.close()
