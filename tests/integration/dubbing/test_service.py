"""The dubber with the real media server, the real speech service and real workers.

Covers DUB-1, DUB-4, DUB-5, DUB-6, DUB-10.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest

from app.render import media
from tests.stack import FfmpegPublisher, Stack, wait_for

NewStack = Callable[..., Stack]
PICTURE = "testsrc=size=320x180:rate=15"
SOUND = "sine=frequency=440:sample_rate=48000"
ENCODED = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "15"]
ENCODED += ["-pix_fmt", "yuv420p", "-c:a", "aac"]
TEST_CARD = ["-re", "-f", "lavfi", "-i", PICTURE, "-re", "-f", "lavfi", "-i", SOUND, *ENCODED]


def paths(stack: Stack) -> dict[str, Any]:
    """The media server's ready paths: when each became ready."""
    return stack.ready_paths()


def out(stack: Stack, name: str, language: str = "es", within: float = 20.0) -> str:
    """When the dub's path became ready, waiting for it."""
    path = f"dub/{name}/{language}"
    return str(wait_for(f"{path} is there", lambda: paths(stack).get(path), within))


def settled(
    stack: Stack, name: str, status: str, language: str = "es", within: float = 20.0
) -> dict[str, Any]:
    """The dub once it has that status."""

    def found() -> dict[str, Any] | None:
        dub = stack.dub(name, language)
        return dub if dub is not None and dub["status"] == status else None

    return wait_for(f"{name} in {language} is {status}", found, within)


def workers(stack: Stack) -> dict[int, psutil.Process]:
    """The worker processes, which are what the fork server forked."""
    family = stack.family("dubber")
    return {
        process.pid: process for process in family if process.ppid() not in (family[0].pid, family[0].ppid())
    }


def put(stack: Stack, path: str) -> httpx.Response:
    return stack.http.put(path, headers={"content-type": "application/json"})


def delete(stack: Stack, path: str) -> httpx.Response:
    return stack.http.delete(path, headers={"content-type": "application/json"})


@contextmanager
def showing(stack: Stack, name: str, protocol: str = "rtsp") -> Iterator[FfmpegPublisher]:
    publisher = stack.publish(TEST_CARD, name, protocol)
    try:
        yield publisher
    finally:
        publisher.stop()


def attempt(address: str, *arguments: str) -> bool:
    """Whether ffmpeg can do it: publish a second to an address, or read from it."""
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", *arguments, address]
    if arguments[-1] == "-i":
        command += ["-frames:v", "1", "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def test_a_dub_comes_and_goes_with_the_operator_s_wish(stack: Stack) -> None:
    with showing(stack, "operated", "rtmp"):
        out(stack, "operated")
        settled(stack, "operated", "dubbing")
        assert delete(stack, "/streams/operated/es").json()["status"] == "stopped"
        wait_for("the dub is gone", lambda: "dub/operated/es" not in paths(stack), 10)
        assert put(stack, "/streams/operated/es").status_code == 201
        out(stack, "operated")
        settled(stack, "operated", "dubbing")
        stack.http.post("/streams/operated/es/bypass", json={"on": True}).raise_for_status()
        settled(stack, "operated", "bypassed")
        stack.http.post("/streams/operated/es/bypass", json={"on": False}).raise_for_status()
        settled(stack, "operated", "dubbing")
        delete(stack, "/streams/operated/es")


def test_a_language_without_a_translator_is_never_called_dubbed(stack: Stack) -> None:
    with showing(stack, "untranslated"):
        out(stack, "untranslated")
        delete(stack, "/streams/untranslated/es")
        assert put(stack, "/streams/untranslated/eu").status_code == 201
        dub = settled(stack, "untranslated", "original", "eu")
        assert "no translator for en-eu" in dub["speech"]["problem"]
        assert "no translator for en-eu" in dub["problem"]
        out(stack, "untranslated", "eu")
        delete(stack, "/streams/untranslated/eu")


def test_no_secret_is_in_a_log_or_an_answer(stack: Stack) -> None:
    with showing(stack, "discreet"):
        out(stack, "discreet")
        everything = stack.http.get("/streams").text + stack.http.get("/health").text
        everything += stack.http.get("/metrics").text
        for log in stack.folder.glob("*.log"):
            everything += log.read_text(errors="replace")
        assert "discreet" in everything
        assert "voicestack-internal:" not in everything
        delete(stack, "/streams/discreet/es")


@pytest.fixture
def without_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A media server whose hooks all get lost."""
    monkeypatch.setattr(media, "hook", lambda *_: "true")


@pytest.mark.usefixtures("without_hooks")
def test_a_lost_hook_costs_nothing_but_a_second(new_stack: NewStack) -> None:
    stack = new_stack()
    with showing(stack, "quiet"):
        wait_for("the stream is published", lambda: "live/quiet" in paths(stack), 15)
        # A look each second; the rest is for a busy machine.
        wait_for("the stream is known", lambda: stack.dub("quiet"), 5)
        out(stack, "quiet")


def test_credentials_are_asked_for_where_they_are_set(new_stack: NewStack) -> None:
    stack = new_stack(
        MEDIA_PUBLISH_USER="obs",
        MEDIA_PUBLISH_PASSWORD="in-word",
        MEDIA_READ_USER="viewer",
        MEDIA_READ_PASSWORD="out-word",
    )
    port, rtmp_port = stack.settings.media_rtsp_port, stack.settings.media_rtmp_port
    second = ["-f", "lavfi", "-i", PICTURE, "-t", "1", *ENCODED[:-2], "-f", "rtsp", "-rtsp_transport", "tcp"]
    # The server accepts RTMP first and closes it seconds later, so it must be noticed while sending.
    over_rtmp = ["-re", *second[:4], "-t", "25", *ENCODED[:-2], "-f", "flv"]
    obs = f"rtsp://obs:in-word@127.0.0.1:{port}"
    assert not attempt(f"rtsp://127.0.0.1:{port}/live/locked", *second)
    assert not attempt(f"rtsp://obs:wrong@127.0.0.1:{port}/live/locked", *second)
    assert not attempt(f"rtsp://viewer:out-word@127.0.0.1:{port}/live/locked", *second)
    assert not attempt(f"rtmp://127.0.0.1:{rtmp_port}/live/locked", *over_rtmp)
    assert not attempt(f"{obs}/dub/locked/es", *second)
    assert not attempt(f"rtsp://voicestack-internal:guess@127.0.0.1:{port}/dub/locked/es", *second)
    assert attempt(f"{obs}/live/locked", *second)

    publisher = subprocess.Popen(
        [
            "ffmpeg",
            "-nostdin",
            "-loglevel",
            "error",
            *TEST_CARD,
            "-f",
            "flv",
            f"rtmp://127.0.0.1:{rtmp_port}/live/locked?user=obs&pass=in-word",
        ]
    )
    try:
        out(stack, "locked")
        tcp = ["-rtsp_transport", "tcp", "-i"]
        assert attempt(f"rtsp://viewer:out-word@127.0.0.1:{port}/dub/locked/es", *tcp)
        assert not attempt(f"rtsp://127.0.0.1:{port}/dub/locked/es", *tcp)
        assert not attempt(f"{obs}/live/locked", *tcp)
    finally:
        publisher.kill()
        publisher.wait()
    assert "in-word" not in stack.logs()
    assert "out-word" not in stack.logs()


def test_a_killed_worker_a_killed_dubber_and_a_killed_media_server_are_all_survived(
    new_stack: NewStack,
) -> None:
    stack = new_stack(TARGET_LANGUAGES="es,eu")
    with showing(stack, "tough") as publisher:
        before = {language: out(stack, "tough", language) for language in ("es", "eu")}
        os.kill(_worker_of(stack, "es"), signal.SIGKILL)
        wait_for(
            "the killed worker's output is back",
            lambda: paths(stack).get("dub/tough/es", before["es"]) != before["es"],
            20,
        )
        dub = settled(stack, "tough", "dubbing")
        assert dub["restarts"] == 1
        assert paths(stack)["dub/tough/eu"] == before["eu"]

        old = workers(stack)
        assert len(old) == 2
        stack.kill("dubber")
        gone, alive = psutil.wait_procs(old.values(), timeout=10)
        assert (len(gone), alive) == (2, [])
        stack.start("dubber")
        stack.wait_healthy(["dubber"])
        settled(stack, "tough", "dubbing")
        out(stack, "tough")

        stack.kill("media")
        wait_for("the dubber says so", lambda: not _media_reachable(stack), 10)
        assert stack.http.get("/health").json()["status"] == "degraded"
        stack.start("media")
        stack.wait_healthy(["media"])
        wait_for("the dubber sees it", lambda: _media_reachable(stack), 10)
        publisher.stop()
    with showing(stack, "tough"):
        back = out(stack, "tough", within=40)
        dub = settled(stack, "tough", "dubbing", within=40)
        assert dub["restarts"] == 0
        played = dub["position"]
        wait_for("it plays on", lambda: (stack.dub("tough") or dub)["position"] > played + 5, 20)
        assert paths(stack)["dub/tough/es"] == back


def _worker_of(stack: Stack, language: str) -> int:
    """The process id of the worker, as the dubber logged it last."""
    lines = stack.log_of("dubber").read_text().splitlines()
    [*_, line] = [each for each in lines if "worker started" in each and f"language={language}" in each]
    return int(line.split("pid=")[1].split()[0])


def _media_reachable(stack: Stack) -> bool:
    return bool(stack.http.get("/health").json()["depends_on"]["media"]["reachable"])


@pytest.mark.thorough
def test_a_listener_hears_everything_and_does_not_keep_the_dubber_from_stopping(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.publish_sample("heard")
    kinds: set[str] = set()
    documents: list[dict[str, Any]] = []
    with httpx.stream(
        "GET", f"{stack.settings.dubber_address}/events", timeout=60, trust_env=False
    ) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        kind = ""
        for line in events.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                kinds.add(kind)
                documents.append({"kind": kind, **json.loads(line.removeprefix("data: "))})
            if {"streams", "caption", "phrase"} <= kinds:
                break
        caption = next(document for document in documents if document["kind"] == "caption")
        assert (caption["stream"], caption["language"]) == ("heard", "es")
        assert caption["source"]
        with httpx.stream(
            "GET", f"{stack.settings.dubber_address}/streams/heard/es/captions", timeout=60, trust_env=False
        ) as captions:
            shown = next(line for line in captions.iter_lines() if line.startswith("data: "))
            assert json.loads(shown.removeprefix("data: "))["target"]
            old = workers(stack)
            assert len(old) == 1
            stack.stop("dubber")
    assert stack.processes["dubber"].returncode in (0, -signal.SIGTERM)
    gone, alive = psutil.wait_procs(old.values(), timeout=20)
    assert (len(gone), alive) == (1, [])
    assert "Traceback" not in stack.log_of("dubber").read_text()
