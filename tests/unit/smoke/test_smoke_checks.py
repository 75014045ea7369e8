"""The checks of the smoke tests, each with a host that is well and hosts that are not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.smoke import checks, facts
from tests.smoke.facts import CheckFailed, Facts
from tests.smoke.host import Answer
from tests.smoke.report import Report

IMAGE = "example/app@sha256:aa"
VOLUME = "vol-0123456789abcdef0"
LINK = f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{VOLUME.replace('-', '')}"
SERVICES: dict[str, Any] = {"media": {"image": IMAGE}, "sts": {"image": IMAGE, "deploy": {}}}


@dataclass
class RecordedHost:
    """Stands in for a host: answers what a real one said, by how the command begins."""

    answers: Mapping[str, str | Answer]
    name: str = "streaming"
    asked: list[str] = field(default_factory=list)

    def run(self, command: str, *, given: str = "", within: float = 60.0) -> Answer:  # noqa: ARG002
        self.asked.append(command)
        for beginning, answer in self.answers.items():
            if command.startswith(beginning):
                return answer if isinstance(answer, Answer) else Answer(0, answer, "")
        return Answer(127, "", f"{command.split()[0]}: not found")


def known(**host: Any) -> Facts:
    own = {"name": "streaming", "data": "/srv/voicestack", "volume": VOLUME, "gpu": False, **host}
    compose = {"name": "voicestack", "services": SERVICES}
    return Facts(own, "r2", {"compose": compose, "secrets": [], "made": []})


def container(service: str, **changes: Any) -> dict[str, Any]:
    state = {"Status": "running", "ExitCode": 0, "Health": {"Status": changes.pop("health", "healthy")}}
    labels = {"com.docker.compose.service": service}
    return {
        "Id": service,
        "RestartCount": 0,
        "Config": {"Image": changes.pop("image", IMAGE), "Labels": labels},
        "State": {**state, **changes},
    }


def cloud_init(*errors: str) -> RecordedHost:
    return RecordedHost({"cat /run/cloud-init/result.json": json.dumps({"v1": {"errors": errors}})})


def test_a_host_that_has_booted_says_so() -> None:
    assert checks.booted(cloud_init(), known()) == "cloud-init done"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (RecordedHost({"cat": Answer(1, "", "cat: no such file")}), "not finished .*no such file"),
        (cloud_init("('scripts_user', RuntimeError)"), "scripts_user"),
    ],
)
def test_a_host_that_has_not_booted_well_says_why(host: RecordedHost, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        checks.booted(host, known())


def mounted(
    source: str = "/dev/nvme1n1", fstab: str = "UUID=ab-cd /srv/voicestack ext4 x 0 2\n"
) -> RecordedHost:
    mount = {"filesystems": [{"source": source, "uuid": "ab-cd", "fstype": "ext4"}]}
    return RecordedHost(
        {"findmnt": json.dumps(mount), f"readlink -f {LINK}": "/dev/nvme1n1\n", "cat /etc/fstab": fstab}
    )


def test_a_volume_that_is_mounted_by_uuid_is_told_of() -> None:
    assert checks.volume_mounted(mounted(), known()) == "ext4 ab-cd"


@pytest.mark.parametrize(
    ("host", "volume", "words"),
    [
        (mounted(source="/dev/nvme0n1p1"), VOLUME, "is on /dev/nvme0n1p1"),
        (mounted(fstab="/dev/nvme1n1 /srv/voicestack ext4 x 0 2\n"), VOLUME, "does not mount UUID=ab-cd"),
        (mounted(fstab="# UUID=ab-cd /srv/voicestack ext4 x 0 2\n"), VOLUME, "does not mount UUID=ab-cd"),
        (RecordedHost({"findmnt": Answer(1, "", "")}), VOLUME, "nothing is mounted"),
        (mounted(), "", "no volume of its own"),
    ],
)
def test_a_volume_that_is_not_in_its_place_is_told_of(host: RecordedHost, volume: str, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        checks.volume_mounted(host, known(volume=volume))


def released(
    result: str = "success", active: str = "inactive", good: tuple[str, ...] = ("r2", "r1")
) -> RecordedHost:
    return RecordedHost(
        {
            "systemctl show": f"Result={result}\nActiveState={active}\n",
            "journalctl": "dubber ended 3 times\n",
            "cat /var/lib/voicestack/state.json": json.dumps({"good": good, "failed": ""}),
        }
    )


def test_a_host_on_its_release_says_which() -> None:
    assert checks.converged(released(), known()) == "release r2"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (released(result="exit-code", active="failed"), "dubber ended 3 times"),
        (released(good=("r1",)), "r2 is wanted, r1 is good"),
        (released(good=()), "r2 is wanted, none is good"),
    ],
)
def test_a_host_that_is_on_another_release_is_told_of(host: RecordedHost, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        checks.converged(host, known())


def engine(*containers: dict[str, Any]) -> RecordedHost:
    return RecordedHost({"docker ps": "media sts\n", "docker inspect": json.dumps(containers)})


def test_healthy_containers_are_counted() -> None:
    assert checks.containers_healthy(engine(container("media"), container("sts")), known()) == "2 healthy"


@pytest.mark.parametrize(
    ("containers", "words"),
    [
        ([container("media")], "sts is missing"),
        ([container("media"), container("sts", health="unhealthy")], "sts is unhealthy"),
        ([container("media"), container("sts", Status="exited")], "sts is exited"),
        (
            [container("media"), container("sts", image="example/app@sha256:bb")],
            "sts runs example/app@sha256:bb",
        ),
        ([container("media"), container("sts", image="app:latest")], "without a digest"),
        ([container("media"), container("sts"), container("old")], "old should not be there"),
    ],
)
def test_a_container_that_is_not_as_released_is_named(containers: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        checks.containers_healthy(engine(*containers), known())


def test_no_container_at_all_names_every_service() -> None:
    with pytest.raises(CheckFailed, match="media is missing; sts is missing"):
        checks.containers_healthy(RecordedHost({"docker ps": ""}), known())


def test_a_gpu_is_looked_for_on_the_host_and_in_the_containers_that_ask_for_it() -> None:
    host = RecordedHost({"nvidia-smi": "NVIDIA L4, 570.1\n", "docker exec": "GPU 0: NVIDIA L4\n"})
    assert checks.gpu_visible(host, known(gpu=True)) == "NVIDIA L4, 570.1"
    assert [command for command in host.asked if "service=sts" in command]
    assert not [command for command in host.asked if "service=media" in command]


def test_where_there_are_rooms_livekit_answers_commentary(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.rooms_open(RecordedHost({}), known()) == "no rooms"
    monkeypatch.setitem(SERVICES, "livekit", {"image": IMAGE})
    well, silent = RecordedHost({"docker exec": "OK"}), RecordedHost({"docker exec": Answer(7, "", "")})
    assert checks.rooms_open(well, known()) == "LiveKit answers"
    assert "service=commentary) curl" in well.asked[0]
    with pytest.raises(CheckFailed, match="does not answer"):
        checks.rooms_open(silent, known())


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "nvidia-smi"),
        ({"nvidia-smi": "\n"}, "sees no GPU"),
        ({"nvidia-smi": "NVIDIA L4\n", "docker exec": Answer(1, "", "no devices")}, "no devices"),
    ],
)
def test_a_gpu_host_without_a_working_gpu_is_told_of(answers: dict[str, str | Answer], words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        checks.gpu_visible(RecordedHost(answers), known(gpu=True))


def test_memory_that_runs_out_is_told_in_percent() -> None:
    host = RecordedHost({"cat /proc/meminfo": "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 50 kB\n"})
    with pytest.raises(CheckFailed, match="5 % of the memory"):
        checks.memory_in_bounds(host, known())


def test_a_host_tells_of_itself_and_one_that_does_not_is_told_of() -> None:
    told = known()
    host = RecordedHost(
        {
            "cat /etc/voicestack/host.json": json.dumps(told.host),
            "cat /var/lib/voicestack/wanted/release": "r2",
            "cat /var/lib/voicestack/wanted/wanted.json": json.dumps(told.bundle),
        }
    )
    assert facts.read(host) == told
    with pytest.raises(CheckFailed, match=r"host\.json"):
        facts.read(RecordedHost({"cat": Answer(1, "", "cat: /etc/voicestack/host.json: no such file")}))


def test_the_table_names_host_check_and_what_was_found() -> None:
    report = Report()
    report.add("streaming", "ports", False, "tcp 9997\nis open")
    report.add("speech-1", "gpu", True, "NVIDIA L4")
    lines = report.text().splitlines()
    assert [line.split("│")[1].strip() for line in lines if "│" in line] == ["speech-1", "streaming"]
    assert any("FAILED" in line and "tcp 9997 is open" in line for line in lines)
