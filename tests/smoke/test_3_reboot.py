"""After a reboot everything is back, and no model was fetched again (DEP-11). Only with --reboot."""

from __future__ import annotations

from tests.smoke.facts import CheckFailed, Facts
from tests.smoke.host import SshHost
from tests.smoke.reboot import models, reboot
from tests.smoke.report import Report


def test_a_rebooted_host_comes_back_with_its_models(host: SshHost, known: Facts, report: Report) -> None:
    try:
        before = models(host, known)
        seconds = reboot(host, known)
        if models(host, known) != before:
            raise CheckFailed("models were fetched again")
    except CheckFailed as problem:
        report.add(host.name, "reboot", False, str(problem))
        raise
    report.add(host.name, "reboot", True, f"everything back after {seconds:.0f} s, no model fetched again")
