"""Ports that can't be had are told with who has them and what to do."""

from __future__ import annotations

import os
import socket

from app import catalog
from app.native.ports import port_problems
from app.settings import load
from tests.stack import free_ports


def test_free_ports_are_no_problem() -> None:
    assert port_problems(catalog.CATALOG, load(free_ports())) == []


def test_a_taken_port_names_its_holder_and_the_variable_to_change() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = str(holder.getsockname()[1])
        problems = port_problems(catalog.CATALOG, load({**free_ports(), "WEB_PORT": taken}))
    assert len(problems) == 1
    assert f"port {taken} (web: console) is taken" in problems[0].what
    assert f"(process {os.getpid()})" in problems[0].what
    assert "WEB_PORT" in problems[0].remedy


def test_a_taken_udp_port_is_noticed() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        taken = str(holder.getsockname()[1])
        problems = port_problems(
            catalog.select(["media"]), load({**free_ports(), "MEDIA_WEBRTC_UDP_PORT": taken})
        )
    assert [taken in each.what for each in problems] == [True]


def test_two_services_with_the_same_port_are_told_by_their_variables() -> None:
    ports = free_ports()
    problems = port_problems(catalog.CATALOG, load({**ports, "WEB_PORT": ports["STS_PORT"]}))
    assert any("STS_PORT and WEB_PORT" in each.what for each in problems)


def test_an_address_of_another_machine_is_told_with_its_variable() -> None:
    # 192.0.2.0/24 is reserved for documentation (RFC 5737): no machine has it.
    problems = port_problems(catalog.select(["sts"]), load({**free_ports(), "BIND_ADDRESS": "192.0.2.1"}))
    assert "BIND_ADDRESS" in problems[0].remedy
