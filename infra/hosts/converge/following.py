"""The unit that follows a pool for as long as the host runs, and what it does there."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import keeper, member
from .host import Places
from .metadata import Metadata

NAME = "voicestack-pool.service"
UNITS = Path("/etc/systemd/system")
# Not through the launcher, which waits for a release that is under way.
UNIT = """\
[Unit]
Description=Voicestack: follow the pool of speech hosts
After=network-online.target docker.service
StartLimitIntervalSec=0

[Service]
EnvironmentFile=-/etc/default/voicestack
WorkingDirectory={wanted}
ExecStart=/usr/bin/python3 -B -m converge --pool
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
"""


def install(bundle: Mapping[str, Any], places: Places, units: Path = UNITS) -> None:
    """Has the unit run where there is a pool, and only there. Raises OSError where systemd refuses."""
    path, text = units / NAME, UNIT.format(wanted=places.state / "wanted")
    if "pool" not in bundle:
        if path.exists():
            systemctl("disable", "--now", NAME)
            path.unlink()
        return
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        systemctl("daemon-reload")
    systemctl("enable", "--now", NAME)


def systemctl(*words: str) -> None:
    """Raises OSError with its own words where it fails."""
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"systemctl {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")


def follow(host: Mapping[str, Any], bundle: Mapping[str, Any], places: Places) -> None:
    """Follows until another release is here, whose program goes on; what fails is tried again."""
    here = Path.cwd()
    follows: keeper.Keeper | member.Member
    if member.is_member(host, bundle):
        follows, pause = member.Member(host, bundle, places, Metadata()), member.LOOK_EVERY
    else:
        follows, pause = keeper.Keeper(host, bundle["pool"]), keeper.LOOK_EVERY
    told = ""
    while (places.state / "wanted").resolve() == here:
        try:
            follows.look()
            told = ""
        except Exception as problem:
            # AWS, its metadata or the engine do not answer for now; said once.
            if str(problem) != told:
                told = str(problem)
                print(f"{host['name']}: {told}", flush=True)
        time.sleep(pause)
