"""Releases on a real engine: a first, a second, broken ones that are put back, five kept (DEP-9)."""

from __future__ import annotations

import json
import stat

import pytest

from infra.hosts.converge import decide, engine
from infra.hosts.converge.host import ReleaseError
from infra.hosts.converge.release import remembered
from tests.docker.release.conftest import Machine

AWKWARD = "a'b\"c$d #e\\f ${HOME} $$g ünï"


def test_a_first_release_comes_up_with_its_data_on_the_volume(machine: Machine) -> None:
    first = machine.bundle()
    machine.bring(first)
    found = machine.running()
    assert sorted(found) == ["dubber", "media", "sts"]
    assert all(each.well for each in found.values())
    assert all("@sha256:" in each.image for each in found.values())
    assert remembered(machine.places).good == (first.release,)
    assert {each.name for each in machine.places.data.iterdir()} == {
        "access",
        "models",
        "phrases",
        "profiles",
        "joined",
        "recordings",
        "voices",
    }
    mounts = json.loads(engine.docker("inspect", "--format", "{{json .Mounts}}", found["sts"].container))
    volume = next(each["Name"] for each in mounts if each["Destination"] == "/data/models")
    options = json.loads(engine.docker("volume", "inspect", "--format", "{{json .Options}}", volume))
    assert options["device"] == str(machine.places.data / "models")
    assert any("waiting for" in line for line in machine.said)


def test_a_release_restarts_only_what_it_changes(machine: Machine) -> None:
    machine.bring(machine.bundle())
    before = machine.running()
    second = machine.bundle(dubber="steady-2")
    machine.bring(second)
    after = machine.running()
    assert {name for name in after if after[name].container != before[name].container} == {"dubber"}
    machine.bring(second)
    assert machine.running() == after


@pytest.mark.parametrize(
    ("kind", "reason", "words"),
    [
        pytest.param("crashing", "exit code 3", "no such voice", marks=pytest.mark.thorough),
        ("ill", "is unhealthy", "the model is missing"),
    ],
)
def test_a_broken_release_is_put_back_and_says_why(
    machine: Machine, kind: str, reason: str, words: str
) -> None:
    good, broken = machine.bundle(), machine.bundle(dubber=kind)
    machine.secrets["MEDIA_PUBLISH_PASSWORD"] = "never-to-be-seen"
    machine.bring(good)
    before = machine.running()
    with pytest.raises(ReleaseError) as told:
        machine.bring(broken)
    said = str(told.value)
    assert f"release {broken.release} failed: dubber" in said
    assert reason in said
    assert words in said
    assert "never-to-be-seen" not in said
    assert f"Release {good.release} is back and healthy" in said
    found = machine.running()
    assert all(each.well for each in found.values())
    assert found["dubber"].image == before["dubber"].image
    assert (found["media"], found["sts"]) == (before["media"], before["sts"])
    assert remembered(machine.places) == decide.State((good.release,), broken.release)


def test_a_boot_does_not_try_again_what_has_failed(machine: Machine) -> None:
    good, broken = machine.bundle(), machine.bundle(dubber="crashing")
    machine.bring(good)
    with pytest.raises(ReleaseError):
        machine.bring(broken)
    before = machine.running()
    with pytest.raises(ReleaseError, match=f"release {good.release} runs"):
        machine.bring(broken, boot=True)
    assert machine.running() == before


def test_a_first_release_that_is_broken_says_that_nothing_can_be_put_back(machine: Machine) -> None:
    with pytest.raises(ReleaseError, match="no release before it"):
        machine.bring(machine.bundle(sts="crashing"))


def test_an_image_that_is_nowhere_leaves_everything_as_it_was(machine: Machine) -> None:
    machine.bring(machine.bundle())
    before = machine.running()
    machine.images.made["lost"] = f"{machine.images.repository}@sha256:{'0' * 64}"
    with pytest.raises(ReleaseError, match="is back and healthy"):
        machine.bring(machine.bundle(dubber="lost"))
    assert machine.running() == before


def test_a_secret_that_nobody_set_stops_the_release_by_its_name(machine: Machine) -> None:
    del machine.secrets["MEDIA_READ_PASSWORD"]
    with pytest.raises(ReleaseError, match="MEDIA_READ_PASSWORD"):
        machine.bring(machine.bundle())
    assert machine.running() == {}


def test_secrets_arrive_exactly_and_only_root_can_read_them(machine: Machine) -> None:
    machine.secrets["MEDIA_PUBLISH_PASSWORD"] = AWKWARD
    machine.bring(machine.bundle())
    dubber = machine.running()["dubber"].container
    arrived = engine.docker("exec", dubber, "printenv", "MEDIA_PUBLISH_PASSWORD")
    assert arrived == f"{AWKWARD}\n"
    file = machine.places.run / "secrets.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = [path.read_text(encoding="utf-8") for path in machine.places.state.rglob("*.json")]
    assert kept
    assert not any(json.dumps(AWKWARD)[1:-1] in text for text in kept)


@pytest.mark.thorough
def test_five_good_releases_are_kept_and_the_images_of_others_removed(machine: Machine) -> None:
    made = [machine.bundle(dubber=f"steady-{number}") for number in range(3, 9)]
    for each in made:
        machine.bring(each)
    newest_first = [each.release for each in reversed(made)]
    assert list(remembered(machine.places).good) == newest_first[:5]
    kept = {path.stem for path in (machine.places.state / "releases").iterdir()}
    assert kept == set(newest_first[:5])
    assert not engine.has_image(machine.images.reference("steady-3"))
    assert engine.has_image(machine.images.reference("steady-4"))


def test_models_are_fetched_before_the_service_that_needs_them_starts(machine: Machine) -> None:
    machine.bring(machine.bundle(models=True, sts="fetching"))
    assert (machine.places.data / "models" / "tiny").read_text(encoding="utf-8") == "fetching tiny\n"
    assert "fetching tiny" in machine.said
    assert machine.running()["sts"].well


def test_models_that_cannot_be_fetched_stop_the_release_before_anything_changes(machine: Machine) -> None:
    machine.bring(machine.bundle())
    before = machine.running()
    with pytest.raises(ReleaseError, match="no way to the hub"):
        machine.bring(machine.bundle(models=True, sts="offline"))
    assert machine.running() == before
