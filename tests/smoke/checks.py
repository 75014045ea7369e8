"""The checks of a host. Each gives what it found in a few words, or raises CheckFailed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from app import catalog
from infra.hosts.converge import engine
from tests.smoke.facts import CheckFailed, Facts, said
from tests.smoke.host import Host

Check = Callable[[Host, Facts], str]

MOST_DISK = 85  # percent used, also where alarms begin
LEAST_MEMORY = 10  # percent available
BOOT_RESULT = "/run/cloud-init/result.json"
SSH = ("tcp", 22)
DHCP = {("udp", 68), ("udp", 546)}  # the host's own address
LOOPBACK = re.compile(r"^(127\.|\[::1\]|\[::ffff:127\.)")
SEARCH = Path(__file__).with_name("secret_search.py")


def booted(host: Host, _facts: Facts) -> str:
    """cloud-init has finished without an error. It writes its result when it is done, and not before."""
    answer = host.run(f"cat {BOOT_RESULT}")
    if answer.status != 0:
        raise CheckFailed(f"cloud-init has not finished ({answer.err.strip()})")
    errors = json.loads(answer.out)["v1"]["errors"]
    if errors:
        raise CheckFailed(f"cloud-init: {'; '.join(errors)}")
    return "cloud-init done"


def volume_mounted(host: Host, facts: Facts) -> str:
    """The host's own volume is mounted, by UUID, now and at the next boot."""
    if facts.of_pool:
        return "none: one of a pool"
    if not facts.host["volume"]:
        raise CheckFailed("the host has no volume of its own")
    found = host.run(f"findmnt --json --output SOURCE,UUID,FSTYPE --mountpoint {facts.data}")
    if found.status != 0:
        raise CheckFailed(f"nothing is mounted at {facts.data}")
    mount = json.loads(found.out)["filesystems"][0]
    name = f"nvme-Amazon_Elastic_Block_Store_{facts.host['volume'].replace('-', '')}"
    device = said(host, f"readlink -f /dev/disk/by-id/{name}").strip()
    if mount["source"] != device:
        raise CheckFailed(f"{facts.data} is on {mount['source']}, volume {facts.host['volume']} is {device}")
    table = said(host, "cat /etc/fstab")
    lines = [line.split() for line in table.splitlines() if not line.startswith("#")]
    if [f"UUID={mount['uuid']}", facts.data] not in [line[:2] for line in lines]:
        raise CheckFailed(f"/etc/fstab does not mount UUID={mount['uuid']} at {facts.data}")
    return f"{mount['fstype']} {mount['uuid']}"


def converged(host: Host, facts: Facts) -> str:
    """The last boot brought the host to its release."""
    asked = said(host, "systemctl show voicestack-converge.service --property=Result --property=ActiveState")
    state = dict(line.split("=", 1) for line in asked.split())
    if state["Result"] != "success" or state["ActiveState"] == "failed":
        words = said(host, "journalctl --unit voicestack-converge.service --lines 5 --output cat")
        raise CheckFailed(f"voicestack-converge: {state['Result']}: {words.strip()}")
    good = json.loads(said(host, f"cat {facts.places.state}/state.json"))
    if good["good"][:1] != [facts.release]:
        raise CheckFailed(f"release {facts.release} is wanted, {(good['good'] or ['none'])[0]} is good")
    return f"release {facts.release}"


def containers_healthy(host: Host, facts: Facts) -> str:
    """Every service of the release runs, healthy, from its image by digest; and nothing else of it."""
    ids = said(host, f"docker ps --all --quiet --filter label={engine.LABEL}.project={facts.project}").split()
    asked = said(host, f"docker inspect {' '.join(ids)}") if ids else "[]"
    found = {each.service: each for each in map(engine.standing, json.loads(asked))}
    wrong = [f"{name} is missing" for name in facts.services if name not in found]
    wrong += [f"{name} should not be there" for name in found if name not in facts.services]
    for name, each in found.items():
        if not each.well:
            wrong.append(f"{name} is {each.words}")
        if name in facts.services and each.image != facts.services[name]["image"]:
            wrong.append(f"{name} runs {each.image}")
        if "@sha256:" not in each.image:
            wrong.append(f"{name} runs an image without a digest")
    if wrong:
        raise CheckFailed("; ".join(wrong))
    return f"{len(found)} healthy"


def ports_expected(host: Host, facts: Facts) -> str:
    """Nothing listens to the network but SSH and what the release offers, and all of that does."""
    listening = set()
    for line in said(host, "ss --listening --tcp --udp --numeric --no-header").splitlines():
        protocol, _, _, _, local, *_ = line.split()
        address, _, port = local.rpartition(":")
        if not LOOPBACK.match(address):
            listening.add((protocol, int(port)))
    allowed = {*facts.ports, SSH, *DHCP}
    wrong = [f"{protocol} {port} is open" for protocol, port in sorted(listening - allowed)]
    wrong += [f"{protocol} {port} is closed" for protocol, port in sorted(facts.ports - listening)]
    if wrong:
        raise CheckFailed("; ".join(wrong))
    return f"{len(listening)} open"


def gpu_visible(host: Host, facts: Facts) -> str:
    """The GPU works on a GPU host, and inside the containers that ask for one."""
    if not facts.host["gpu"]:
        return "no GPU host"
    found = said(host, "nvidia-smi --query-gpu=name,driver_version --format=csv,noheader").strip()
    if not found:
        raise CheckFailed("nvidia-smi sees no GPU")
    asking = [name for name, service in facts.services.items() if "deploy" in service]
    if not asking:
        raise CheckFailed("no service of the release asks for the GPU")
    for name in asking:
        said(host, f"docker exec {facts.container(name)} nvidia-smi --list-gpus")
    return found


def rooms_open(host: Host, facts: Facts) -> str:
    """Where there are rooms, LiveKit's server answers commentary, which makes them."""
    if "livekit" not in facts.services:
        return "no rooms"
    address = f"http://livekit:{catalog.get('livekit').port('http').number}/"
    asked = host.run(f"docker exec {facts.container('commentary')} curl --silent --fail {address}")
    if asked.status != 0:
        raise CheckFailed(f"LiveKit does not answer commentary ({asked.err.strip() or asked.status})")
    return "LiveKit answers"


def disk_in_bounds(host: Host, facts: Facts) -> str:
    """No file system that matters is nearly full."""
    asked = said(host, f"df --output=pcent,target / {shlex.quote(facts.data)} | tail -n +2")
    used = {line.split()[1]: int(line.split()[0].rstrip("%")) for line in asked.splitlines()}
    full = [f"{path} is {percent} % full" for path, percent in used.items() if percent > MOST_DISK]
    if full:
        raise CheckFailed("; ".join(full))
    return ", ".join(f"{path} {percent} %" for path, percent in used.items())


def memory_in_bounds(host: Host, _facts: Facts) -> str:
    """There is memory left."""
    asked = said(host, "cat /proc/meminfo")
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in asked.splitlines()}
    available = 100 * sizes["MemAvailable"] / sizes["MemTotal"]
    if available < LEAST_MEMORY:
        raise CheckFailed(f"{available:.0f} % of the memory is available, {LEAST_MEMORY} % should be")
    return f"{available:.0f} % available"


def secrets_kept(host: Host, facts: Facts) -> str:
    """Secrets lie in memory, readable by root alone, and nowhere else."""
    file = f"{facts.places.run}/secrets.env"
    if not [*facts.bundle["secrets"], *facts.bundle["made"]]:
        return "the release has none"
    mode, user = said(host, f"stat --format '%a %U' {file}").split()
    if (mode, user) != ("600", "root"):
        raise CheckFailed(f"{file} is {user}'s with mode {mode}")
    kind = said(host, f"stat --file-system --format %T {file}").strip()
    if kind not in ("tmpfs", "ramfs"):
        raise CheckFailed(f"{file} lies on {kind}, not in memory")
    words = [
        "python3",
        "-",
        file,
        facts.places.user_data,
        f"{facts.places.state}/wanted/wanted.json",
        facts.project,
    ]
    found = said(host, shlex.join(words), given=SEARCH.read_text(encoding="utf-8"), within=300.0)
    result = json.loads(found)
    if result["found"]:
        raise CheckFailed("; ".join(result["found"]))
    return f"{result['searched']} secrets in none of {result['places']} places"


CHECKS: dict[str, Check] = {
    "booted": booted,
    "volume": volume_mounted,
    "release": converged,
    "containers": containers_healthy,
    "ports": ports_expected,
    "gpu": gpu_visible,
    "rooms": rooms_open,
    "disk": disk_in_bounds,
    "memory": memory_in_bounds,
    "secrets": secrets_kept,
}
