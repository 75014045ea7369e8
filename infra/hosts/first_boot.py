"""A host's user data: small, and the same for as long as the host is: no release, no secret is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.release import names
from infra.hosts.spec import HostSpec

FOLDER = Path(__file__).parent
LIMIT = 16384  # bytes; EC2 takes no more
PREPARE = "/usr/local/sbin/voicestack-prepare"
UNITS = "/etc/systemd/system"

CONVERGE_UNIT = f"""\
[Unit]
Description=Voicestack: bring this host to its release
Wants=network-online.target
After=network-online.target docker.service
Requires=docker.service

[Service]
Type=oneshot
ExecStart={names.CONVERGE} --boot
# Models may take hours to come; the program limits everything that it waits for.
TimeoutStartSec=6h

[Install]
WantedBy=multi-user.target
"""
# A host of a pool that could not get its images tries again: nobody else is there who would.
AGAIN = ("TimeoutStartSec=6h", "TimeoutStartSec=6h\nRestart=on-failure\nRestartSec=60")
REPORT_UNIT = f"""\
[Unit]
Description=Voicestack: tell CloudWatch how this host is

[Service]
Type=oneshot
ExecStart={names.CONVERGE} --report
TimeoutStartSec=50s
"""
REPORT_TIMER = """\
[Unit]
Description=Voicestack: tell CloudWatch how this host is, every minute

[Timer]
OnBootSec=2min
OnUnitActiveSec=1min
AccuracySec=5s

[Install]
WantedBy=timers.target
"""
# Security updates by themselves; never a restart of the engine or the driver under a running stream.
UPGRADES = """\
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Automatic-Reboot "false";
Unattended-Upgrade::Package-Blacklist { "docker"; "containerd"; "runc"; "nvidia"; "libnvidia"; };
"""


def cloud_init(spec: HostSpec) -> str:
    """The user data of a host, as cloud-init reads it. Raises ValueError where EC2 would not take it."""
    text = "#cloud-config\n" + json.dumps(document(spec), indent=1) + "\n"
    if len(text.encode()) > LIMIT:
        raise ValueError(f"the user data of {spec.name} has {len(text.encode())} bytes; EC2 takes {LIMIT}")
    return text


def document(spec: HostSpec) -> dict[str, Any]:
    """The same as plain data."""
    return {
        # Hosts of a pool are called by their addresses.
        **({} if spec.pool else {"hostname": f"voicestack-{spec.stack}-{spec.name}"}),
        "ssh_pwauth": False,
        "disable_root": True,
        "write_files": [
            file("/etc/voicestack/host.json", json.dumps(host(spec), indent=1) + "\n", "0644"),
            file(names.CONVERGE, read("launcher.py"), "0755"),
            file(PREPARE, read("prepare.sh"), "0755"),
            file(f"{UNITS}/voicestack-converge.service", converge_unit(spec), "0644"),
            file(f"{UNITS}/voicestack-report.service", REPORT_UNIT, "0644"),
            file(f"{UNITS}/voicestack-report.timer", REPORT_TIMER, "0644"),
            file("/etc/apt/apt.conf.d/60voicestack", UPGRADES, "0644"),
        ],
        "runcmd": [[PREPARE]],
    }


def converge_unit(spec: HostSpec) -> str:
    """What brings a host to its release at each boot."""
    return CONVERGE_UNIT.replace(*AGAIN) if spec.pool else CONVERGE_UNIT


def host(spec: HostSpec) -> dict[str, Any]:
    """What the host's program has to know of it."""
    return {
        "stack": spec.stack,
        "role": spec.role,
        "name": spec.name,
        "region": spec.region,
        "volume": spec.volume,
        "bucket": spec.bucket,
        "registry": spec.registry,
        "gpu": spec.gpu,
        "data": names.DATA,
        "parameter": names.release_parameter(spec.stack, spec.role),
        "secrets": names.secrets_path(spec.stack, spec.role),
        "metrics": names.metrics(spec.stack, spec.role),
    }


def file(path: str, content: str, mode: str) -> dict[str, str]:
    """A file as cloud-init writes it, root's."""
    return {"path": path, "owner": "root:root", "permissions": mode, "content": content}


def read(name: str) -> str:
    """The text of a file beside this one."""
    return (FOLDER / name).read_text(encoding="utf-8")
