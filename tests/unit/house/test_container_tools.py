"""What is used, what is built, and what is said where it can't be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.native.container_tools import gpu_toolkit
from app.render import media
from tools import buildkit, engine, mirror, pins, registry, toolchain
from tools.go_modules import Program
from tools.setup import ROOT


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("system", "debian", "root", "remote", "word"),
    [
        ("Darwin", False, False, "", "colima start"),
        ("Linux", False, True, "", "system's packages"),
        ("Linux", True, False, "", "sudo python3 -m tools.engine"),
        ("Linux", True, True, "tcp://builder:2375", "DOCKER_HOST is tcp://builder:2375"),
    ],
)
def test_where_no_engine_can_be_started_the_way_to_one_is_told(
    system: str, debian: bool, root: bool, remote: str, word: str
) -> None:
    assert word in engine.remedy(system, debian_here=debian, root=root, remote=remote)


def test_on_debian_as_root_an_engine_is_started_from_here() -> None:
    assert engine.remedy("Linux", debian_here=True, root=True, remote="") == ""
    assert f"--registry-mirror=http://{registry.ADDRESS}" in engine.command()


def test_only_a_modern_engine_runs_a_builder_of_its_own() -> None:
    assert [engine.is_modern(each) for each in ("20.10.24+dfsg1", "23.0.0", "28.2.2", "")] == [
        False, True, True, False,
    ]  # fmt: skip


def test_with_nothing_built_the_users_own_pulumi_and_docker_are_left_as_they_are() -> None:
    made = toolchain.environment({"PATH": "/usr/bin"})
    assert made["PATH"] == "/usr/bin"
    assert "PULUMI_HOME" not in made
    assert "DOCKER_CONFIG" not in made


def test_built_tools_come_first_and_log_ins_stay_the_users_own() -> None:
    for program in (pins.PULUMI, pins.LANGUAGE_HOST):
        program.path().parent.mkdir(parents=True)
        program.path().touch()
    (toolchain.built_home() / "plugins").mkdir(parents=True)
    made = toolchain.environment({"PATH": "/usr/bin", "PULUMI_HOME": "/home/someone/pulumi"})
    assert made["PATH"].split(":") == [
        str(pins.PULUMI.path().parent), str(pins.LANGUAGE_HOST.path().parent), "/usr/bin",
    ]  # fmt: skip
    assert made["PULUMI_HOME"] == str(toolchain.built_home())
    assert made["PULUMI_CREDENTIALS_PATH"] == "/home/someone/pulumi"
    assert toolchain.environment(made)["PATH"] == made["PATH"], "a second time changes nothing"


def test_a_link_never_replaces_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "other").write_text("other")
    toolchain.link(tmp_path / "other", tmp_path / "mine")
    toolchain.link(tmp_path / "absent", tmp_path / "new")
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "new").is_symlink()


@pytest.mark.parametrize(
    ("said", "read"), [("v3.259.0", (3, 259)), ("3.150.0-dev", (3, 150)), ("", ()), ("dev", ())]
)
def test_versions_are_read_from_what_a_program_says(said: str, read: tuple[int, ...]) -> None:
    assert toolchain.numbers(said) == read


@pytest.mark.parametrize("program", [*pins.PLUGINS.values(), *pins.CLI_PLUGINS.values(), pins.PULUMI,
                                     pins.LANGUAGE_HOST, pins.BUILDKITD, pins.LIVEKIT])  # fmt: skip
def test_the_version_of_each_tool_is_that_of_its_go_module(program: Program) -> None:
    module = (program.source() / "go.mod").read_text(encoding="utf-8")
    assert (program.source() / "go.sum").is_file()
    if program is pins.DOCKER_PLUGIN:
        # Ours: it has the version of the SDK that programs use.
        assert "pulumi-docker==5.2.0" in (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    else:
        assert f" v{program.version}" in module


def test_another_recipe_or_version_is_another_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    base = mirror.BASES[0]
    before = mirror.key(base)
    (tmp_path / "debian").mkdir()
    (tmp_path / "debian" / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.setattr(mirror, "RECIPES", tmp_path)
    assert mirror.key(base) != before


def test_an_image_is_current_only_with_both_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    base = mirror.BASES[0]
    made = {base.name: mirror.key(base)}
    there = frozenset({"linux/amd64"})
    monkeypatch.setattr(registry, "platforms", lambda _repository, _tag: there)
    assert not mirror.is_current(base, made)
    there |= {"linux/arm64"}
    assert mirror.is_current(base, made)
    assert not mirror.is_current(base, {})


def test_what_is_only_run_is_made_for_this_machine_and_what_images_are_built_on_for_both() -> None:
    made_for = {base.recipe: base.processors for base in mirror.BASES}
    assert made_for["debian"] == made_for["mediamtx"] == made_for["caddy"] == mirror.BOTH
    assert made_for["postgres"] == made_for["livekit"] == (mirror.HERE,)


def test_the_mirror_has_the_very_names_that_are_asked_for() -> None:
    names = {base.name for base in mirror.BASES}
    assert {f"bluenviron/mediamtx:{media.VERSION}", "postgres:15", "debian:bookworm-slim"} <= names


def test_the_registry_and_the_builder_serve_this_machine_alone() -> None:
    assert json.loads(registry.rendered("/images"))["http"]["addr"].startswith("127.0.0.1:")
    assert f'mirrors = ["{registry.ADDRESS}"]' in buildkit.configuration()


def test_a_gpu_without_the_container_toolkit_is_told() -> None:
    assert gpu_toolkit("", ()) == []
    assert gpu_toolkit("H200", ("runc", "nvidia"))[0].state == "ok"
    assert "nvidia-container-toolkit" in gpu_toolkit("H200", ("runc",))[0].remedy
