"""A stack's configuration is checked as a whole, before anything is made."""

from __future__ import annotations

import json

import pytest

from infra.config import ConfigError, image_names, read


def test_everything_wrong_is_told_at_once() -> None:
    given = {
        "kind": "moon",
        "services": "nosuch",
        "variant": "tpu",
        "colour": "red",
        "source": "perhaps",
        "livekit": "maybe",
        "settings": json.dumps({"WEB_PORT": "99999", "DUB_PROFILE": "fast", "NOSUCH": "1"}),
    }
    with pytest.raises(ConfigError) as told:
        read("local", given, None)
    for each in (
        "moon",
        "nosuch",
        "tpu",
        "colour",
        "perhaps",
        "maybe",
        "WEB_PORT",
        "DUB_PROFILE",
        "settings.NOSUCH",
    ):
        assert each in str(told.value)


def test_ports_that_clash_and_a_missing_password_are_told() -> None:
    given = {"services": "web,db", "settings": json.dumps({"WEB_PORT": "8003"})}
    with pytest.raises(ConfigError) as told:
        read("local", given, None)
    assert "DUBBER_PORT" in str(told.value)
    assert "DB_PASSWORD" in str(told.value)


def test_a_secret_that_is_wrong_is_not_shown() -> None:
    given = {"settings": json.dumps({"MEDIA_READ_PASSWORD": "hush-hush"})}
    with pytest.raises(ConfigError) as told:
        read("local", given, None)
    assert "hush-hush" not in str(told.value)


def test_a_gpu_stack_needs_a_service_that_uses_one() -> None:
    with pytest.raises(ConfigError, match="variant cuda"):
        read("local-gpu", {"variant": "cuda", "services": "media"}, None)


def test_a_chosen_service_brings_what_it_needs_and_no_image_beyond() -> None:
    config = read("local", {"services": "dubber"}, None)
    assert [service.name for service in config.services] == ["media", "sts", "dubber"]
    assert image_names(config) == ["media", "speech", "app"]
    assert "speech-cuda" in image_names(read("local-gpu", {"variant": "cuda"}, None))


def test_rooms_come_with_one_key_and_are_not_there_without_it() -> None:
    plain, rooms = read("local", {}, None), read("local", {"livekit": "true"}, None)
    assert not {"commentary", "livekit"} & {service.name for service in plain.services}
    assert {service.name for service in rooms.services} - {service.name for service in plain.services} == {
        "commentary",
        "livekit",
    }
    assert (plain.settings.livekit_enabled, rooms.settings.livekit_enabled) == (False, True)
