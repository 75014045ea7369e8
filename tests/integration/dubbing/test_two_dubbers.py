"""Two dubbers side by side on one media server, as in a release (DEP-9), and one that is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from app.demo.read import watch_address
from app.dubbing.service.auth import API_USER
from app.dubbing.worker.publisher import STANDING_BY
from app.native import guard
from tests.integration.dubbing.relay import Relay
from tests.stack import API_PASSWORD, Stack, free_port, wait_for
from tests.viewer import Viewer

NewStack = Callable[..., Stack]
STREAM = "handed-over"
PATH = f"dub/{STREAM}/es"
DELAY = 2.8
ENDS_WITHIN = 15.0
NOT_FOR_EVER = 30.0


@dataclass
class Dubber:
    """A dubber of its own beside the stack's, on a port of its own."""

    stack: Stack
    port: int
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self, name: str) -> None:
        """Starts it, with a log of that name."""
        with self.stack.log_of(name).open("ab") as log:
            self.process = subprocess.Popen(
                guard.command(os.getpid(), [sys.executable, "-m", "app", "serve", "dubber"]),
                cwd=self.stack.folder, env={**self.stack.environment, "DUBBER_PORT": str(self.port)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def end(self, number: signal.Signals) -> None:
        """Ends it by a signal, and waits for that."""
        self.process.send_signal(number)
        self.process.wait(ENDS_WITHIN)


def asked(port: int, path: str) -> httpx.Response | None:
    """What a dubber answers, None where it does not."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=10.0)
    except httpx.HTTPError:
        return None


def healthy(port: int) -> bool:
    answer = asked(port, "/health")
    return answer is not None and answer.status_code == 200


def dub(port: int) -> tuple[str, str]:
    """Status and note of the dub as that dubber tells them."""
    answer = asked(port, f"/streams/{STREAM}")
    [found] = answer.json()["dubs"] if answer is not None and answer.status_code == 200 else [{}]
    return found.get("status", ""), found.get("note", "")


def publisher(stack: Stack) -> str:
    """Who publishes the dub, as the media server names it; empty where nobody does."""
    address = f"http://127.0.0.1:{stack.settings.media_api_port}/v3/paths/get/{PATH}"
    answer = httpx.get(address, auth=(API_USER, API_PASSWORD), timeout=20.0, trust_env=False)
    source = answer.json().get("source") if answer.status_code == 200 else None
    return str(source["id"]) if source else ""


@pytest.fixture
def pair(new_stack: NewStack) -> Iterator[tuple[Stack, Dubber]]:
    """A stack whose dubber shares its name with another that does not run yet."""
    first, second, name = free_port(), free_port(), free_port()
    with Relay(name, [first, second]):
        stack = new_stack(
            DUBBER_PORT=str(first), DUBBER_URL=f"http://127.0.0.1:{name}", HANDOVER_SECRET="of-this-host",
            MEDIA_API_PASSWORD=API_PASSWORD,
        )  # fmt: skip
        other = Dubber(stack, second)
        try:
            yield stack, other
        finally:
            if hasattr(other, "process"):
                other.process.kill()
                other.process.wait()


def test_a_new_dubber_takes_over_and_the_old_one_stands_by_until_it_is_needed(
    pair: tuple[Stack, Dubber],
) -> None:
    stack, other = pair
    first = stack.settings.dubber_port
    stack.publish_sample(STREAM)
    viewer = Viewer(watch_address(stack.settings, PATH))
    with viewer.watching():
        wait_for("a dubbed picture", lambda: len(viewer.pictures) > 50, 40)
        wait_for("the first one dubs", lambda: dub(first)[0] == "dubbing", 20)
        began, before = time.monotonic(), publisher(stack)

        other.start("dubber-2")
        wait_for("the new one is healthy", lambda: healthy(other.port), 40)
        after = publisher(stack)
        assert after not in ("", before)
        wait_for("the new one dubs", lambda: dub(other.port)[0] == "dubbing", 20)
        wait_for("the old one stands by", lambda: dub(first) == ("waiting", STANDING_BY), 10)
        seen = len(viewer.pictures)
        wait_for("pictures of the new one", lambda: len(viewer.pictures) > seen + 50, 20)
        assert publisher(stack) == after
        taken_over_in = viewer.longest_pause(began)

        began = time.monotonic()
        other.end(signal.SIGKILL)
        wait_for("the old one dubs again", lambda: dub(first)[0] == "dubbing", 20)
        seen = len(viewer.pictures)
        wait_for("pictures of the old one", lambda: len(viewer.pictures) > seen + 50, 20)
        taken_back_in = viewer.longest_pause(began)

        other.start("dubber-3")
        wait_for("the third one is healthy", lambda: healthy(other.port), 40)
        wait_for("the old one stands by", lambda: dub(first) == ("waiting", STANDING_BY), 10)
        now = publisher(stack)
        stack.stop("dubber")
        seen = len(viewer.pictures)
        wait_for("pictures go on", lambda: len(viewer.pictures) > seen + 50, 20)
        assert publisher(stack) == now
    print(f"taken over in {taken_over_in:.1f} s, taken back in {taken_back_in:.1f} s")
    assert 0 < taken_over_in < NOT_FOR_EVER
    assert 0 < taken_back_in < NOT_FOR_EVER
    assert "of-this-host" not in stack.logs()


@pytest.mark.thorough
def test_a_dubber_that_nobody_takes_over_from_plays_out_what_it_has(pair: tuple[Stack, Dubber]) -> None:
    stack, _ = pair
    stack.publish_sample(STREAM)
    viewer = Viewer(watch_address(stack.settings, PATH))
    with viewer.watching():
        wait_for("a dubbed picture", lambda: len(viewer.pictures) > 100, 40)
        asked_to_stop = time.monotonic()
        stack.stop("dubber")
    # What was heard until then leaves a delay later; the rest is for the way and a busy machine.
    assert viewer.pictures[-1] > asked_to_stop + DELAY - 1.0
    assert stack.processes["dubber"].returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in stack.log_of("dubber").read_text(encoding="utf-8")
