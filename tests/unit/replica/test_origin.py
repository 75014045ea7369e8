"""What a replica asks its cell for, and for how long it gives the answer to others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx
import pytest

from app.render.caddy import CDN_HEADER
from app.replica import origin as module
from app.replica.origin import Origin, Unreachable

PIECE, PLAYLIST = "/all/news/picture-1.m4s", "/all/news/picture.m3u8"


class Cell:
    """Answers everything alike, and counts what it is asked for."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer: httpx.Response | Exception = answer
        self.asked: Counter[str] = Counter()
        self.headers = httpx.Headers()
        self.now = 0.0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked[request.url.raw_path.decode()] += 1
        self.headers = request.headers
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        answer = self.answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def run(self, does: Callable[[Origin], Awaitable[None]], secret: str = "") -> None:
        """Does something with a replica's view of this cell."""

        async def running() -> None:
            transport = httpx.MockTransport(self)
            async with httpx.AsyncClient(base_url="http://cell", transport=transport) as client:
                await does(Origin(client, secret, lambda: self.now))

        asyncio.run(running())


def saying(cache: str, status: int = 200) -> Cell:
    return Cell(httpx.Response(status, headers={"cache-control": cache}, content=b"piece"))


def test_what_many_want_at_once_is_asked_for_once() -> None:
    cell = saying("public, max-age=1")

    async def does(origin: Origin) -> None:
        found = await asyncio.gather(*(origin.ask(PLAYLIST) for _ in range(1000)))
        assert {each.body for each in found} == {b"piece"}

    cell.run(does)
    assert cell.asked == {PLAYLIST: 1}


def test_one_who_leaves_takes_the_answer_from_nobody() -> None:
    cell = saying("public, max-age=1")

    async def does(origin: Origin) -> None:
        first, second = (asyncio.create_task(origin.ask(PIECE)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).body == b"piece"

    cell.run(does)
    assert cell.asked == {PIECE: 1}


@pytest.mark.parametrize(
    ("cache", "status", "seconds"),
    [
        ("public, max-age=1", 200, 1.0),
        ("public, max-age=31536000, immutable", 200, 31536000.0),
        ("private, max-age=31536000, immutable", 200, 10.0),
        ("private, max-age=1", 200, 1.0),
        ("public, no-store", 200, 0.0),
        ("no-store, max-age=9", 200, 0.0),
        ("", 200, 0.0),
        ("max-age=60", 404, 1.0),
        ("", 503, 1.0),
        ("", 401, 1.0),
        ("max-age=60", 307, 0.0),
        ("max-age=60", 500, 0.0),
    ],
)
def test_an_answer_holds_as_long_as_the_cell_says(cache: str, status: int, seconds: float) -> None:
    cell = saying(cache, status)

    async def does(origin: Origin) -> None:
        assert (await origin.ask(PIECE)).status == status
        cell.now += max(seconds - 0.001, 0.0)
        await origin.ask(PIECE)
        assert cell.asked[PIECE] == (1 if seconds else 2)
        cell.now += 0.002 + module.RENEWED_WITHIN
        await origin.ask(PIECE)
        assert cell.asked[PIECE] == (2 if seconds else 3)

    cell.run(does)


def test_what_ran_out_a_moment_ago_is_given_while_it_is_asked_for_anew() -> None:
    cell = saying("public, max-age=1")

    async def does(origin: Origin) -> None:
        await origin.ask(PLAYLIST)
        cell.now += 1.5
        cell.answer = httpx.Response(200, headers={"cache-control": "max-age=1"}, content=b"newer")
        stale = [origin.at_hand(PLAYLIST) for _ in range(100)]
        assert [each and each.body for each in stale] == [b"piece"] * 100
        assert (await origin.ask(PLAYLIST)).body == b"piece"
        for _ in range(10):
            await asyncio.sleep(0)
        newer = origin.at_hand(PLAYLIST)
        assert newer is not None
        assert newer.body == b"newer"
        cell.answer = httpx.ConnectError("refused")
        cell.now += 1.0 + module.RENEWED_WITHIN
        assert origin.at_hand(PLAYLIST) is None
        with pytest.raises(Unreachable):
            await origin.ask(PLAYLIST)

    cell.run(does)
    assert cell.asked == {PLAYLIST: 3}


def test_a_refusal_is_not_given_after_its_time() -> None:
    cell = saying("", 404)

    async def does(origin: Origin) -> None:
        await origin.ask(PIECE)
        cell.now += module.REFUSED_FOR
        assert origin.at_hand(PIECE) is None

    cell.run(does)


def test_nobody_is_given_what_the_cell_gave_to_somebody_else() -> None:
    cell = saying("private, max-age=60")

    async def does(origin: Origin) -> None:
        await origin.ask(f"{PIECE}?link=one")
        await origin.ask(PIECE, "Basic dmlld2Vy")
        assert cell.headers["authorization"] == "Basic dmlld2Vy"
        for target, authorization in ((PIECE, ""), (f"{PIECE}?link=two", ""), (PIECE, "Basic b3RoZXI=")):
            assert origin.at_hand(target, authorization) is None
        await origin.ask(PIECE)
        assert "authorization" not in cell.headers

    cell.run(does)
    assert cell.asked == {PIECE: 2, f"{PIECE}?link=one": 1}


def test_a_cell_behind_a_cdn_is_shown_the_secret() -> None:
    cell = saying("public, max-age=60")

    async def does(origin: Origin) -> None:
        await origin.ask(PIECE)

    cell.run(does, "a-secret-of-the-cdn")
    assert cell.headers[CDN_HEADER] == "a-secret-of-the-cdn"
    cell.run(does)
    assert CDN_HEADER not in cell.headers


def test_a_cell_that_is_lost_is_told_of_and_forgiven() -> None:
    cell = saying("public, max-age=1")

    async def does(origin: Origin) -> None:
        cell.answer = httpx.ConnectError("refused")
        with pytest.raises(Unreachable, match="out of reach: ConnectError"):
            await origin.ask(PIECE)
        check = await origin.check()
        assert (check.ok, check.detail) == (False, "out of reach: ConnectError")
        cell.now += 6.0
        assert (await origin.check()).ok
        cell.answer = httpx.Response(200, content=b"again")
        assert (await origin.ask(PIECE)).body == b"again"

    cell.run(does)


def test_memory_is_bounded_and_the_least_recent_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 11)
    cell = saying("public, max-age=60")

    async def does(origin: Origin) -> None:
        for name in "abca":
            await origin.ask(f"/all/news/{name}.m4s")
        assert [origin.at_hand(f"/all/news/{name}.m4s") is not None for name in "abc"] == [True, False, True]

    cell.run(does)
    # The first one was asked for again, as the third had taken its place.
    assert cell.asked["/all/news/a.m4s"] == 2


def test_what_is_too_large_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 4)
    cell = saying("public, max-age=60")

    async def does(origin: Origin) -> None:
        with pytest.raises(Unreachable):
            await origin.ask(PIECE)

    cell.run(does)
