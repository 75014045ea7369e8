"""The program of a host from end to end: release and secrets from AWS's emulator, a real engine below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.release import names
from infra.hosts.converge import __main__ as program
from infra.hosts.converge.host import ReleaseError
from tests.docker.release.conftest import Machine
from tests.rehearsal.emulator.server import REGION, Emulator

HOST: dict[str, Any] = {
    "stack": "test", "name": "streaming", "region": REGION, "volume": "", "gpu": False,
    "registry": "127.0.0.1:5000", "secrets": names.secrets_path("test", "streaming"),
    "metrics": names.METRICS,
}  # fmt: skip


@dataclass
class Booted:
    """A host that has fetched its release."""

    machine: Machine
    emulator: Emulator
    bundle: dict[str, Any]

    def converge(self) -> list[str]:
        """Runs the program; gives what it said."""
        progress = self.machine.places.run / "progress"
        progress.write_text("", encoding="utf-8")
        program.converge(HOST, self.bundle, self.machine.places, program.Told("streaming", progress))
        return progress.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def booted(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Booted]:
    with Emulator(tmp_path / "emulator.log") as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        for name, value in machine.secrets.items():
            path = f"{HOST['secrets']}/{name}"
            emulator.client("ssm").put_parameter(Name=path, Value=value, Type="SecureString")
        wanted = tmp_path / "wanted"
        wanted.mkdir()
        bundle = machine.bundle()
        (wanted / "release").write_text(bundle.release, encoding="utf-8")
        monkeypatch.chdir(wanted)
        yield Booted(machine, emulator, machine.content(bundle))


def unhealthy(emulator: Emulator) -> float:
    """How many services the host has last said are not healthy."""
    with_dimensions = [{"Name": "stack", "Value": "test"}, {"Name": "host", "Value": "streaming"}]
    answer = emulator.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": "m",
                "MetricStat": {
                    "Metric": {
                        "Namespace": names.METRICS,
                        "MetricName": names.HEALTH_METRIC,
                        "Dimensions": with_dimensions,
                    },
                    "Period": 3600,
                    "Stat": "Maximum",
                },
            }
        ],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2099-01-01T00:00:00Z",
    )
    return float(max(answer["MetricDataResults"][0]["Values"]))


def test_a_host_comes_up_reports_and_boots_again_without_aws(
    booted: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = booted.converge()
    assert all(line.startswith("streaming: ") for line in said)
    assert said[-1].endswith("is healthy")
    program.report(HOST, booted.bundle, booted.machine.places)
    assert unhealthy(booted.emulator) == 0.0
    before = booted.machine.running()
    booted.machine.remove()
    program.report(HOST, booted.bundle, booted.machine.places)
    assert unhealthy(booted.emulator) == len(before)
    booted.emulator.stop()
    with pytest.raises(ReleaseError, match="AWS does not answer"):
        booted.converge()
    monkeypatch.setattr("sys.argv", ["converge", "--boot"])
    assert any("services stay as they are" in line for line in booted.converge())
