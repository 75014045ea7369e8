"""Speech hosts that come and go behind one name, real processes under a dubbed stream (DUB-4, DEP-9)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.dubbing.noticed import LONGEST_GAP, another_sts, answers, dubbing, watched
from tests.stack import Stack, free_port, wait_for

NewStack = Callable[..., Stack]
NAME = "speech.test"
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
STOPPED_WITHIN = 25.0
PHRASE_WITHIN = 90.0
# Two hosts and a stream have one machine here.
LIGHT = {"TTS_ENGINE": "espeak", "DUB_PROFILE": "steady"}
# A stand-in for DNS, where only root could put a name: each process reads its addresses from a file.
NAMES = f"""\
import pathlib, socket
real = socket.getaddrinfo
def looked_up(host, port, *rest, **named):
    if host != "{NAME}":
        return real(host, port, *rest, **named)
    found = pathlib.Path(__file__).with_name("addresses").read_text().split()
    return [each for address in found for each in real(address, port, *rest, **named)]
socket.getaddrinfo = looked_up
"""


class Names:
    """The addresses of the pool's name."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self._file = folder, folder / "addresses"
        (folder / "sitecustomize.py").write_text(NAMES, encoding="utf-8")

    def lead_to(self, *addresses: str) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(" ".join(addresses), encoding="utf-8")
        fresh.replace(self._file)


def knows(stack: Stack, *addresses: str) -> Callable[[], bool]:
    def found() -> bool:
        parts = stack.http.get("/health").json()["depends_on"]
        return {name for name in parts if name.startswith("sts ")} == {
            f"sts {address}:{stack.settings.sts_port}" for address in addresses
        }

    return found


def asks(stack: Stack, address: str) -> Callable[[], bool]:
    def found() -> bool:
        dub = stack.dub("news")
        return dub is not None and dub["speech"]["address"] == f"ws://{address}:{stack.settings.sts_port}"

    return found


@pytest.mark.thorough
def test_a_pool_of_one_becomes_two_and_one_again_and_the_dub_is_never_without(
    new_stack: NewStack, tmp_path: Path
) -> None:
    port = free_port()
    stack = new_stack(STS_PORT=str(port), STS_URLS=f"dns+ws://{NAME}:{port}", **LIGHT)
    names = Names(tmp_path / "names")
    names.lead_to(FIRST)
    stack.environment["PYTHONPATH"] = os.pathsep.join([str(names.folder), stack.environment["PYTHONPATH"]])
    stack.stop("dubber")
    stack.start("dubber")
    stack.wait_healthy(["dubber"])
    wait_for("the pool of one is known", knows(stack, FIRST), 20)
    stack.publish_sample("news")
    dubbing(stack, "news", 1, PHRASE_WITHIN)
    reader = watched(stack, "news")
    reader.forget()
    with another_sts(stack, port, SECOND) as second:
        wait_for("the second host is up", lambda: answers(port, SECOND), 60)
        names.lead_to(FIRST, SECOND)
        wait_for("the second host is known", knows(stack, FIRST, SECOND), 20)
        assert asks(stack, FIRST)()
        dubbing(stack, "news", 1, PHRASE_WITHIN)
        # As when a group ends the host: the name no longer leads to it, and then its services are stopped.
        names.lead_to(SECOND)
        wait_for("the dub asks the second host", asks(stack, SECOND), 20)
        stack.stop("sts")
        dubbing(stack, "news", 2, PHRASE_WITHIN)
        # As when nobody told before: the host that is asked is stopped while another one is there.
        stack.start("sts")
        stack.wait_healthy(["sts"])
        names.lead_to(FIRST, SECOND)
        wait_for("the first host is known again", knows(stack, FIRST, SECOND), 20)
        dubbing(stack, "news", 1, PHRASE_WITHIN)
        second.terminate()
        wait_for("the dub asks the first host", asks(stack, FIRST), 20)
        second.wait(STOPPED_WITHIN)
        dubbing(stack, "news", 2, PHRASE_WITHIN)
    after = stack.dub("news")
    assert after is not None
    assert [gap for gap in reader.gaps if abs(gap) > LONGEST_GAP] == []
    assert not reader.ended
    # On a busy machine a phrase may be late; none may have had no host to ask.
    phrases = stack.http.get("/streams/news/es/phrases").json()["phrases"]
    assert [phrase["reason"] for phrase in phrases if "ws://" in phrase["reason"]] == []
    assert after["restarts"] == 0
