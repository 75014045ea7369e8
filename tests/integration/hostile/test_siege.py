"""Hostile clients at every port of the catalogue: nobody else notices (DUB-5, SPK-6, DEP-15)."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from app.catalog import select
from tests.integration.hostile.attacks import ATTACKS, Attack
from tests.integration.hostile.conftest import Siege
from tests.integration.hostile.doors import tcp_ports
from tests.stack import wait_for

ROUNDS = 8
PICTURES = 50


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_all_services_stay_healthy_and_the_dub_goes_on_while_every_port_has(
    siege: Siege, attack: Attack, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = tcp_ports(siege.stack.settings, *(service.name for service in select()), "api", "commentary")
    restarts, before = siege.restarts(), siege.measurement.figures()
    with siege.vigil() as vigil, ExitStack() as standing:
        for port in ports.values():
            standing.enter_context(attack(port))
        vigil.sees(ROUNDS)
        wait_for("more pictures of the dub", lambda: siege.pictures() >= before.pictures + PICTURES, 60)
    figures = siege.measurement.figures()
    with capsys.disabled():
        print(f"\n{attack.__name__}: picture delay p99 {figures.delay.p99:.2f} s; health {vigil.report()}")
    assert vigil.complaints() == {}
    assert siege.restarts() == restarts
    assert figures.problem == ""
    assert figures.gaps == before.gaps
    assert all(process.poll() is None for process in siege.stack.processes.values())
