"""Accounts, sessions, keys and links in their file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.access.accounts import HASHER, Accounts, nobodys
from app.access.keys import Keys
from app.access.links import Links
from app.access.sessions import IDLE, LONGEST, MOST_EACH, Sessions
from app.access.store import ACCOUNTS, AccessError, Store
from tests.unit.access.moved_clock import Clock

PASSWORD = "seven green umbrellas"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    return Store(tmp_path / "access", clock)


@pytest.fixture
def accounts(store: Store) -> Accounts:
    found = Accounts(store)
    found.add("ana", PASSWORD, "operator")
    return found


def test_nothing_is_made_before_the_first_account(store: Store) -> None:
    assert not store.holds(ACCOUNTS)
    assert Accounts(store).all() == []
    assert Sessions(store).of() == []
    assert Keys(store).all() == []
    assert not store.path.parent.exists()


def test_the_file_is_its_owners_alone_whatever_the_umask(store: Store) -> None:
    before = os.umask(0)
    try:
        Accounts(store).add("ana", PASSWORD, "viewer")
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_of_a_password_only_an_argon2_hash_is_kept(accounts: Accounts) -> None:
    kept = accounts.store.path.read_bytes()
    assert PASSWORD.encode() not in kept
    assert b"$argon2id$v=19$m=65536,t=3,p=1$" in kept


def test_a_password_is_right_or_wrong_for_one_name_alone(accounts: Accounts) -> None:
    accounts.add("ben", "another few words", "viewer")
    assert accounts.verify("ana", PASSWORD)
    assert not accounts.verify("ana", "another few words")
    assert not accounts.verify("ben", PASSWORD)
    assert not accounts.verify("nobody", PASSWORD)
    assert not accounts.verify("ana", PASSWORD + "x" * 10_000)
    assert not accounts.verify("' OR 1=1 --", PASSWORD)


def test_a_name_that_nobody_has_costs_the_same_work_as_one_that_somebody_has() -> None:
    assert HASHER.check_needs_rehash(nobodys()) is False
    assert nobodys() != nobodys()


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ana", PASSWORD),
        ("", PASSWORD),
        ("a b", PASSWORD),
        ("-x", PASSWORD),
        ("ben", "short"),
        ("ben", "x" * 300),
        ("ben", "aaaabbbbccccdddd"),
        ("benjamin", "my name is Benjamin"),
    ],
)
def test_an_account_that_can_not_be_is_refused(accounts: Accounts, name: str, password: str) -> None:
    with pytest.raises(AccessError):
        accounts.add(name, password, "operator")
    assert [each.name for each in accounts.all()] == ["ana"]


def test_removing_an_account_and_changing_its_password_end_its_sessions(accounts: Accounts) -> None:
    sessions = Sessions(accounts.store)
    cookie = sessions.begin("ana", None, "a browser", secure=False)
    accounts.set_password("ana", "other words than these")
    assert sessions.find(cookie, secure=False) is None
    assert accounts.verify("ana", "other words than these")
    cookie = sessions.begin("ana", None, "a browser", secure=False)
    accounts.remove("ana")
    assert sessions.find(cookie, secure=False) is None
    changes: list[Callable[[], None]] = [
        lambda: accounts.remove("ana"),
        lambda: accounts.set_password("ana", PASSWORD),
    ]
    for change in changes:
        with pytest.raises(AccessError, match="no account"):
            change()


def test_a_session_is_found_by_its_signed_cookie_alone(accounts: Accounts) -> None:
    sessions = Sessions(accounts.store)
    cookie = sessions.begin("ana", None, "a browser", secure=False)
    found = sessions.find(cookie, secure=False)
    assert found is not None
    assert (found.name, found.role, found.browser) == ("ana", "operator", "a browser")
    secret, _, signature = cookie.partition(".")
    assert len(secret) >= 43
    wrong = (
        "",
        secret,
        f"{secret}.",
        f"{secret}.{signature[:-1]}0x",
        f"x{cookie}",
        f"{found.hash}.{signature}",
    )
    assert [sessions.find(each, secure=False) for each in wrong] == [None] * len(wrong)
    assert sessions.find(cookie, secure=True) is None
    assert secret.encode() not in accounts.store.path.read_bytes()


def test_a_session_ends_by_itself_when_it_is_idle_and_after_its_longest_time(
    accounts: Accounts, clock: Clock
) -> None:
    sessions = Sessions(accounts.store)
    idle = sessions.begin("ana", None, "", secure=False)
    clock.now += IDLE - 1
    assert sessions.find(idle, secure=False)
    clock.now += IDLE - 1
    assert sessions.find(idle, secure=False)
    clock.now += IDLE
    assert sessions.find(idle, secure=False) is None
    busy = sessions.begin("ana", None, "", secure=False)
    for _ in range(int(LONGEST / (IDLE / 2)) - 1):
        clock.now += IDLE / 2
        assert sessions.find(busy, secure=False)
    clock.now += IDLE / 2
    assert sessions.find(busy, secure=False) is None


def test_a_session_has_the_role_that_its_account_has_now(accounts: Accounts) -> None:
    sessions = Sessions(accounts.store)
    cookie = sessions.begin("ana", None, "", secure=False)
    with accounts.store.open() as connection:
        connection.execute("UPDATE users SET role = 'viewer'")
    found = sessions.find(cookie, secure=False)
    assert found is not None
    assert found.role == "viewer"


def test_sessions_can_be_ended_one_by_one_or_all_and_are_not_without_number(
    accounts: Accounts, clock: Clock
) -> None:
    sessions = Sessions(accounts.store)
    cookies = []
    for _ in range(MOST_EACH + 2):
        clock.now += 1
        cookies.append(sessions.begin("ana", None, "", secure=False))
    assert [sessions.find(each, secure=False) is not None for each in cookies] == [False] * 2 + [
        True
    ] * MOST_EACH
    other = sessions.begin("ben@example.org (id.example.org)", "viewer", "", secure=False)
    last = sessions.find(cookies[-1], secure=False)
    assert last is not None
    assert sessions.end("ben@example.org (id.example.org)", last.hash) == 0
    assert sessions.end("ana", last.hash) == 1
    assert sessions.find(cookies[-1], secure=False) is None
    assert sessions.end("ana") == MOST_EACH - 1
    assert [each.name for each in sessions.of()] == ["ben@example.org (id.example.org)"]
    assert sessions.find(other, secure=False)


def test_each_page_token_belongs_to_one_session(accounts: Accounts) -> None:
    sessions = Sessions(accounts.store)
    cookies = [sessions.begin("ana", None, "", secure=False) for _ in range(2)]
    tokens = {found.token for each in cookies if (found := sessions.find(each, secure=False))}
    assert len(tokens) == 2


def test_a_key_is_shown_once_and_opens_what_its_scopes_say(store: Store, clock: Clock) -> None:
    keys = Keys(store)
    given = keys.add("studio", ["speech", "dubber:read"])
    assert given.encode() not in store.path.read_bytes()
    assert given.split("_", 2)[2].encode() not in store.path.read_bytes()
    key = keys.find(given)
    assert key is not None
    assert key.scopes == ("dubber:read", "speech:write")
    opened = [(service, changes) for service in ("speech", "dubber", "live") for changes in (False, True)]
    assert [each for each in opened if key.opens(each[0], changes=each[1])] == [
        ("speech", False), ("speech", True), ("dubber", False),
    ]  # fmt: skip
    assert keys.all()[0].used == clock.now
    for wrong in ("", "vs_", given[:-1], given[:-1] + ("a" if given[-1] != "a" else "b"), given + "a"):
        assert keys.find(wrong) is None
    keys.revoke("studio")
    assert keys.find(given) is None
    assert keys.all()[0].revoked == clock.now
    for again in (lambda: keys.revoke("studio"), lambda: keys.add("studio", ["live"])):
        with pytest.raises(AccessError, match="studio"):
            again()


def test_a_key_needs_scopes_that_there_are(store: Store) -> None:
    for scopes in ([], ["everything"], ["speech:delete"]):
        with pytest.raises(AccessError, match="the scopes are: speech:read, speech:write"):
            Keys(store).add("studio", scopes)
    assert Keys(store).all() == []


def test_a_link_opens_one_path_for_one_thing_until_its_time_is_over(store: Store, clock: Clock) -> None:
    links = Links(store)
    query = links.make("dub/news/es", "read", 60)
    assert links.allows(query, "dub/news/es", "read")
    assert links.allows(f"a=b&{query}", "dub/news/es", "read")
    assert not links.allows(query, "dub/news/fr", "read")
    assert not links.allows(query, "dub/news/es", "publish")
    until = query.partition("=")[2].partition(".")[0]
    longer = query.replace(until, str(int(until) + 1))
    wrong = (
        "",
        "link=",
        "link=.",
        longer,
        query[:-1],
        "link=²²." + query[-64:],
        query.replace(until, "9" * 5000),
    )
    assert not any(links.allows(each, "dub/news/es", "read") for each in wrong)
    clock.now += 60
    assert not links.allows(query, "dub/news/es", "read")


def test_all_links_can_be_ended_at_once(store: Store) -> None:
    links = Links(store)
    query = links.make("live/news", "publish", 60)
    links.revoke()
    assert not links.allows(query, "live/news", "publish")
    assert links.allows(links.make("live/news", "publish", 60), "live/news", "publish")


def test_processes_that_begin_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: Store(tmp_path / "access").secret("links"), range(16)))
    assert len(found) == 1


def test_a_file_that_is_broken_lets_nobody_in(accounts: Accounts) -> None:
    sessions = Sessions(accounts.store)
    cookie = sessions.begin("ana", None, "", secure=False)
    accounts.store.path.write_bytes(b"not a database at all" * 100)
    for ask in (
        lambda: accounts.store.holds(ACCOUNTS),
        lambda: accounts.verify("ana", PASSWORD),
        lambda: sessions.find(cookie, secure=False),
    ):
        with pytest.raises(AccessError, match="can't be used"):
            ask()
