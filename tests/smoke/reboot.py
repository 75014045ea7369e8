"""A host before and after a reboot."""

from __future__ import annotations

import time

from tests.smoke.checks import CHECKS
from tests.smoke.facts import CheckFailed, Facts, said
from tests.smoke.host import Host, HostError

BOOT_ID = "/proc/sys/kernel/random/boot_id"
BACK_WITHIN = 300.0
EVERY = 3.0


def models(host: Host, facts: Facts) -> str:
    """The files of models: path, size and when each was written. A model fetched again is another."""
    return said(host, f"find {facts.data}/models -type f -printf '%P %s %T@\\n' 2>/dev/null | sort")


def reboot(host: Host, facts: Facts, within: float = BACK_WITHIN) -> float:
    """Reboots a host; gives the seconds until every check of it passes again. Raises CheckFailed."""
    before = said(host, f"cat {BOOT_ID}")
    began = time.monotonic()
    # It answers before the connection goes.
    said(host, "nohup sh -c 'sleep 1; systemctl reboot' > /dev/null 2>&1 &")
    last = "it did not go down"
    while time.monotonic() - began < within:
        time.sleep(EVERY)
        try:
            if said(host, f"cat {BOOT_ID}", within=10.0) == before:
                continue
            for check in CHECKS.values():
                check(host, facts)
            return time.monotonic() - began
        except (HostError, CheckFailed) as problem:
            last = str(problem)
    raise CheckFailed(f"not back within {within:g} s: {last}")
