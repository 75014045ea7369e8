"""What is open on AWS where there is an edge."""

from __future__ import annotations

import json

import pytest

from infra.aws.network import ingress
from infra.config import ConfigError
from tests.unit.infra.aws.given_values import GIVEN, chosen

GIVEN_SETTINGS = json.loads(GIVEN["settings"])


def test_only_the_edge_and_what_it_does_not_speak_is_open() -> None:
    settings = json.dumps({**GIVEN_SETTINGS, "DOMAIN": "voice.example.org"})
    rules = ingress(chosen(services="edge,sales", settings=settings, sshCidrs="", sshKey=""))
    opened = {(rule.port, rule.protocol) for rule in rules if rule.role == "streaming"}
    assert opened == {
        (443, "tcp"), (443, "udp"), (80, "tcp"), (1935, "tcp"), (8554, "tcp"), (8189, "udp"),
        (8890, "udp"), (1936, "tcp"), (8322, "tcp"),
    }  # fmt: skip


def test_an_edge_there_needs_its_name() -> None:
    with pytest.raises(ConfigError, match="the edge needs the name"):
        chosen(services="edge")
