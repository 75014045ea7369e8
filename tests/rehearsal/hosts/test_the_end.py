"""The end of production, after all that the other files have done to it: pytest takes this one last."""

from __future__ import annotations

from tests.rehearsal.hosts.rehearsal import Rehearsal
from tests.rehearsal.hosts.steps import SETTLES_WITHIN
from tests.rehearsal.made import volumes
from tests.stack import wait_for


def test_destroy_leaves_no_machine_and_the_disks_only_until_they_are_told_to_go(rehearsal: Rehearsal) -> None:
    production = rehearsal.production
    done = production.pulumi("destroy", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert "protected" in done.stdout
    assert set(rehearsal.machines.disks) == set(volumes(rehearsal.emulator).values())
    rehearsal.empty_uploads()
    production.pulumi("state", "unprotect", "--all", "--yes", check=True)
    production.pulumi("destroy", "--yes", "--skip-preview", check=True)
    wait_for("no machine left", lambda: not rehearsal.machines.guests, SETTLES_WITHIN, 1.0)
    wait_for("no disk left", lambda: not rehearsal.machines.disks, SETTLES_WITHIN, 1.0)
