"""A speech host of a pool follows what AWS means to do with it: its metadata, AWS's API and the engine are
stand-ins, the service that is stopped is a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.release import names
from infra.hosts.converge import __main__ as converging
from infra.hosts.converge import aws, engine, following, member, metadata
from infra.hosts.converge.host import Places
from infra.hosts.converge.metadata import Metadata
from tests.unit.hosts.pool_cloud import INSTANCE, Cloud

GROUP = names.speech_group("prod")
HOST = {
    "stack": "prod", "name": "speech", "role": "speech", "region": "eu-central-1", "volume": "",
    "metrics": names.metrics("prod", "speech"),
}  # fmt: skip
BUNDLE = {
    "pool": {"group": GROUP, "arriving": names.ARRIVING, "leaving": names.LEAVING},
    "compose": {"name": "voicestack", "services": {"sts": {}}},
}
PATIENCE = 60.0
TARGET, NOTICE = "autoscaling/target-lifecycle-state", "spot/instance-action"
# What a service does with SIGTERM: it answers what it was asked, and ends.
SERVICE = """\
import pathlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("serves", flush=True)
signal.sigwait({signal.SIGTERM})
print("answered", flush=True)
"""
# As far as the program asks it: which containers there are, and that one be stopped.
ENGINE = """\
#!{python}
import json, os, signal, sys, time
word, pid = sys.argv[1], int(open("{folder}/pid").read())
running = not os.path.exists("{folder}/stopped")
if word == "ps":
    print("c1")
elif word == "inspect":
    state = {{"Status": "running" if running else "exited", "ExitCode": 0}}
    labels = {{"com.docker.compose.service": "sts"}}
    print(json.dumps([{{"Id": "c1", "State": state, "RestartCount": 0,
                      "Config": {{"Labels": labels, "Image": "speech"}}}}]))
elif word == "stop":
    os.kill(pid, signal.SIGTERM)
    open("{folder}/stopped", "w").close()
"""


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    made = Cloud()
    # However slow this machine is now: what does not answer in time is another matter.
    monkeypatch.setattr(metadata, "ANSWERED_WITHIN", PATIENCE)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", made.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "stand-in")
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(tmp_path / "state", tmp_path / "run", tmp_path / "data")
    for each in (found.state, found.run, found.data):
        each.mkdir()
    return found


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A service that runs, in a container as the program sees it."""
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text(ENGINE.format(python=sys.executable, folder=tmp_path), encoding="utf-8")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}:{os.environ['PATH']}")
    with subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "serves\n"
        (tmp_path / "pid").write_text(str(running.pid))
        yield running
        running.kill()


def one_of_the_pool(places: Places, sleep: Any = lambda _: None) -> member.Member:
    """The host, as its program makes it."""
    return member.Member(member.described(HOST, BUNDLE, Metadata()), BUNDLE, places, Metadata(), sleep)


def test_it_takes_part_once_it_is_healthy_and_says_so_once(cloud: Cloud, places: Places) -> None:
    cloud.says[TARGET] = "InService"
    host = one_of_the_pool(places)
    host.look()
    assert cloud.completed == []
    (places.run / member.JOINED).touch()
    host.look()
    host.look()
    (asked,) = cloud.completed
    assert (asked["AutoScalingGroupName"], asked["LifecycleHookName"]) == (GROUP, names.ARRIVING)
    assert (asked["InstanceId"], asked["LifecycleActionResult"]) == (INSTANCE, "CONTINUE")
    # After a reboot nothing waits, and that is no mistake.
    cloud.waits.clear()
    one_of_the_pool(places).look()
    assert cloud.hooks() == [names.ARRIVING] * 2


def test_one_that_is_to_end_waits_for_its_streams_to_leave_stops_its_services_and_says_so(
    cloud: Cloud, places: Places, service: subprocess.Popen[str]
) -> None:
    (places.run / member.JOINED).touch()
    while_it_waits: list[tuple[float, bool, bool]] = []

    def sleep(seconds: float) -> None:
        while_it_waits.append((seconds, service.poll() is None, member.takes_part(places)))

    host = one_of_the_pool(places, sleep)
    host.look()
    assert member.takes_part(places)
    cloud.says[TARGET], cloud.waits = "Terminated", {names.LEAVING}
    host.look()
    assert while_it_waits == [(member.FORGOTTEN_WITHIN, True, False)]
    assert service.stdout is not None
    assert service.stdout.read() == "answered\n"
    assert names.LEAVING not in cloud.hooks(), "only when its services have ended"
    host.look()
    host.look()
    assert cloud.hooks() == [names.ARRIVING, names.LEAVING]


def test_a_spot_host_that_is_taken_back_stops_its_services_at_once_and_ends_with_its_group(
    cloud: Cloud, places: Places, service: subprocess.Popen[str]
) -> None:
    cloud.says |= {TARGET: "InService", NOTICE: '{"action": "terminate", "time": "2030-01-01T00:00:00Z"}'}
    waited: list[float] = []
    host = one_of_the_pool(places, waited.append)
    host.look()
    assert service.wait() == 0
    assert waited == []
    host.look()
    assert cloud.completed == []
    cloud.says[TARGET] = "Terminated"
    host.look()
    assert cloud.hooks() == [names.LEAVING]


def test_a_token_that_has_run_out_is_replaced(cloud: Cloud) -> None:
    asked = Metadata()
    assert asked.get("instance-id") == INSTANCE
    cloud.tokens.clear()
    assert asked.get("instance-id") == INSTANCE
    assert asked.get(NOTICE) == ""


def test_it_is_followed_until_another_release_is_here_whatever_fails_meanwhile(
    cloud: Cloud, places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched = [places.state / name for name in ("fetched-1", "fetched-2")]
    for folder in fetched:
        folder.mkdir()
    wanted = places.state / "wanted"
    wanted.symlink_to("fetched-1")
    monkeypatch.chdir(wanted)
    monkeypatch.setattr(member, "LOOK_EVERY", 0.01)
    (places.run / member.JOINED).touch()
    refusals = ["Throttling", "Throttling"]
    complete = aws.complete

    def at_last(*asked: str) -> str:
        if refusals:
            raise RuntimeError(refusals.pop())
        return complete(*asked)

    monkeypatch.setattr(aws, "complete", at_last)
    host = member.described(HOST, BUNDLE, Metadata())
    follows = threading.Thread(target=following.follow, args=(host, BUNDLE, places))
    follows.start()
    with cloud.changed:
        cloud.changed.wait_for(lambda: cloud.completed)
    wanted.unlink()
    wanted.symlink_to("fetched-2")
    follows.join()
    assert cloud.hooks() == [names.ARRIVING]
    assert capsys.readouterr().out.count("Throttling") == 1


@pytest.mark.usefixtures("cloud")
def test_hosts_of_a_pool_measure_as_one_and_only_while_they_take_part(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Any, ...]] = []
    monkeypatch.setattr(aws, "put_metrics", lambda *each: told.append(each))
    monkeypatch.setattr(engine, "standings", lambda _: [])
    host = member.described(HOST, BUNDLE, Metadata())
    assert host["name"] == f"speech-{INSTANCE}"
    converging.report(host, BUNDLE, places)
    (places.run / member.JOINED).touch()
    converging.report(host, BUNDLE, places)
    (places.run / member.LEAVES).touch()
    converging.report(host, BUNDLE, places)
    assert [each[2] for each in told] == [{"stack": "prod", "host": "speech"}] * 3
    assert [each[3].get("Unhealthy") for each in told] == [None, 1.0, None]


def test_a_fixed_host_has_its_own_name_and_asks_for_no_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
    fixed = {"compose": BUNDLE["compose"]}
    assert member.described({**HOST, "name": "speech-1"}, fixed, Metadata())["name"] == "speech-1"
    streaming = {**HOST, "role": "streaming", "name": "streaming"}
    assert member.described(streaming, BUNDLE, Metadata())["name"] == "streaming"


@pytest.mark.parametrize("asked", [[], ["--report"], ["--pool"]])
def test_a_member_whose_metadata_is_silent_says_so_and_fails(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host.json").write_text(json.dumps({**HOST, "data": str(tmp_path)}), encoding="utf-8")
    (tmp_path / "wanted.json").write_text(json.dumps(BUNDLE), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(converging, "HOST", tmp_path / "host.json")
    monkeypatch.setattr(sys, "argv", ["converge", *asked])
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
    assert converging.main() == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("speech: the instance's metadata does not tell who this is: ")
