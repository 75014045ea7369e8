"""Production on hosts that boot, by the real Pulumi engine: each test goes on where the last ended."""

from __future__ import annotations

from tests.rehearsal.hosts.conftest import Rehearsal

HEALTHY = {"streaming": "healthy", "speech-1": "healthy"}


def test_up_ends_with_healthy_hosts_and_a_second_one_finds_nothing_to_do(rehearsal: Rehearsal) -> None:
    rehearsal.production.up()
    assert rehearsal.production.outputs()["health"] == HEALTHY
    assert rehearsal.production.changes() == {}
    again = rehearsal.production.up()
    assert "created" not in again
    assert "unchanged" in again


def test_the_smoke_tests_find_every_host_well_also_after_a_reboot(rehearsal: Rehearsal) -> None:
    done = rehearsal.smoke("--reboot")
    print(done.stdout)
    assert done.returncode == 0, done.stdout
