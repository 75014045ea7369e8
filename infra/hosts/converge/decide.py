"""What is decided on a host, without doing anything."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

KEPT = 5  # good releases that stay on a host
CRASHES = 3  # times a service may end by itself before its release has failed
UNHEALTHY_FOR = 10.0  # seconds: a service that only waits for another to come back is not broken
NO_SIGNATURE = 2  # blkid's exit code where it finds nothing at all on a device
ENDING = "Terminated"  # what AWS means an instance of a group to be, once it is to end
JOIN, LEAVE, END = "join", "leave", "end"
ECR = re.compile(r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")


@dataclass(frozen=True)
class State:
    """What a host remembers: its good releases, newest first, and the one that failed last."""

    good: tuple[str, ...] = ()
    failed: str = ""


@dataclass(frozen=True)
class Standing:
    """A service's container as the engine tells of it; `health` is empty where it has no check.

    `configuration` is Compose's hash of all that the container was made from, secrets included.
    """

    service: str
    container: str
    image: str
    status: str
    health: str
    restarts: int
    exit_code: int
    configuration: str = ""

    @property
    def well(self) -> bool:
        """Whether it runs, and is healthy where that can be known."""
        return self.status == "running" and self.health in ("", "healthy")

    @property
    def words(self) -> str:
        """How it stands, for people."""
        return self.health if self.status == "running" and self.health else self.status


@dataclass(frozen=True)
class Verdict:
    """Which services are still awaited, and which have failed: service to reason."""

    awaited: tuple[str, ...]
    failed: Mapping[str, str]


def own(bundle: Mapping[str, Any], host: str) -> dict[str, Any]:
    """The bundle as it is for one host: some are given other services than the rest of their role."""
    return {**bundle, **bundle.get("hosts", {}).get(host, {})}


def to_start(wanted: str, state: State, *, boot: bool) -> str:
    """The release to start. A boot does not try one again that is known to fail: the last good one runs."""
    if boot and wanted == state.failed and state.good:
        return state.good[0]
    return wanted


def succeeded(state: State, release: str) -> State:
    """What is remembered after a release became healthy."""
    good = (release, *(each for each in state.good if each != release))[:KEPT]
    return State(good, "" if state.failed == release else state.failed)


def failed(state: State, release: str) -> State:
    """What is remembered after a release failed."""
    return replace(state, failed=release, good=tuple(each for each in state.good if each != release))


def previous(state: State, release: str) -> str:
    """The release to put back after that one failed; empty where there is none."""
    return next((each for each in state.good if each != release), "")


def verdict(
    expected: Iterable[str],
    standings: Iterable[Standing],
    restarts_before: Mapping[str, int],
    unhealthy_for: Mapping[str, float],
    *,
    settled: bool,
) -> Verdict:
    """How far a release has come. Restarts are counted by container, seconds of ill health by service.

    Until Compose has `settled`, a container that ended may only be one that is being replaced.
    """
    found = {each.service: each for each in standings}
    awaited, broken = [], {}
    for service in expected:
        standing = found.get(service)
        if standing is None:
            awaited.append(f"{service} (not made yet)")
            continue
        crashes = standing.restarts - restarts_before.get(standing.container, 0)
        crashing = crashes >= CRASHES and standing.health != "healthy"
        # A container that runs again for a moment tells no exit code.
        if crashing and standing.status != "running":
            broken[service] = f"ended {crashes} times, last with exit code {standing.exit_code}"
        elif settled and standing.status == "exited":
            broken[service] = f"ended with exit code {standing.exit_code}"
        elif standing.health == "unhealthy" and unhealthy_for.get(service, 0.0) >= UNHEALTHY_FOR:
            broken[service] = "is unhealthy"
        elif crashing or not standing.well:
            awaited.append(f"{service} ({standing.words})")
    return Verdict(tuple(awaited), broken)


def to_hand_over(wanted: Mapping[str, str], standings: Iterable[Standing]) -> dict[str, str]:
    """The services whose new container starts beside the old one, which stops last: service to old container.

    `wanted` are the configurations of the services that can do so. One that is not well loses nothing when
    it is replaced at once, and more than one container is what an interrupted handover left behind.
    """
    by_service: dict[str, list[Standing]] = {}
    for each in standings:
        by_service.setdefault(each.service, []).append(each)
    return {
        service: found[0].container
        for service, configuration in wanted.items()
        if len(found := by_service.get(service, [])) == 1
        and found[0].well
        and found[0].configuration != configuration
    }


def superseded(kept: Iterable[Iterable[str]], dropped: Iterable[Iterable[str]]) -> list[str]:
    """The images of dropped releases that no kept one uses."""
    used = {image for images in kept for image in images}
    return sorted({image for images in dropped for image in images} - used)


def registry_region(registry: str) -> str:
    """The region of a registry of ECR, empty for any other registry."""
    found = ECR.fullmatch(registry)
    return found[1] if found else ""


def device_names(volume: str) -> tuple[str, ...]:
    """Where the device of an EBS volume may be found, best first; no name of another volume is among them.

    It is named by its id, or by a folder of /dev/disk and a name in it (by-label/voicestack).
    """
    if "/" in volume:
        return (f"/dev/disk/{volume}",)
    return (f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume.replace('-', '')}",)


def is_blank(probe_status: int, beginning: bytes) -> bool:
    """Whether a device may be formatted: blkid finds nothing, and the device begins with zeros.

    blkid ends with the same code for a device that it cannot read, hence the second look.
    """
    return probe_status == NO_SIGNATURE and bool(beginning) and not any(beginning)


def with_mount(fstab: str, uuid: str, path: str) -> str:
    """The file /etc/fstab with that file system mounted at `path`, and nothing else there."""
    kept = [line for line in fstab.splitlines() if line.split()[1:2] != [path] or line.startswith("#")]
    # nofail: a host without its volume still boots, and can say what is wrong.
    mount = f"UUID={uuid} {path} ext4 defaults,nofail,x-systemd.device-timeout=60s 0 2"
    return "\n".join([*kept, mount]) + "\n"


def secrets_file(secrets: Mapping[str, str]) -> str:
    """Secrets as Compose reads them, each exactly as it is. Raises ValueError for what is not one line."""
    lines = []
    for name, value in sorted(secrets.items()):
        if "\n" in value or "\0" in value:
            raise ValueError(f"{name}: a secret is one line")
        text = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        lines.append(f'{name}="{text}"\n')
    return "".join(lines)


def hidden(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret blotted out, the longest first."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "•••")
    return text


def missing(wanted: Sequence[str], given: Mapping[str, str]) -> list[str]:
    """The secrets that a release needs and nobody has given."""
    return [name for name in wanted if not given.get(name)]


def next_step(target: str, *, taken_back: bool, healthy: bool, done: Container[str]) -> str:
    """What a host of a pool does next, nothing where that is done: say that it takes part, hand its streams
    over, or say that it may end. `target` is what AWS means it to be; a spot host may be taken back."""
    ending = target == ENDING
    if (ending or taken_back) and LEAVE not in done:
        return LEAVE
    if ending and END not in done:
        return END
    return JOIN if healthy and not (ending or taken_back) and JOIN not in done else ""


def addresses(there: Iterable[str], well: Iterable[str], before: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses of a pool's name: of hosts that answer, or else of all there are, or else as before."""
    return tuple(sorted(well)) or tuple(sorted(there)) or before


def load(hosts: Iterable[tuple[int, int, int]]) -> float | None:
    """How full a pool is, in percent; None where no host has said. Each says how many sessions it has, how
    many of them it has no time for, and how many it takes.

    Where it has no time for some, it is more than full, however many it takes.
    """
    known = list(hosts)
    sessions, resting, most = (sum(each[part] for each in known) for part in range(3))
    if not most:
        return None
    lacking = 100.0 * (1.0 + resting / max(1, sessions - resting)) if resting else 0.0
    return max(100.0 * sessions / most, lacking)
