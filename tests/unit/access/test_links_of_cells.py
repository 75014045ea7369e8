"""Links that hold at every cell, and end at every cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.access.links import Links, secret_of_cells
from app.access.remembered import RememberedLinks
from app.access.store import Store
from app.settings import load
from tests.unit.access.moved_clock import Clock

PATH = "all/news"
WORD = "the-key-of-all-cells"


@pytest.fixture
def cells(tmp_path: Path) -> tuple[Links, Links]:
    """Two cells: each has a store of its own, and knows the word."""
    clock = Clock()
    return Links(Store(tmp_path / "a", clock), WORD), RememberedLinks(Store(tmp_path / "b", clock), WORD)


def test_a_link_of_one_cell_holds_at_the_others_also_where_nothing_was_ever_kept(
    cells: tuple[Links, Links],
) -> None:
    here, there = cells
    query = here.make(PATH, "read", 60)
    assert not here.store.exists
    for each in cells:
        assert each.allows(query, PATH, "read")
        assert not each.allows(query, PATH, "publish")
        assert not each.allows(query, "all/sport", "read")
    assert not there.store.exists
    here.store.clock.now += 60  # type: ignore[attr-defined]
    assert not any(each.allows(query, PATH, "read") for each in cells)


def test_who_does_not_have_the_word_opens_nothing_with_it_and_nothing_by_it(
    cells: tuple[Links, Links], tmp_path: Path
) -> None:
    query = cells[0].make(PATH, "read", 60)
    for word in ("another-word", ""):
        other = Links(Store(tmp_path / f"other{word}", cells[0].store.clock), word)
        assert not other.allows(query, PATH, "read")
        assert not cells[1].allows(other.make(PATH, "read", 60), PATH, "read")


def test_what_one_cell_ends_ends_at_another_once_it_hears(cells: tuple[Links, Links]) -> None:
    here, there = cells
    old = here.make(PATH, "read", 60), there.make(PATH, "read", 60)
    assert all(there.allows(query, PATH, "read") for query in old)
    here.revoke()
    new = here.make(PATH, "read", 60)
    assert not any(here.allows(query, PATH, "read") for query in old)
    assert here.allows(new, PATH, "read")
    assert not there.allows(new, PATH, "read"), "it has not heard yet"
    there.hear(here.ended)
    assert there.allows(new, PATH, "read")
    assert not any(there.allows(query, PATH, "read") for query in old)
    there.hear(0)
    there.hear(here.ended - 1)
    assert there.allows(new, PATH, "read"), "older news change nothing"


def test_ending_twice_in_one_moment_or_after_a_clock_went_back_ends_all(cells: tuple[Links, Links]) -> None:
    here, _ = cells
    for step in (0.0, 0.0, -3600.0):
        query = here.make(PATH, "read", 7200)
        here.store.clock.now += step  # type: ignore[attr-defined]
        assert here.allows(query, PATH, "read")
        here.revoke()
        assert not here.allows(query, PATH, "read")


def test_links_from_before_there_was_another_cell_hold_and_end_with_all(tmp_path: Path) -> None:
    store = Store(tmp_path, Clock())
    query = Links(store).make(PATH, "read", 60)
    links = Links(store, WORD)
    assert links.allows(query, PATH, "read")
    links.hear(1)
    assert not links.allows(query, PATH, "read")


def test_cells_have_the_first_of_the_keys_in_common_and_one_alone_has_nothing() -> None:
    two = {"CELLS": "http://10.0.1.11:8003", "API_KEYS": "first,second"}
    assert secret_of_cells(load(two)) == "first"
    assert secret_of_cells(load({"API_KEYS": "first"})) == ""
    assert secret_of_cells(load({"CELLS": two["CELLS"]})) == ""
