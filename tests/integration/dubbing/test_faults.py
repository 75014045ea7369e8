"""What goes wrong in the field, done to real processes: kill -9, a stall, a publisher that leaves.

Covers DUB-4, DUB-5, DUB-6, DUB-7.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.integration.dubbing.noticed import (
    LONGEST_GAP,
    another_sts,
    answers,
    dubbing,
    played,
    status_is,
    watched,
)
from tests.stack import Stack, free_port, wait_for

NewStack = Callable[..., Stack]


def test_while_sts_is_killed_the_original_goes_on_without_a_gap_and_dubbing_comes_back(
    new_stack: NewStack,
) -> None:
    stack = new_stack()
    stack.publish_sample("news")
    dubbing(stack, "news")
    reader = watched(stack, "news")
    reader.forget()
    stack.kill("sts")
    dub = wait_for("the original is heard", status_is(stack, "news", "original"), 5)
    assert "connection" in dub["speech"]["problem"], dub["speech"]
    passed = dub["counts"]["passed_through"]
    wait_for(
        "phrases pass through",
        lambda: (stack.dub("news") or dub)["counts"]["passed_through"] >= passed + 2,
        20,
    )
    assert max(reader.levels) > -35
    stack.start("sts")
    stack.wait_healthy(["sts"])
    wait_for("dubbing again", status_is(stack, "news", "dubbing"), 5)
    dubbing(stack, "news", 2)
    assert [gap for gap in reader.gaps if abs(gap) > LONGEST_GAP] == []
    assert not reader.ended
    assert (stack.dub("news") or dub)["restarts"] == 0


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(signal.SIGKILL, id="killed", marks=pytest.mark.thorough),
        pytest.param(signal.SIGSTOP, id="stalled"),
    ],
)
def test_another_speech_host_takes_over_within_a_phrase_and_gives_back(
    new_stack: NewStack, fault: signal.Signals
) -> None:
    first, second = free_port(), free_port()
    urls = f"ws://127.0.0.1:{first},ws://127.0.0.1:{second}"
    stack = new_stack(STS_PORT=str(first), STS_URLS=urls)
    with another_sts(stack, second):
        wait_for("the second host is up", lambda: answers(second), 60)
        stack.publish_sample("hosts")
        dubbing(stack, "hosts")
        wait_for(
            "the first host is used",
            lambda: ((stack.dub("hosts") or {})["speech"]["address"]).endswith(str(first)),
            15,
        )
        before = stack.dub("hosts")
        assert before is not None
        stack.processes["sts"].send_signal(fault)
        wait_for(
            "the second host is used",
            lambda: (stack.dub("hosts") or before)["speech"]["address"].endswith(str(second)),
            10,
        )
        dubbing(stack, "hosts", 2)
        after = stack.dub("hosts")
        assert after is not None
        assert after["counts"]["passed_through"] - before["counts"]["passed_through"] <= 2
        if fault == signal.SIGKILL:
            stack.start("sts")
        else:
            stack.processes["sts"].send_signal(signal.SIGCONT)
        wait_for(
            "the first host is used again",
            lambda: (stack.dub("hosts") or before)["speech"]["address"].endswith(str(first)),
            90,
        )
        dubbing(stack, "hosts", 2)


@pytest.mark.thorough
def test_readers_stay_while_the_publisher_is_gone_and_see_its_return(stack: Stack) -> None:
    with stack.sample("onoff") as (publisher, _):
        dubbing(stack, "onoff")
        reader = watched(stack, "onoff")
        publisher.stop()
        wait_for("the loss is told", status_is(stack, "onoff", "source_lost"), 10)
        gone_at = stack.dub("onoff")
        assert gone_at is not None
        wait_for(
            "ten seconds of silence are published",
            lambda: (stack.dub("onoff") or gone_at)["position"] > gone_at["position"] + 10,
            20,
        )
        assert not reader.ended
        frames = reader.frames
        with stack.sample("onoff"):
            wait_for("the source is back", status_is(stack, "onoff", "dubbing"), 15)
            wait_for("pictures arrive again", lambda: reader.frames > frames + 25, 15)
            dubbing(stack, "onoff", 2)
            assert not reader.ended
            assert [gap for gap in reader.gaps if abs(gap) > LONGEST_GAP] == []
            back = stack.dub("onoff")
    assert back is not None
    assert (back["restarts"], back["reconnects"]) == (0, 1)


def test_a_killed_worker_comes_back_and_another_stream_does_not_notice(stack: Stack) -> None:
    with stack.sample("victim"), stack.sample("bystander"):
        answered(stack, "victim")
        answered(stack, "bystander")
        reader = watched(stack, "bystander")
        ready = stack.ready_paths()["dub/victim/es"]
        reader.forget()
        os.kill(worker_of(stack, "victim"), signal.SIGKILL)
        wait_for("it is back", lambda: stack.ready_paths().get("dub/victim/es", ready) != ready, 10)
        answered(stack, "victim", 2)
        assert speech_hosts_found(stack, "victim") == 2
        assert [gap for gap in reader.gaps if abs(gap) > LONGEST_GAP] == []
        assert not reader.ended
        restarts = {name: (stack.dub(name) or {})["restarts"] for name in ("victim", "bystander")}
        assert restarts == {"victim": 1, "bystander": 0}


def answered(stack: Stack, name: str, more: int = 1) -> None:
    """Waits until so many more phrases have an outcome, whatever it is.

    Beside other tests a machine may have time for one stream alone: the newer one rests, as it should.
    """

    def phrases() -> int:
        dub = stack.dub(name)
        return int(dub["counts"]["phrases"]) if dub else 0

    before = phrases()
    wait_for(f"{more} more phrases of {name}", lambda: phrases() >= before + more, 40)


def speech_hosts_found(stack: Stack, name: str) -> int:
    """How often a stream's workers have connected to a speech host."""
    lines = stack.log_of("dubber").read_text().splitlines()
    return sum("speech host ready" in line and f"stream={name} " in line for line in lines)


def worker_of(stack: Stack, name: str) -> int:
    """The process id of a stream's worker, as the dubber logged it last."""
    lines = stack.log_of("dubber").read_text().splitlines()
    [*_, line] = [each for each in lines if "worker started" in each and f"stream={name}" in each]
    return int(line.split("pid=")[1].split()[0])


def test_a_worker_that_hangs_is_replaced(stack: Stack) -> None:
    with stack.sample("frozen"):
        dubbing(stack, "frozen")
        os.kill(worker_of(stack, "frozen"), signal.SIGSTOP)
        wait_for("it is replaced", lambda: (stack.dub("frozen") or {})["restarts"] == 1, 15)
        dubbing(stack, "frozen", 2)


def test_the_operator_hears_the_original_at_once_and_the_dub_again(stack: Stack) -> None:
    """DUB-8: bypass."""

    def bypass(on: bool) -> None:
        stack.http.post("/streams/bypassed/es/bypass", json={"on": on}).raise_for_status()

    with stack.sample("bypassed"):
        dubbing(stack, "bypassed")
        bypass(True)
        dub = wait_for("bypassed", status_is(stack, "bypassed", "bypassed"), 3)
        heard = played(stack, "bypassed")
        wait_for("time passes", lambda: (stack.dub("bypassed") or dub)["position"] > dub["position"] + 6, 15)
        assert played(stack, "bypassed") == heard
        bypass(False)
        dubbing(stack, "bypassed", 2)
