"""Who may publish and watch."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.links import PARAMETER, USER, Links
from app.access.store import Store
from app.dubbing.service.auth import API_USER, INTERNAL_USER, AccessRequest, allowed, new_secret
from app.settings import Settings, load

SECRET = "of-this-run"
LINKS = Links(Store(Path("/nowhere")))
OPEN = load({})
CLOSED = load(
    {
        "MEDIA_PUBLISH_USER": "obs",
        "MEDIA_PUBLISH_PASSWORD": "in-word",
        "MEDIA_READ_USER": "viewer",
        "MEDIA_READ_PASSWORD": "out-word",
    }
)


def may(settings: Settings, action: str, path: str, user: str = "", password: str = "") -> bool:
    request = AccessRequest(user=user, password=password, action=action, path=path, protocol="rtsp")
    return allowed(request, settings, SECRET, LINKS)


@pytest.mark.parametrize("action", ["read", "playback"])
@pytest.mark.parametrize("path", ["live/news", "dub/news/es", "described/news", "all/news"])
def test_everyone_watches_where_no_credentials_are_set(action: str, path: str) -> None:
    assert may(OPEN, action, path)
    assert may(OPEN, action, path, "anyone", "anything")


def test_everyone_publishes_to_live_where_no_credentials_are_set() -> None:
    assert may(OPEN, "publish", "live/news")


@pytest.mark.parametrize("settings", [OPEN, CLOSED])
@pytest.mark.parametrize(("user", "password"), [("", ""), ("obs", "in-word"), ("viewer", "out-word")])
def test_nobody_but_a_worker_publishes_a_dub(settings: Settings, user: str, password: str) -> None:
    assert not may(settings, "publish", "dub/news/es", user, password)


@pytest.mark.parametrize("settings", [OPEN, CLOSED])
def test_our_own_processes_read_and_publish_sources_and_dubs_and_no_more(settings: Settings) -> None:
    assert may(settings, "read", "live/news", INTERNAL_USER, SECRET)
    assert may(settings, "publish", "dub/news/es", INTERNAL_USER, SECRET)
    assert may(settings, "publish", "live/news", INTERNAL_USER, SECRET)
    assert not may(settings, "publish", "other/news", INTERNAL_USER, SECRET)
    assert not may(settings, "read", "other/news", INTERNAL_USER, SECRET)


@pytest.mark.parametrize("settings", [OPEN, CLOSED])
def test_a_dub_is_read_to_be_sent_on(settings: Settings) -> None:
    assert may(settings, "read", "dub/news/es", INTERNAL_USER, SECRET)
    assert not may(settings, "read", "dub/news/es", INTERNAL_USER, SECRET + "x")


@pytest.mark.parametrize("password", ["", "wrong", SECRET + "x", SECRET[:-1]])
def test_a_worker_without_the_secret_is_refused(password: str) -> None:
    assert not may(OPEN, "publish", "dub/news/es", INTERNAL_USER, password)
    assert not may(OPEN, "read", "live/news", INTERNAL_USER, password)


def test_an_empty_secret_lets_nobody_in() -> None:
    request = AccessRequest(user=INTERNAL_USER, password="", action="publish", path="dub/news/es")
    assert not allowed(request, OPEN, "", LINKS)


@pytest.mark.parametrize(
    ("action", "path", "user", "password", "expected"),
    [
        ("publish", "live/news", "", "", False),
        ("publish", "live/news", "obs", "in-word", True),
        ("publish", "live/news", "obs", "out-word", False),
        ("publish", "live/news", "viewer", "out-word", False),
        ("publish", "live/news", "obß", "in-wörd", False),
        ("read", "live/news", "", "", False),
        ("read", "dub/news/es", "viewer", "out-word", True),
        ("playback", "dub/news/es", "viewer", "out-word", True),
        ("read", "described/news", "viewer", "out-word", True),
        ("read", "described/news", "obs", "in-word", False),
        ("publish", "described/news", "obs", "in-word", False),
        ("read", "dub/news/es", "obs", "in-word", False),
        ("read", "dub/news/es", "viewer", "", False),
    ],
)
def test_credentials_are_needed_where_they_are_set(
    action: str, path: str, user: str, password: str, expected: bool
) -> None:
    assert may(CLOSED, action, path, user, password) is expected


@pytest.mark.parametrize(
    "path",
    ["", "news", "live/", "live/a/b", "live/..", "live/.a", "live/a b", "dub/news", "dub/news/spanish",
     "dub/news/es/x", "LIVE/news", "live/" + "a" * 65, "live/news\n", "other/news", "described/a/b"],
)  # fmt: skip
@pytest.mark.parametrize("action", ["publish", "read", "playback"])
def test_other_paths_are_refused(action: str, path: str) -> None:
    assert not may(OPEN, action, path)
    assert not may(OPEN, action, path, INTERNAL_USER, SECRET)


@pytest.mark.parametrize("settings", [OPEN, CLOSED])
@pytest.mark.parametrize("action", ["api", "metrics", "pprof", "", "anything"])
def test_the_control_api_is_never_opened_this_way(settings: Settings, action: str) -> None:
    for user, password in (("", ""), ("obs", "in-word"), (INTERNAL_USER, SECRET)):
        assert not may(settings, action, "live/news", user, password)


def test_the_control_api_takes_the_dubbers_own_secret_or_the_password_from_the_settings() -> None:
    assert may(OPEN, "api", "", API_USER, SECRET)
    assert not may(OPEN, "api", "", API_USER, "")
    chosen = load({"MEDIA_API_PASSWORD": "api-word"})
    assert may(chosen, "api", "", API_USER, "api-word")
    assert not may(chosen, "api", "", API_USER, SECRET)


@given(user=st.text(), password=st.text(), action=st.text(), path=st.text())
def test_no_text_whatsoever_breaks_the_decision_or_opens_a_dub_for_publishing(
    user: str, password: str, action: str, path: str
) -> None:
    may(CLOSED, action, path, user, password)
    assert not may(CLOSED, "publish", "dub/news/es", user, password)
    assert not may(CLOSED, "publish", "live/news", user, password)


def test_each_run_has_a_secret_of_its_own() -> None:
    assert len({new_secret() for _ in range(10)}) == 10
    assert len(new_secret()) >= 32


def test_a_link_opens_its_stream_in_the_address_or_as_a_password(tmp_path: Path) -> None:
    links = Links(Store(tmp_path))
    read, publish = links.make("dub/news/es", "read", 60), links.make("live/news", "publish", 60)

    def may(action: str, path: str, query: str) -> set[bool]:
        ways = (
            {"query": f"a=b&{query}"},
            {"user": USER, "password": query.removeprefix(f"{PARAMETER}=")},
        )
        asked = (AccessRequest(action=action, path=path, **way) for way in ways)
        return {allowed(each, CLOSED, SECRET, links) for each in asked}

    assert may("read", "dub/news/es", read) == {True}
    assert may("playback", "dub/news/es", read) == {True}
    assert may("publish", "live/news", publish) == {True}
    for action, path, query in (
        ("read", "dub/news/fr", read),
        ("publish", "dub/news/es", read),
        ("read", "live/news", publish),
        ("api", "", links.make("", "read", 60)),
        ("publish", "dub/news/es", links.make("dub/news/es", "publish", 60)),
        ("publish", "live/news", links.make("live/news", "publish", -1)),
        ("metrics", "live/news", links.make("live/news", "read", 60)),
    ):
        assert may(action, path, query) == {False}, (action, path)


def test_where_links_can_not_be_read_they_open_nothing_and_passwords_still_do(tmp_path: Path) -> None:
    links = Links(Store(tmp_path))
    query = links.make("dub/news/es", "read", 60)
    links.store.path.write_bytes(b"broken" * 1000)
    asked = AccessRequest(action="read", path="dub/news/es", query=query)
    assert not allowed(asked, CLOSED, SECRET, links)
    known = asked.model_copy(update={"user": "viewer", "password": "out-word"})
    assert allowed(known, CLOSED, SECRET, links)
