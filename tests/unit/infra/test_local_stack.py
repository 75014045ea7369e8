"""The resources that a stack is made of, as Pulumi is told of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks, settings

from infra.config import read
from infra.container import duration
from infra.local import LocalStack
from infra.models import passed_on

MADE: list[mocks.MockResourceArgs] = []


class Recording(mocks.Mocks):
    """A stand-in for the engine that writes down what it is asked to make."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        MADE.append(args)
        return f"{args.name}-id", {**args.inputs, "digest": "sha256:0"}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"nothing is looked up: {args.token}")


@pytest.fixture(autouse=True)
def nothing_made() -> Iterator[None]:
    MADE.clear()
    yield
    settings.reset_options()


def containers(name: str = "local", **given: str) -> dict[str, dict[str, Any]]:
    """The containers' inputs by service."""
    MADE.clear()
    asyncio.set_event_loop(asyncio.new_event_loop())
    mocks.set_mocks(Recording(), project="voicestack", stack=name, preview=True)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def make() -> None:
        LocalStack("voicestack", read(name, given, None))

    make()
    return {
        args.name.removeprefix("voicestack-").removeprefix("models-"): args.inputs
        for args in MADE
        if args.typ == "docker:index/container:Container"
    }


def test_every_service_is_a_container_named_after_its_stack() -> None:
    assert containers("dev")["dubber"]["name"] == "voicestack-dev-dubber"


def test_a_container_restarts_rotates_its_log_and_is_given_time_to_stop() -> None:
    dubber = containers()["dubber"]
    assert dubber["restart"] == "unless-stopped"
    assert dubber["logOpts"] == {"max-size": "10m", "max-file": "3"}
    assert dubber["destroyGraceSeconds"] == dubber["stopTimeout"] == 15
    assert dubber["memory"] == dubber["memorySwap"] == 1024


def test_times_are_written_as_the_engine_gives_them_back() -> None:
    written = [duration(seconds) for seconds in (45, 60, 90, 3600, 3661)]
    assert written == ["45s", "1m0s", "1m30s", "1h0m0s", "1h1m1s"]


def test_speech_gets_the_gpu_of_a_gpu_stack() -> None:
    made = containers("local-gpu", variant="cuda")
    assert made["sts"]["deviceRequests"][0]["capabilities"] == ["gpu"]
    assert "deviceRequests" not in made["web"]


def test_the_dev_stack_mounts_the_source_and_reloads() -> None:
    made = containers("dev", source="true")
    assert any(mount["target"] == "/opt/voicestack/app" for mount in made["web"]["mounts"])
    assert made["web"]["command"] == ["serve", "--reload"]
    assert "command" not in made["media"]


def test_passwords_are_secrets_of_the_state_too() -> None:
    given = {"MEDIA_READ_USER": "viewer", "MEDIA_READ_PASSWORD": "hush-hush"}
    made = containers(settings=json.dumps(given))
    holders = {name for name, inputs in made.items() if "hush-hush" in json.dumps(inputs, default=str)}
    assert holders == {"dubber"}


def test_models_that_the_settings_need_are_fetched_once_before_anyone_starts() -> None:
    assert "preload" not in containers()
    made = containers(settings=json.dumps({"ASR_ENGINE": "whisper", "ASR_MODEL": "small"}))
    fetching = made["preload"]
    assert fetching["command"] == ["preload", "--all"]
    # A voice that its folder has already is not fetched.
    assert [(each["source"], each["target"]) for each in fetching["mounts"]] == [
        ("voicestack-local-models", "/data/models"),
        ("voicestack-local-voices", "/data/voices"),
    ]
    assert "ASR_MODEL=small" in fetching["envs"]
    assert (fetching["restart"], fetching["mustRun"]) == ("no", False)
    assert "preload" not in containers(services="media", settings=json.dumps({"ASR_ENGINE": "whisper"}))


def test_where_models_come_from_is_passed_on_unless_it_is_this_very_machine() -> None:
    given = {
        "HF_TOKEN": "t",
        "HTTPS_PROXY": "http://localhost:3128",
        "NO_PROXY": "localhost",
        "HOME": "/root",
    }
    assert passed_on(given) == {"HF_TOKEN": "t", "NO_PROXY": "localhost"}
