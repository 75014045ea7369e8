"""Pulumi.yaml declares what a stack's file may say, and the program reads that and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra import config
from infra.aws import read as aws
from infra.given import Given, as_text, declared
from tests.unit.infra.aws.given_values import GIVEN, REGION

PYTHON = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """The keys that each kind of stack asks for, with their types, as both are read."""
    found: list[dict[str, str]] = []

    class Watched(Given):
        def __init__(self, values: Any) -> None:
            super().__init__(values)
            found.append(self.asked)

    for module in (config, aws):
        monkeypatch.setattr(module, "Given", Watched)
    config.read("local", {}, None)
    aws.read("prod", {**GIVEN, "speechHosts": "0"}, REGION, None)
    return dict(zip(config.KINDS, found, strict=True))


def test_every_declared_key_is_read_and_every_key_that_is_read_is_declared(
    asked: dict[str, dict[str, str]],
) -> None:
    types = {key: each["type"] for key, each in declared().items()}
    assert asked["local"] | asked["aws"] == types
    assert [key for key in asked["local"] if asked["aws"].get(key, types[key]) != types[key]] == []


def test_every_key_says_what_it_is_and_has_a_default_of_its_type_for_pulumi_asks_for_what_has_none() -> None:
    for key, each in declared().items():
        assert each["description"], key
        assert type(each["default"]) is PYTHON[each["type"]], key
        assert (each["type"] == "array") == ("items" in each), key
        # Pulumi takes a secret key for mandatory and wholly encrypted; passwords are single settings.
        assert "secret" not in each, key


def test_the_defaults_alone_make_a_stack_on_this_machine() -> None:
    given = {key: as_text(each["default"]) for key, each in declared().items()}
    assert config.read("local", given, None) == config.read("local", {}, None)


def test_a_key_of_the_other_kind_is_told_and_its_default_is_not() -> None:
    with pytest.raises(config.ConfigError) as told:
        config.read("local", {"zone": "eu-central-1a", "snapshots": "7"}, None)
    assert "voicestack:zone: means nothing to a stack of this kind" in str(told.value)
    assert "snapshots" not in str(told.value)
    with pytest.raises(config.ConfigError, match="source: means nothing"):
        aws.read("prod", {**GIVEN, "source": "true"}, REGION, None)


@pytest.mark.parametrize("value", ['"text"', json.dumps({"a": "b"}), "[1]", "203.0.113.0/24"])
def test_a_list_is_a_list(value: str) -> None:
    with pytest.raises(config.ConfigError, match=r"ingestCidrs: .* is not a list"):
        aws.read("prod", {**GIVEN, "ingestCidrs": value}, REGION, None)
