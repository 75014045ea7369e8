"""What each service's container is given."""

from __future__ import annotations

import json
import re

import pytest

from app import catalog
from app.catalog import CATALOG
from app.render.compose import compose
from app.render.containers import SECRETS, Container, containers, problems
from app.settings import Settings, load

PASSWORDS = {name.upper(): f"secret-{name}" for name in SECRETS} | {
    "MEDIA_PUBLISH_USER": "obs",
    "MEDIA_READ_USER": "viewer",
}
EVERYTHING = tuple(CATALOG)


def made(gpu: bool = False, /, **variables: str) -> dict[str, Container]:
    return {each.name: each for each in containers(EVERYTHING, load(variables), gpu=gpu)}


def test_services_find_each_other_by_name() -> None:
    environment = made()["sales"].environment
    assert environment["WHISPER_HOST"] == "live"
    assert environment["STS_URLS"] == "ws://sts:5003"
    assert environment["MEDIA_HOST"] == "media"


def test_settings_that_nobody_made_are_not_passed_on() -> None:
    assert "DUB_PROFILE" not in made()["dubber"].environment
    assert made(DUB_PROFILE="steady")["dubber"].environment["DUB_PROFILE"] == "steady"


def test_a_speech_host_elsewhere_stays_where_it_is_and_this_machine_becomes_a_container() -> None:
    assert made(STS_URLS="ws://gpu-1:5003")["dubber"].environment["STS_URLS"] == "ws://gpu-1:5003"
    assert made(STS_URLS="ws://127.0.0.1:5003")["dubber"].environment["STS_URLS"] == "ws://sts:5003"


def test_ports_move_on_the_host_and_never_in_the_container() -> None:
    web = made(WEB_PORT="4300")["web"]
    assert [(each.address, each.number, each.target) for each in web.published] == [("127.0.0.1", 4300, 4200)]
    assert "WEB_PORT" not in web.environment


def test_webrtc_tells_its_clients_the_port_that_the_host_offers() -> None:
    media = made(MEDIA_WEBRTC_UDP_PORT="8200")["media"]
    assert (8200, 8200, "udp") in [(each.number, each.target, each.protocol) for each in media.published]
    assert json.loads(media.files["/etc/mediamtx.yml"])["webrtcLocalUDPAddress"] == "0.0.0.0:8200"


def test_livekit_is_told_its_ports_and_keys_and_nobody_else_its_keys() -> None:
    enabled = {"LIVEKIT_ENABLED": "true", "LIVEKIT_API_SECRET": "x" * 32, "LIVEKIT_UDP_PORT": "7900"}
    every = made(**enabled)
    livekit, configuration = every["livekit"], json.loads(every["livekit"].environment["LIVEKIT_CONFIG"])
    assert livekit.secrets == {"LIVEKIT_KEYS": f"voicestack: {'x' * 32}"}
    assert "x" * 32 not in json.dumps(configuration)
    assert configuration["rtc"]["udp_port"] == 7900
    assert configuration["rtc"]["node_ip"] == "127.0.0.1"
    assert configuration["room"]["auto_create"] is False
    assert (7900, 7900, "udp") in [(each.number, each.target, each.protocol) for each in livekit.published]
    assert every["commentary"].environment["LIVEKIT_URL"] == "ws://livekit:7880"
    compose_file = compose([livekit], "", "local")["services"]["livekit"]
    assert compose_file["image"] == "livekit/livekit-server:v1.11.0"
    assert compose_file["environment"]["LIVEKIT_KEYS"] == "voicestack: ${LIVEKIT_API_SECRET}"
    assert problems(tuple(EVERYTHING), load(enabled | {"DB_PASSWORD": "x"})) == []
    assert any("LIVEKIT_ENABLED" in line for line in problems(EVERYTHING, load({})))


def test_the_control_api_and_the_database_are_not_published() -> None:
    offered = {each.target for one in made(DB_PASSWORD="x").values() for each in one.published}
    assert not offered & {9997, 5432}


def test_the_media_server_asks_the_dubber_and_is_told_no_password_but_what_srt_is_encrypted_with() -> None:
    media = made(**PASSWORDS)["media"]
    configuration = json.loads(media.files["/etc/mediamtx.yml"])
    assert configuration["authHTTPAddress"] == "http://dubber:8003/auth"
    assert configuration["apiAddress"] == "0.0.0.0:9997"
    assert set(media.secrets.values()) == {"secret-media_srt_passphrase"}
    assert "secret-" not in json.dumps([dict(media.environment), dict(media.files)])


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_goes_to_those_who_use_it_alone(name: str) -> None:
    given = {each.name: " ".join(each.secrets.values()) for each in made(**PASSWORDS).values()}
    holders = {service for service, secrets in given.items() if re.search(rf"\bsecret-{name}\b", secrets)}
    assert holders == set(SECRETS[name])
    assert all(f"secret-{name}" not in repr(each) for each in made(**PASSWORDS).values())


@pytest.mark.parametrize("name", [each.name for each in CATALOG if each.module])
def test_every_service_can_use_what_its_container_is_given(name: str) -> None:
    given = made(**PASSWORDS)[name]
    settings = load({**given.environment, **given.secrets})
    assert settings.media_publish_user == ("obs" if name == "dubber" else "")


def test_what_is_wrong_is_told_at_once() -> None:
    found = problems(EVERYTHING, load({"WEB_PORT": "8003"}))
    assert any("WEB_PORT" in line and "DUBBER_PORT" in line for line in found)
    assert any("DB_PASSWORD" in line for line in found)


def test_only_services_that_use_a_gpu_get_one() -> None:
    chosen = made(True, DB_PASSWORD="x")
    assert chosen["sts"].gpu
    assert chosen["sts"].image == "speech-cuda"
    assert not chosen["dubber"].gpu
    assert chosen["dubber"].image == "app"


def test_compose_says_the_same_as_the_catalogue_and_holds_no_secret() -> None:
    settings: Settings = load(PASSWORDS)
    text = json.dumps(rendered := compose(containers(EVERYTHING, settings), "", "local"))
    assert "secret-" not in text
    assert list(rendered["services"]) == [service.name for service in EVERYTHING]
    assert rendered["services"]["dubber"]["depends_on"]["sts"] == {"condition": "service_healthy"}
    assert rendered["services"]["db"]["environment"]["POSTGRES_PASSWORD"] == "${DB_PASSWORD}"
    assert rendered["services"]["sts"]["mem_limit"] == f"{catalog.get('sts').memory}m"


def test_a_dollar_in_the_media_servers_hooks_survives_compose() -> None:
    rendered = compose(containers(EVERYTHING, load({})), "", "local")
    assert "$$MTX_PATH" in rendered["configs"]["media-mediamtx"]["content"]


def test_uploads_lie_on_disk_and_nobody_elses_files_do() -> None:
    for name, container in made().items():
        if name != "asr":
            assert "TMPDIR" not in container.environment
            continue
        folder = container.environment["TMPDIR"]
        assert folder in container.mounts.values()
        assert not any(folder.startswith(path) for path in container.tmpfs)


def test_keys_and_wyoming_go_together_in_containers_that_only_this_machine_reaches() -> None:
    both = {"API_KEYS": "a-key", "WYOMING_ENABLED": "true"}
    for container in made(**both).values():
        load({**container.environment, **container.secrets})
    elsewhere = load(both).model_copy(update={"bind_address": "0.0.0.0"})
    assert any("WYOMING_WITHOUT_KEYS" in line for line in problems(EVERYTHING, elsewhere))


def test_a_bucket_that_containers_could_not_reach_is_told() -> None:
    bucket = load({"UPLOADS_BUCKET": "mine", "DB_PASSWORD": "x"})
    assert any("UPLOADS_BUCKET" in line for line in problems(EVERYTHING, bucket))
    without = tuple(each for each in EVERYTHING if "archive" not in each.volumes)
    assert not any("UPLOADS_BUCKET" in line for line in problems(without, bucket))
