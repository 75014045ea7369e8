"""Dubs are sent on to a second real media server (DUB-12)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.stack import LIGHT_VOICE, Stack, wait_for
from tests.viewer import Viewer

KEY = "copy?user=partner&pass=word-of-the-partner"
CARD = [
    *("-re", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=15"),
    *("-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"),
    *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "15"),
    *("-pix_fmt", "yuv420p", "-c:a", "aac"),
]
SERVICES = ("media", "dubber")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    extra = {"MAX_RECONNECT_DELAY": "1.0", **LIGHT_VOICE}
    with Stack(tmp_path_factory.mktemp("ours"), SERVICES, extra) as stack:
        publisher = stack.publish(CARD, "match", "rtmp")
        wait_for("the dub", lambda: stack.ready_paths().get("dub/match/es"), 30.0)
        yield stack
        publisher.stop()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    login = {"MEDIA_PUBLISH_USER": "partner", "MEDIA_PUBLISH_PASSWORD": "word-of-the-partner"}
    with Stack(
        tmp_path_factory.mktemp("theirs"), SERVICES, {**login, **LIGHT_VOICE, "TARGET_LANGUAGES": "es"}
    ) as stack:
        yield stack


def put(stack: Stack, name: str, address: str, key: str = "") -> httpx.Response:
    return stack.http.put(f"/restreams/match/es/{name}", json={"address": address, "key": key})


def remove(stack: Stack, name: str) -> None:
    headers = {"content-type": "application/json"}
    assert stack.http.delete(f"/restreams/match/es/{name}", headers=headers).status_code == 200


def told(stack: Stack, name: str) -> dict[str, Any]:
    found = stack.http.get("/restreams").json()["restreams"]
    return next(one for one in found if one["name"] == name)


def sending(stack: Stack, name: str) -> bool:
    return bool(told(stack, name)["sending"])


def ingest(stack: Stack) -> str:
    return f"rtmp://127.0.0.1:{stack.settings.media_rtmp_port}/live"


def test_a_dub_arrives_at_another_server_and_its_key_is_seen_nowhere(ours: Stack, theirs: Stack) -> None:
    answer = put(ours, "partner", ingest(theirs), KEY)
    assert answer.status_code == 201
    try:
        wait_for("the dub at the other server", lambda: theirs.ready_paths().get("live/copy"), 20.0)
        wait_for("it is told", lambda: told(ours, "partner")["bit_rate"] > 0 or None, 10.0)
        [stream] = theirs.http.get("/streams").json()["streams"]
        assert set(stream["source"]["tracks"]) == {"H264", "MPEG-4 Audio"}
        lines = [" ".join(process.cmdline()) for process in ours.family("dubber")]
        seen = "\n".join([answer.text, ours.http.get("/restreams").text, ours.logs(), *lines])
        assert "word-of-the-partner" not in seen
        assert told(ours, "partner")["address"] == ingest(theirs)
        metrics = ours.http.get("/metrics").text
        assert 'voicestack_restream_up{language="es",stream="match",target="partner"} 1.0' in metrics
    finally:
        remove(ours, "partner")
    wait_for("it has ended", lambda: "live/copy" not in theirs.ready_paths() or None, 10.0)


def test_a_target_that_is_lost_is_found_again_and_nobody_else_notices(ours: Stack, theirs: Stack) -> None:
    put(ours, "partner", ingest(theirs), KEY)
    try:
        wait_for("it arrives", lambda: sending(ours, "partner") or None, 20.0)
        viewer = Viewer(f"rtmp://127.0.0.1:{ours.settings.media_rtmp_port}/dub/match/es")
        with viewer.watching():
            wait_for("a picture", lambda: viewer.pictures or None, 15.0)
            theirs.kill("media")
            wait_for("the loss is told", lambda: told(ours, "partner")["problem"] or None, 10.0)
            theirs.start("media")
            theirs.wait_healthy(("media",))
            wait_for("it arrives again", lambda: sending(ours, "partner") or None, 30.0)
        assert viewer.longest_pause() < 1.0
        assert ours.dub("match")["reconnects"] == 0  # type: ignore[index]
    finally:
        remove(ours, "partner")


def test_a_wrong_key_a_closed_port_and_a_server_that_takes_nothing_are_told(
    ours: Stack, theirs: Stack
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        put(ours, "wrong", ingest(theirs), "copy?user=partner&pass=guessed")
        put(ours, "closed", "rtmp://127.0.0.1:1/live", "key")
        put(ours, "silent", f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live", "key")
        try:
            for name in ("wrong", "closed", "silent"):
                wait_for(f"{name} is told", partial(in_trouble, ours, name), 30.0)
                assert not sending(ours, name)
        finally:
            for name in ("wrong", "closed", "silent"):
                remove(ours, name)


def trouble(one: dict[str, Any]) -> str | None:
    problem = str(one["problem"])
    return problem if problem not in ("starting", "connecting") else None


def in_trouble(stack: Stack, name: str) -> str | None:
    """What is wrong with a restream now."""
    return trouble(told(stack, name))


def test_its_process_may_be_killed(ours: Stack, theirs: Stack) -> None:
    before = {process.pid for process in ours.family("dubber")}
    put(ours, "partner", ingest(theirs), KEY)
    try:
        wait_for("it arrives", lambda: sending(ours, "partner") or None, 20.0)
        own, *_ = [process for process in ours.family("dubber") if process.pid not in before]
        own.kill()
        psutil.wait_procs([own], timeout=20.0)
        wait_for("it is seen", lambda: not sending(ours, "partner") or None, 10.0)
        wait_for("it arrives again", lambda: sending(ours, "partner") or None, 20.0)
    finally:
        remove(ours, "partner")
    wait_for("its process ends", lambda: {one.pid for one in ours.family("dubber")} <= before, 10.0)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("https://example.org/live", "rtmp://"),
        ("rtmp://", "names a host"),
        ("rtmp://169.254.169.254/live", "link-local"),
        ("rtmp://example.org/li ve", "rtmp://"),
    ],
)
def test_addresses_that_are_none_are_refused(ours: Stack, address: str, why: str) -> None:
    answer = put(ours, "odd", address, "secret-key")
    assert answer.status_code == 422
    assert why in answer.text
    assert "secret-key" not in answer.text


def test_streams_and_targets_that_are_not_there_are_named(ours: Stack) -> None:
    answer = ours.http.put("/restreams/nobody/es/x", json={"address": "rtmp://example.org/live"})
    assert answer.status_code == 404
    assert "match" in answer.text
    headers = {"content-type": "application/json"}
    assert ours.http.delete("/restreams/match/es/x", headers=headers).status_code == 404


def test_targets_come_from_a_file_that_is_nobody_elses(ours: Stack, theirs: Stack) -> None:
    file = Path(ours.settings.profiles_dir) / "news.restream.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f'[[target]]\nname = "partner"\nlanguage = "es"\naddress = "{ingest(theirs)}"\nkey = "{KEY}"\n'
    )
    file.chmod(0o600)
    publisher = ours.publish(CARD, "news", "rtmp")
    try:
        wait_for("it arrives", lambda: theirs.ready_paths().get("live/copy"), 40.0)
    finally:
        publisher.stop()
        file.unlink()
