"""What a host keeps on its disk: whole or not at all, and no later run fails over a damaged file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from infra.hosts.converge import release
from infra.hosts.converge.decide import State
from infra.hosts.converge.host import Places, keep, made, read

DAMAGED = ["", "{", '{"HANDOVER_SECRET": "abc', "[]", "null", "\x00\x00\x00"]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(tmp_path / "state", tmp_path / "run", tmp_path / "data")
    (found.state / "releases").mkdir(parents=True)
    return found


def test_a_secret_is_made_once_for_root_alone(places: Places) -> None:
    first = made(places, ["HANDOVER_SECRET"])
    assert len(first["HANDOVER_SECRET"]) >= 43
    assert made(places, ["HANDOVER_SECRET"]) == first
    assert stat.S_IMODE((places.state / "made.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [*DAMAGED, '{"HANDOVER_SECRET": 7}', '{"HANDOVER_SECRET": ""}'])
def test_a_secret_that_can_not_be_read_any_more_is_made_anew(places: Places, content: str) -> None:
    (places.state / "made.json").write_text(content, encoding="utf-8")
    fresh = made(places, ["HANDOVER_SECRET"])
    assert len(fresh["HANDOVER_SECRET"]) >= 43
    assert made(places, ["HANDOVER_SECRET"]) == fresh


@pytest.mark.parametrize("content", [*DAMAGED, '{"good": 1, "failed": ""}', '{"good": ["r1"], "failed": []}'])
def test_a_host_whose_memory_is_damaged_knows_of_no_release(places: Places, content: str) -> None:
    keep(places.bundle("r1"), {"compose": {}})
    (places.state / "state.json").write_text(content, encoding="utf-8")
    assert release.remembered(places) == State()


@pytest.mark.parametrize("content", DAMAGED)
def test_a_release_whose_bundle_is_damaged_is_none_to_go_back_to(places: Places, content: str) -> None:
    keep(places.bundle("r1"), {"compose": {"services": {}}})
    places.bundle("r2").write_text(content, encoding="utf-8")
    release.remember(places, State(("r2", "r1"), "r3"))
    assert release.remembered(places) == State(("r1",), "r3")


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_bundle_of_an_old_release_does_not_stop_the_next_one(places: Places, content: str) -> None:
    places.bundle("r0").write_text(content, encoding="utf-8")
    release.succeed(places, State(), "r1", {"compose": {"services": {}}})
    assert release.remembered(places) == State(("r1",), "")
    assert not places.bundle("r0").exists()


def test_what_can_not_be_written_down_whole_leaves_what_was_there(places: Places) -> None:
    file = places.state / "kept.json"
    keep(file, {"one": 1})
    with pytest.raises(TypeError):
        keep(file, {"two": object()})
    assert read(file) == {"one": 1}
    assert json.loads(file.read_text(encoding="utf-8")) == {"one": 1}
