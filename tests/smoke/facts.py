"""What a host says it should be: read from itself, so that nothing is told twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from infra.hosts.converge import decide, engine
from tests.smoke.host import Host


class CheckFailed(AssertionError):
    """A host is not as it should be; the message says what was found."""


@dataclass(frozen=True)
class Places:
    """Where a host keeps what it knows."""

    host: str = "/etc/voicestack/host.json"
    state: str = "/var/lib/voicestack"
    run: str = "/run/voicestack"
    user_data: str = "/var/lib/cloud/instance/user-data.txt"


@dataclass(frozen=True)
class Facts:
    """A host's own description, the release that it should run, and where things are."""

    host: dict[str, Any]
    release: str
    bundle: dict[str, Any]
    places: Places = Places()

    @property
    def data(self) -> str:
        """Where its volume is mounted."""
        return str(self.host["data"])

    @property
    def of_pool(self) -> bool:
        """Whether it is one of the speech hosts that come and go."""
        return "pool" in self.bundle and self.host["role"] == "speech"

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """The services of its Compose file."""
        found: dict[str, dict[str, Any]] = self.bundle["compose"]["services"]
        return found

    @property
    def project(self) -> str:
        """The name of its Compose project."""
        return str(self.bundle["compose"]["name"])

    def container(self, service: str) -> str:
        """The words with which a shell finds the id of a service's container."""
        label = f"--filter label={engine.LABEL}"
        return f"$(docker ps --quiet {label}.project={self.project} {label}.service={service})"

    @property
    def ports(self) -> set[tuple[str, int]]:
        """Protocol and number of each port that it offers."""
        return {
            (port["protocol"], int(port["published"]))
            for service in self.services.values()
            for port in service.get("ports", [])
        }


def read(host: Host, places: Places = Places()) -> Facts:
    """The facts of a host. Raises CheckFailed where it has none."""
    known = json.loads(said(host, f"cat {places.host}"))
    return Facts(
        known,
        said(host, f"cat {places.state}/wanted/release").strip(),
        decide.own(json.loads(said(host, f"cat {places.state}/wanted/wanted.json")), known["name"]),
        places,
    )


def said(host: Host, command: str, *, given: str = "", within: float = 60.0) -> str:
    """What a command prints. Raises CheckFailed with its own words where it fails."""
    answer = host.run(command, given=given, within=within)
    if answer.status != 0:
        words = (answer.err.strip() or answer.out.strip() or "nothing said").splitlines()[-1]
        raise CheckFailed(f"`{command.splitlines()[0]}` ended with {answer.status}: {words}")
    return answer.out
