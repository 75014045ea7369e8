"""Links that were right are remembered: without the secret, and until it is another one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.access import remembered
from app.access.links import PURPOSE, Links
from app.access.remembered import RememberedLinks
from app.access.store import AccessError, Store
from tests.unit.access.moved_clock import Clock

PATH = "all/news"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, Clock())


def settled(store: Store) -> None:
    """The store, as if nobody had written to it for long."""
    remembered_at = time.time() - 60
    os.utime(store.path, (remembered_at, remembered_at))
    time.sleep(2 * remembered.SETTLED_AFTER)


def counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time that the secret is read."""
    read = list[str]()
    secret = store.secret

    def counting(purpose: str) -> bytes:
        read.append(purpose)
        return secret(purpose)

    monkeypatch.setattr(store, "secret", counting)
    return read


def test_a_link_that_was_right_costs_no_look_into_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "LOOK_EVERY", 3600.0)
    links = RememberedLinks(store)
    query = links.make(PATH, "read", 60)
    settled(store)
    assert links.allows(query, PATH, "read")
    read = counted(store, monkeypatch)
    assert all(links.allows(query, PATH, "read") for _ in range(10))
    assert read == []
    assert not links.allows(query, PATH, "publish")
    assert not links.allows(query, "all/sport", "read")
    assert len(read) == 2


def test_its_time_is_looked_at_each_time(store: Store) -> None:
    links = RememberedLinks(store)
    query = links.make(PATH, "read", 60)
    assert links.allows(query, PATH, "read")
    store.clock.now += 60  # type: ignore[attr-defined]
    assert not links.allows(query, PATH, "read")


@pytest.mark.parametrize("rest", [False, True], ids=["just written", "at rest"])
def test_a_link_that_is_ended_by_another_process_holds_no_more(
    store: Store, monkeypatch: pytest.MonkeyPatch, rest: bool
) -> None:
    """From the very next request on: the file tells that it was changed."""
    monkeypatch.setattr(remembered, "LOOK_EVERY", 3600.0)
    links, others = RememberedLinks(store), Links(Store(store.path.parent, store.clock))
    query = others.make(PATH, "read", 60)
    if rest:
        settled(store)
    assert links.allows(query, PATH, "read")
    others.revoke()
    assert not links.allows(query, PATH, "read")
    assert links.allows(others.make(PATH, "read", 60), PATH, "read")


def test_where_the_file_tells_nothing_it_holds_for_a_second_at_most(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = RememberedLinks(store)
    query = links.make(PATH, "read", 60)
    monkeypatch.setattr(store, "stamp", lambda: (0, 0, 0, 0))
    assert links.allows(query, PATH, "read")
    links.revoke()
    now = time.monotonic() + remembered.LOOK_EVERY
    monkeypatch.setattr("app.access.remembered.time.monotonic", lambda: now)
    assert not links.allows(query, PATH, "read")


def test_another_file_in_its_place_is_another_secret(store: Store, tmp_path: Path) -> None:
    links = RememberedLinks(store)
    query = links.make(PATH, "read", 60)
    settled(store)
    assert links.allows(query, PATH, "read")
    other = Store(tmp_path / "other")
    other.secret(PURPOSE)
    other.path.replace(store.path)
    assert not links.allows(query, PATH, "read")
    store.path.unlink()
    assert not links.allows(query, PATH, "read")


def test_a_store_that_cannot_be_read_opens_nothing(store: Store) -> None:
    links = RememberedLinks(store)
    query = links.make(PATH, "read", 60)
    assert links.allows(query, PATH, "read")
    store.path.write_bytes(b"no database" * 1000)
    for _ in range(3):
        with pytest.raises(AccessError):
            links.allows(query, PATH, "read")


def test_neither_secret_nor_link_is_kept_and_not_too_much(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "MOST", 3)
    links = RememberedLinks(store)
    queries = [links.make(PATH, "read", 60 + number) for number in range(5)]
    assert all(links.allows(query, PATH, "read") for query in queries)
    kept = repr(vars(links))
    assert len(links._right) == 3
    secret = store.secret(PURPOSE)
    for each in (secret.hex(), repr(secret)[2:-1], *(query.rpartition(".")[2] for query in queries)):
        assert each not in kept
    assert all(links.allows(query, PATH, "read") for query in queries)


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(("make", "ask", "revoke", "later", "changed")),
            st.integers(0, 3),
            st.sampled_from(("read", "publish")),
            st.sampled_from((PATH, "all/sport")),
        ),
        max_size=25,
    ),
    shared=st.sampled_from(("", "of-all-cells")),
)
def test_it_answers_as_links_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, str, str]], shared: str
) -> None:
    clock = Clock()
    store = Store(tmp_path_factory.mktemp("store"), clock)
    plain, remembering = Links(store, shared), RememberedLinks(Store(store.path.parent, clock), shared)
    queries = ["link=1.2"]
    for step, number, action, path in steps:
        query = queries[-1 - number % len(queries)]
        if step == "make":
            queries.append(plain.make(path, "read" if action == "read" else "publish", 10))
        elif step == "revoke":
            plain.revoke()
        elif step == "later":
            clock.now += 4
        elif step == "changed":
            queries.append(query[:-1] + "0")
        assert remembering.allows(query, path, action) == plain.allows(query, path, action)
