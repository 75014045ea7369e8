"""Commentary on a stream of the real media server, with a real voice (COM-1, COM-4)."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.stack import FfmpegPublisher, Stack, wait_for
from tests.unit.commentary.moving_pictures import BLUE, GREY, RED, video

MOST_CORES, MOST_BYTES = 0.4, 300 << 20
WATCHED_FOR = 6.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Commentary with media server, dubber and a voice; two videos to publish."""
    folder = tmp_path_factory.mktemp("commentary")
    video(folder / "cuts.mp4", ([RED] * 75 + [BLUE] * 75 + [GREY] * 75) * 2)
    made = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25", "-t", "6", "-c:v", "libx264"]
    made += ["-preset", "veryfast", "-bf", "2", "-g", "50", "-pix_fmt", "yuv420p", str(folder / "hd.mp4")]
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", *made], check=True)
    more = {"TTS_ENGINE": "espeak", "RECONNECT_DELAY": "0.5", "MAX_RECONNECT_DELAY": "1.0"}
    more |= {"MEDIA_READ_USER": "viewer", "MEDIA_READ_PASSWORD": "for tests @ all", "TARGET_LANGUAGES": "es"}
    with Stack(folder, ("dubber", "commentary", "tts"), more) as stack:
        yield stack


@pytest.fixture(scope="module")
def api(running: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{running.settings.commentary_address}/api", trust_env=False) as client:
        yield client


def published(stack: Stack, file: str, name: str) -> FfmpegPublisher:
    source = ["-re", "-stream_loop", "-1", "-i", str(stack.folder / file), "-c", "copy"]
    return stack.publish(source, name)


def begin(api: httpx.Client, kind: str, name: str) -> str:
    answer = api.post("/sessions", json={"source": {"kind": kind, "name": name}, "pace": "lively"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def session(api: httpx.Client, id: str) -> dict[str, Any]:
    return dict(api.get(f"/sessions/{id}").json())


def becomes(api: httpx.Client, id: str, state: str) -> dict[str, Any]:
    """The session once it is so."""

    def found() -> dict[str, Any] | None:
        now = session(api, id)
        return now if now["state"] == state else None

    return wait_for(f"the session is {state}", found, 30.0)


def test_a_stream_is_offered_watched_lost_and_found_again(running: Stack, api: httpx.Client) -> None:
    first = published(running, "cuts.mp4", "news")
    wait_for("offered", lambda: "live/news" in api.get("/sources").json()["streams"], 30.0)
    id = begin(api, "stream", "live/news")
    becomes(api, id, "watching")

    def cuts() -> list[dict[str, Any]]:
        return [each for each in api.get(f"/sessions/{id}/comments").json() if each["why"] == "cut"]

    wait_for("three cuts", lambda: len(cuts()) >= 3, 30.0)
    assert any("blue" in each["text"] for each in cuts())
    assert api.get(f"/sessions/{id}/picture.jpg").content[:2] == b"\xff\xd8"
    assert api.get("/status").json()["capture_healthy"] is True

    first.kill()
    lost = becomes(api, id, "lost")
    assert lost["detail"].startswith(("source not found", "stream timeout"))
    assert api.get("/status").json()["capture_healthy"] is False
    published(running, "cuts.mp4", "news")
    assert becomes(api, id, "watching")["reconnects"] >= 1
    assert running.processes["commentary"].poll() is None
    api.delete(f"/sessions/{id}")


def test_what_is_said_of_a_stream_is_spoken(api: httpx.Client, tmp_path: Path) -> None:
    id = begin(api, "stream", "live/news")
    with api.stream("GET", f"/sessions/{id}/events", timeout=30.0) as events:
        for line in events.iter_lines():
            if '"type":"comment"' in line and '"spoken":0.0' not in line:
                break
    spoken = [each for each in api.get(f"/sessions/{id}/comments").json() if each["spoken"]]
    sound = api.get(f"/sessions/{id}/comments/{spoken[-1]['id']}/sound.wav")
    file = tmp_path / "sound.wav"
    file.write_bytes(sound.content)
    assert sound.content[:4] == b"RIFF"
    assert file.stat().st_size > 10_000
    api.delete(f"/sessions/{id}")


@pytest.mark.parametrize(
    ("name", "words"), [("live/nobody", "source not found"), ("dub/news/fr", "source not found")]
)
def test_a_stream_that_nobody_publishes_is_said_to_be_missing(
    api: httpx.Client, name: str, words: str
) -> None:
    id = begin(api, "stream", name)
    assert becomes(api, id, "lost")["detail"].startswith(words)
    api.delete(f"/sessions/{id}")


def test_a_hd_stream_costs_little(
    running: Stack, api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    published(running, "hd.mp4", "hd")
    wait_for("published", lambda: "live/hd" in running.ready_paths(), 30.0)
    before = {process.pid for process in running.family("commentary")}
    id = begin(api, "stream", "live/hd")
    becomes(api, id, "watching")
    decoder = [each for each in running.family("commentary") if each.pid not in before]
    assert len(decoder) == 1
    everyone = running.family("commentary")

    def used() -> float:
        return sum(each.cpu_times().user + each.cpu_times().system for each in everyone)

    began, already = time.monotonic(), used()
    time.sleep(WATCHED_FOR)
    cores = (used() - already) / (time.monotonic() - began)
    memory = sum(psutil.Process(each.pid).memory_full_info().pss for each in everyone)
    with capsys.disabled():
        print(f"\ncommentary on 720p25: {cores:.2f} cores, {memory >> 20} MB")
    assert cores < MOST_CORES
    assert memory < MOST_BYTES
    api.delete(f"/sessions/{id}")
