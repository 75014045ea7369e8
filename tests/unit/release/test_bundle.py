"""The bundle of a release: the same input gives the same bundle, and no secret is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app import catalog
from app.catalog import CATALOG
from app.release.bundle import IDENTITY, IDENTITY_INSIDE, Bundle, BundleError, build, longest, secrets
from app.release.names import DATA
from app.render.containers import SECRETS, Container, containers
from app.settings import load
from infra.hosts import program

PASSWORDS = {name.upper(): f"secret-{name}" for name in SECRETS} | {
    "MEDIA_PUBLISH_USER": "obs",
    "MEDIA_READ_USER": "viewer",
}


def everything(**variables: str) -> list[Container]:
    return containers(tuple(CATALOG), load({**PASSWORDS, **variables}))


def references(chosen: list[Container]) -> dict[str, str]:
    return {each.image: f"example/{each.image.replace(':', '-')}@sha256:{'a' * 64}" for each in chosen}


def made(chosen: list[Container] | None = None, **options: Any) -> Bundle:
    chosen = everything() if chosen is None else chosen
    return build("streaming", chosen, references(chosen), program(), **options)


def test_the_same_input_gives_the_same_release_and_any_other_another() -> None:
    assert made() == made()
    assert made().release != made(everything(LOG_LEVEL="debug")).release
    assert made().key == f"releases/streaming/{made().release}.json"


def test_another_secret_is_no_other_release_and_no_bundle_holds_one() -> None:
    assert made() == made(everything(API_KEYS="another"))
    assert "secret-" not in made().content
    assert json.loads(made().content)["secrets"] == sorted(name.upper() for name in SECRETS)


def test_secrets_are_kept_under_the_variable_that_the_compose_file_names() -> None:
    kept = secrets(everything())
    assert kept["DB_PASSWORD"] == "secret-db_password"
    assert "POSTGRES_PASSWORD" not in kept
    environment = json.loads(made().content)["compose"]["services"]["db"]["environment"]
    assert environment["POSTGRES_PASSWORD"] == "${DB_PASSWORD}"


def test_what_overlaps_has_no_port_on_the_host_and_a_secret_in_common_that_the_host_makes() -> None:
    content = json.loads(made(containers(catalog.select(["dubber"]), load({}))).content)
    services = content["compose"]["services"]
    assert content["overlaps"] == ["dubber"]
    assert [name for name in services if "ports" not in services[name]] == ["dubber"]
    assert services["dubber"]["environment"]["HANDOVER_SECRET"] == "${HANDOVER_SECRET}"
    assert (content["made"], content["secrets"]) == (["HANDOVER_SECRET"], [])
    assert json.loads(made().content)["made"] == []
    alone = json.loads(made(containers(catalog.select(["media"]), load({}))).content)
    assert (alone["overlaps"], alone["made"]) == ([], [])


def test_every_image_is_pinned_and_one_that_is_not_is_named() -> None:
    services = json.loads(made().content)["compose"]["services"].values()
    assert all("@sha256:" in service["image"] for service in services)
    chosen = everything()
    loose = {**references(chosen), "postgres:15": "postgres:15", "media": ""}
    with pytest.raises(BundleError) as told:
        build("streaming", chosen, loose, program())
    assert "postgres:15" in str(told.value)
    assert "media: no reference" in str(told.value)


def test_all_data_lies_on_the_hosts_own_volume() -> None:
    content = json.loads(made().content)
    devices = {volume["driver_opts"]["device"] for volume in content["compose"]["volumes"].values()}
    assert devices == {f"{DATA}/{volume.name}" for volume in catalog.VOLUMES}
    assert content["folders"] == sorted(volume.name for volume in catalog.VOLUMES)


def test_who_reaches_the_uploads_has_the_credentials_that_the_host_renews() -> None:
    content = json.loads(made(identity="arn:role").content)
    assert content["identity"] == "arn:role"
    for name, service in content["compose"]["services"].items():
        mounts = [each for each in service.get("volumes", []) if each["type"] == "bind"]
        if name in ("api", "transcriber"):
            assert mounts == [
                {"type": "bind", "source": IDENTITY, "target": IDENTITY_INSIDE, "read_only": True}
            ]
            assert service["environment"]["AWS_CONFIG_FILE"] == f"{IDENTITY_INSIDE}/config"
        else:
            assert not mounts
            assert "AWS_CONFIG_FILE" not in service.get("environment", {})
    assert json.loads(made().content)["identity"] == ""


def test_logs_go_to_cloudwatch_only_where_asked() -> None:
    plain = json.loads(made().content)["compose"]["services"]
    assert {service["logging"]["driver"] for service in plain.values()} == {"json-file"}
    asked = json.loads(made(region="eu-central-1", logs="/voicestack/prod").content)["compose"]["services"]
    assert {service["logging"]["driver"] for service in asked.values()} == {"awslogs"}
    options = asked["web"]["logging"]["options"]
    assert (options["awslogs-group"], options["awslogs-region"]) == ("/voicestack/prod", "eu-central-1")
    assert options["awslogs-stream"] == "${VOICESTACK_HOST}/web"


def test_a_release_is_given_the_time_of_its_longest_chain() -> None:
    by_name = {service.name: service for service in CATALOG}
    chain = ("web", "dubber", "sts")
    assert longest(list(CATALOG)) >= sum(by_name[name].start_within for name in chain)
    assert longest([by_name["web"]]) == by_name["web"].start_within


def test_the_program_travels_along_whole() -> None:
    assert json.loads(made().content)["program"] == program()
    assert {"__init__.py", "__main__.py", "decide.py"} <= set(program())


def test_models_are_fetched_by_a_service_that_has_their_volume_and_only_where_asked() -> None:
    assert json.loads(made().content)["models"] == ""
    service = json.loads(made(models=True).content)["models"]
    assert "models" in catalog.get(service).volumes
    without = [each for each in everything() if "models" not in each.mounts]
    assert json.loads(made(without, models=True).content)["models"] == ""
