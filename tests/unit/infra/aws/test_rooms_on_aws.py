"""Rooms of LiveKit in production: its ports, its secret, who runs it, and nothing of it without its key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.aws.network import ingress
from infra.aws.secrets import secrets
from infra.config import ConfigError
from tests.unit.infra.aws.given_values import GIVEN, chosen
from tests.unit.infra.aws.recorded import REGISTRY, Recorded, stack

PORTS = {(7880, "tcp"), (7881, "tcp"), (7882, "udp")}
SECRET = "hush-livekit-" + "x" * 32


@pytest.fixture(scope="module")
def made() -> Recorded:
    """A stack with rooms."""
    return stack(chosen(livekit="true"))


def bundle(made: Recorded, role: str = "streaming") -> dict[str, Any]:
    """What the hosts of a role are to run."""
    content = made.of("s3/bucketObjectv2:BucketObjectv2")[f"{role}-bundle"]["content"]
    found: dict[str, Any] = json.loads(content)
    return found


def with_settings(**more: str) -> str:
    return json.dumps({**json.loads(GIVEN["settings"]), **more})


def test_its_ports_are_open_to_those_who_publish_and_watch() -> None:
    rules = [rule for rule in ingress(chosen(livekit="true")) if (rule.port, rule.protocol) in PORTS]
    assert {rule.role for rule in rules} == {"streaming"}
    assert {(rule.port, rule.protocol, rule.cidr) for rule in rules} == {
        (*port, cidr) for port in PORTS for cidr in ("203.0.113.0/24", "0.0.0.0/0")
    }


def test_behind_the_edge_its_port_of_http_is_closed_and_media_come_in() -> None:
    config = chosen(livekit="true", services="edge,sales", settings=with_settings(DOMAIN="voice.example.org"))
    assert {(rule.port, rule.protocol) for rule in ingress(config)} & PORTS == {(7881, "tcp"), (7882, "udp")}


def test_it_runs_on_the_streaming_host_under_the_address_that_people_see(made: Recorded) -> None:
    services = bundle(made)["compose"]["services"]
    assert not {"livekit", "commentary"} & bundle(made, "speech")["compose"]["services"].keys()
    livekit = json.loads(services["livekit"]["environment"]["LIVEKIT_CONFIG"])
    assert livekit["rtc"] == {
        "udp_port": 7882, "tcp_port": 7881, "use_external_ip": False, "node_ip": "203.0.113.99",
    }  # fmt: skip
    assert services["livekit"]["image"].startswith(f"{REGISTRY}/voicestack-prod/livekit-server@sha256:")
    told = services["commentary"]["environment"]
    assert (told["LIVEKIT_ENABLED"], told["LIVEKIT_URL"]) == ("true", "ws://livekit:7880")


def test_the_host_makes_its_secret_which_is_in_no_bundle_and_no_parameter(made: Recorded) -> None:
    assert "LIVEKIT_API_SECRET" in bundle(made)["made"]
    assert "LIVEKIT_API_SECRET" not in bundle(made)["secrets"]
    environment = {
        name: service.get("environment", {}) for name, service in bundle(made)["compose"]["services"].items()
    }
    assert environment["livekit"]["LIVEKIT_KEYS"] == "voicestack: ${LIVEKIT_API_SECRET}"
    assert environment["commentary"]["LIVEKIT_API_SECRET"] == "${LIVEKIT_API_SECRET}"
    assert [name for name, given in environment.items() if "${LIVEKIT_API_SECRET}" in given.values()] == [
        "commentary"
    ]
    assert "LIVEKIT_API_SECRET" not in secrets(chosen(livekit="true"), "streaming")


def test_a_secret_of_ones_own_takes_its_place() -> None:
    config = chosen(livekit="true", settings=with_settings(LIVEKIT_API_SECRET=SECRET))
    assert secrets(config, "streaming")["LIVEKIT_API_SECRET"] == SECRET
    own = bundle(stack(config))
    assert "LIVEKIT_API_SECRET" in own["secrets"]
    assert "LIVEKIT_API_SECRET" not in own["made"]
    assert SECRET not in json.dumps(own)


def test_without_the_key_nothing_of_it_is_there() -> None:
    plain = stack(chosen())
    shown = [bundle(plain)["compose"], bundle(plain)["made"], list(plain.of("ecr/repository:Repository"))]
    assert "livekit" not in json.dumps(shown).lower()
    assert not {(rule.port, rule.protocol) for rule in ingress(chosen())} & PORTS


def test_a_key_that_is_neither_is_told() -> None:
    with pytest.raises(ConfigError, match="livekit"):
        chosen(livekit="perhaps")
