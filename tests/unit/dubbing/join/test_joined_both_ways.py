"""Who may watch is let in, and who may not is refused, whichever way a request is answered."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.access.links import USER, Links
from app.access.store import store_of
from app.dubbing.service import api, joined_api, viewers
from app.dubbing.showing import showings
from app.serving.quick import Answers, Asked
from app.serving.throttle import Throttle
from tests.showing_a_clip import shown
from tests.unit.dubbing.join.test_joined_api import (
    LOGIN,
    PAGE,
    PASSWORD,
    STRANGER,
    joining_of,
    parts,
    settings_of,
)

NEIGHBOUR = "10.0.0.7"
IN_AN_HOUR = 3600.0
FILES = ("index.m3u8", "replay-picture.m3u8", "picture.m3u8", "nothing.vtt", "sound-de.m3u8", "index.jsonl")
LINKS = ("right", "over", "to publish", "of another", "of the dub", "changed", "empty", "ended")
QUERIES = ("{}", "_=1&{}", "{}&_=1", "link=1.2&{}", "{}&link=1.2", "link%3D1.2", "")


@dataclass
class Ways:
    """Both ways in which requests are answered, with everything behind them the same."""

    usual: dict[str, TestClient]
    quick: Answers
    links: Links
    let_in: viewers.Viewers
    ended: str

    def link(self, kind: str) -> str:
        """The query with such a link to the stream news."""
        match kind:
            case "over":
                return self.links.make("all/news", "read", -1.0)
            case "to publish":
                return self.links.make("all/news", "publish", IN_AN_HOUR)
            case "of another":
                return self.links.make("all/sport", "read", IN_AN_HOUR)
            case "of the dub":
                return self.links.make("dub/news/es", "read", IN_AN_HOUR)
            case "changed":
                right = self.links.make("all/news", "read", IN_AN_HOUR)
                return right[:-1] + ("0" if right[-1] != "0" else "1")
            case "empty":
                return "link="
            case "ended":
                return self.ended
        return self.links.make("all/news", "read", IN_AN_HOUR)


@contextmanager
def both_ways(folder: Path, login: dict[str, str]) -> Iterator[Ways]:
    chosen = settings_of(folder, **login)
    joining, streams, hub = joining_of(chosen)
    app, (let_in, at_hand) = FastAPI(), parts(chosen, joining)
    api.install(app, streams, hub)
    app.include_router(joined_api.router(chosen, joining, let_in, at_hand))
    links = Links(store_of(chosen))
    ended = links.make("all/news", "read", IN_AN_HOUR)
    links.revoke()
    usual = {peer: TestClient(app, client=(peer, 5000)) for peer in (STRANGER, NEIGHBOUR)}
    quick = joined_api.at_once(chosen, let_in, at_hand)
    yield Ways(usual, quick, links, let_in, ended)
    for each in usual.values():
        each.close()


@pytest.fixture(scope="module")
def folder(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(tmp_path_factory.mktemp("watched"))
    for name in ("news", "sport"):
        shown(clip, folder / "joined", name)
    return folder


@pytest.fixture(scope="module", params=[{}, LOGIN], ids=["open", "with a password"])
def ways(folder: Path, request: pytest.FixtureRequest) -> Iterator[Ways]:
    with both_ways(folder, request.param) as ways:
        yield ways


@pytest.fixture(autouse=True, scope="module")
def _no_pause() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viewers, "PAUSE", 0.0)
        yield


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass(frozen=True)
class Request:
    """One request: `header` is how it logs in, and `link` what kind of link it has where it needs one."""

    peer: str
    stream: str
    file: str
    query: str
    header: str
    link: str
    page: str
    within: bool

    def target(self, ways: Ways) -> str:
        link = ways.link(self.link).partition("=")[2]
        if self.within and link:
            return f"/all/{self.stream}/{link}/{self.file}"
        query = self.query.format(ways.link(self.link))
        return f"/all/{self.stream}/{self.file}" + (f"?{query}" if query else "")

    def headers(self, ways: Ways) -> dict[str, str]:
        by_link = basic(USER, ways.link(self.link).partition("=")[2])
        authorization = {
            "right": basic(*PASSWORD),
            "wrong": basic(PASSWORD[0], "guessed"),
            "of another": basic("publisher", PASSWORD[1]),
            "by link": by_link,
            "nonsense": "Basic %%%",
            "bearer": "Bearer vs_house_1",
            "lower": basic(*PASSWORD).replace("Basic", "basic"),
        }.get(self.header)
        found = {"origin": self.page} if self.page else {}
        return found | ({"authorization": authorization} if authorization else {})


requests = st.builds(
    Request,
    peer=st.sampled_from((STRANGER, NEIGHBOUR)),
    stream=st.sampled_from(("news", "news", "sport", "nobody")),
    file=st.sampled_from(FILES),
    query=st.sampled_from(QUERIES),
    header=st.sampled_from(
        ("", "", "right", "wrong", "wrong", "of another", "by link", "nonsense", "bearer", "lower")
    ),
    link=st.sampled_from(LINKS),
    page=st.sampled_from(("", PAGE, "https://other.example")),
    within=st.booleans(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(requests, min_size=1, max_size=25))
def test_what_is_answered_at_once_is_what_is_answered_and_nothing_that_is_refused(
    ways: Ways, asked: list[Request]
) -> None:
    """Requests in a row, so that who guesses is held back on the way, too."""
    ways.let_in.throttle = Throttle()
    for each in asked:
        target, headers = each.target(ways), each.headers(ways)
        quick = ways.quick(
            Asked(target, {name.encode(): value.encode() for name, value in headers.items()}, each.peer)
        )
        usual = ways.usual[each.peer].get(target, headers=headers)
        if quick is not None:
            assert usual.status_code == 200, (target, usual.status_code)
            assert (quick.body, lasting(quick.headers)) == (usual.content, lasting(usual.headers))
        elif usual.status_code == 200:
            # All of these files lie in memory: what goes the usual way has a query that no player sends.
            assert "?" in target
            assert each.query not in ("{}", "") or each.link == "empty", target


def lasting(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers without the seconds that a link has left, which go by."""
    return {name: re.sub(r"max-age=3\d{3}$", "max-age=…", value) for name, value in headers.items()}


def test_who_is_let_in_is_answered_at_once_and_who_is_not_goes_the_usual_way(folder: Path) -> None:
    with both_ways(folder, LOGIN) as ways:

        def at_once(target: str, authorization: str = "") -> bool:
            headers = {b"authorization": authorization.encode()} if authorization else {}
            return ways.quick(Asked(f"/all/news/{target}", headers, STRANGER)) is not None

        assert at_once("index.m3u8", basic(*PASSWORD))
        assert at_once(f"index.m3u8?{ways.link('right')}")
        assert not at_once("index.m3u8")
        assert not at_once("index.m3u8", basic(PASSWORD[0], "guessed"))
        assert [kind for kind in LINKS[1:] if at_once(f"index.m3u8?{ways.link(kind)}")] == []


@pytest.mark.parametrize("way", ["usual", "quick"])
def test_links_that_are_ended_open_nothing_from_then_on(folder: Path, way: str) -> None:
    """By another process of ours, as `links revoke` is; many times, at any moment after they were used."""
    with both_ways(folder, LOGIN) as ways:
        look: dict[str, Callable[[str], bool]] = {
            "usual": lambda target: ways.usual[STRANGER].get(target).status_code == 200,
            "quick": lambda target: ways.quick(Asked(target, {}, STRANGER)) is not None,
        }
        for _ in range(20):
            target = f"/all/news/index.m3u8?{ways.link('right')}"
            assert all(look[way](target) for _ in range(3))
            ways.links.revoke()
            assert not look[way](target)


def test_a_piece_is_answered_at_once_once_somebody_asked_for_it(folder: Path) -> None:
    with both_ways(folder, LOGIN) as ways:
        [showing] = [each for each in showings(folder / "joined") if each.name.startswith("news@")]
        piece = next(each.name for each in showing.iterdir() if each.suffix == ".m4s")
        target = f"/all/news/{piece}?{ways.link('right')}"
        asked = Asked(target, {}, STRANGER)
        assert ways.quick(asked) is None
        usual = ways.usual[STRANGER].get(target)
        quick = ways.quick(asked)
        assert quick is not None
        assert (quick.body, dict(quick.headers)) == (usual.content, dict(usual.headers))
