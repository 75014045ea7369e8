"""Which speech hosts there are, and how dubs share them: decided without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence

import pytest

from app.dubbing.messages import SpeechAddresses
from app.dubbing.service.speech_pool import SILENT, SpeechPool, in_order, shared_out
from app.settings import SettingsError, load
from app.settings.fields import POOL
from tests.unit.dubbing.service.stand_in_runner import World

NAME = "dns+ws://speech.internal:5003"


class Names:
    """A stand-in for DNS: addresses by name, as the test puts them there."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: Sequence[str] = addresses

    async def resolve(self, name: str, port: int) -> Sequence[str]:
        assert (name, port) == ("speech.internal", 5003)
        if not self.addresses:
            raise OSError("no such name")
        return self.addresses


class Pool:
    """A pool with its names, and what its dubs were told."""

    def __init__(self, urls: Sequence[str], *addresses: str) -> None:
        self.names = Names(*addresses)
        self.told: list[tuple[object, tuple[str, ...]]] = []
        self.silent: set[str] = set()
        self.pool = SpeechPool(
            urls, lambda key, found: self.told.append((key, found)), self.names.resolve, self._answers
        )

    async def _answers(self, host: str) -> bool:
        return host not in self.silent

    def look(self, *addresses: str) -> None:
        self.names.addresses = addresses
        asyncio.run(self.pool.look())


def at(*numbers: int) -> tuple[str, ...]:
    return tuple(f"ws://10.0.0.{number}:5003" for number in numbers)


def test_dubs_are_shared_out_evenly_and_those_that_have_a_host_keep_it() -> None:
    before: dict[Hashable, str] = {"a": "1", "b": "1", "c": "2"}
    assert shared_out(["1", "2"], before) == before
    assert shared_out(["1", "2"], {**before, "d": ""}) == {**before, "d": "2"}


def test_a_host_that_comes_takes_over_no_more_than_its_share() -> None:
    before: dict[Hashable, str] = dict.fromkeys("abcd", "1")
    after = shared_out(["1", "2"], before)
    assert sorted(after.values()) == ["1", "1", "2", "2"]
    assert sum(after[name] != before[name] for name in before) == 2


def test_the_dubs_of_a_host_that_goes_are_spread_over_the_others() -> None:
    before: dict[Hashable, str] = {"a": "1", "b": "1", "c": "2", "d": "3"}
    after = shared_out(["2", "3"], before)
    assert (after["c"], after["d"]) == ("2", "3")
    assert sorted(after.values()) == ["2", "2", "3", "3"]


def test_without_a_host_nobody_has_one() -> None:
    assert shared_out([], {"a": "1"}) == {}


def test_a_dub_has_its_own_host_and_one_in_reserve() -> None:
    assert in_order(["1", "2", "3"], "3") == ("3", "1")
    assert in_order(["1"], "1") == ("1",)


def test_a_dub_that_began_before_the_pool_was_known_is_told() -> None:
    made = Pool([NAME])
    assert made.pool.join("news") == ("ws://speech.internal:5003",)
    made.look("10.0.0.1", "10.0.0.2")
    assert made.told == [("news", at(1, 2))]
    assert made.pool.hosts == at(1, 2)
    assert made.pool.join("sport") == at(2, 1)
    assert len(made.told) == 1


def test_a_host_that_goes_is_told_to_those_that_ask_it_or_have_it_in_reserve() -> None:
    made = Pool([NAME])
    made.look("10.0.0.1", "10.0.0.2", "10.0.0.3")
    for name in "abc":
        made.pool.join(name)
    made.look("10.0.0.2", "10.0.0.3")
    assert dict(made.told) == {"a": at(2, 3), "c": at(3, 2)}


def test_names_that_lead_nowhere_change_nothing_and_are_told_of() -> None:
    made = Pool([NAME])
    made.look("10.0.0.1")
    made.pool.join("news")
    made.look()
    assert made.pool.hosts == at(1)
    check = asyncio.run(made.pool.check())
    assert check is not None
    assert not check.ok
    assert "speech.internal" in check.detail
    made.look("10.0.0.1")
    check = asyncio.run(made.pool.check())
    assert check is not None
    assert check.ok


def test_a_host_that_no_longer_answers_has_its_dubs_shared_out_and_takes_part_again_when_it_does() -> None:
    made = Pool([NAME])
    three = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    made.look(*three)
    for name in "abc":
        made.pool.join(name)
    made.silent = set(at(1))
    for _ in range(SILENT - 1):
        made.look(*three)
    assert made.told == []
    made.look(*three)
    assert dict(made.told) == {"a": at(2, 3), "c": at(3, 2)}
    assert made.pool.hosts == at(1, 2, 3)
    made.silent = set()
    made.look(*three)
    assert made.pool._asks == {"a": at(2)[0], "b": at(1)[0], "c": at(3)[0]}


def test_a_host_that_has_never_answered_gets_no_dub_unless_there_is_no_other() -> None:
    made = Pool([NAME])
    made.silent = set(at(1, 2))
    made.look("10.0.0.1")
    assert made.pool.join("news") == at(1)
    made.silent = set(at(2))
    made.look("10.0.0.1", "10.0.0.2")
    assert made.pool.join("sport") == at(1)


def test_names_and_addresses_with_the_prefix_are_one_pool() -> None:
    urls = [f"{POOL}{each}" for each in at(1, 2)]
    pool = SpeechPool(urls, lambda *_: None, answers=Pool([])._answers)
    asyncio.run(pool.look())
    assert [pool.join(name) for name in "ab"] == [at(1, 2), at(2, 1)]


def test_fixed_addresses_keep_their_order_and_come_with_a_pool_as_they_are_written() -> None:
    assert Pool(["ws://a:1", "ws://b:2"]).pool.join("news") == ("ws://a:1", "ws://b:2")
    made = Pool(["ws://a:1", NAME])
    made.look("10.0.0.1")
    assert made.pool.join("news") == ("ws://a:1", *at(1))


def test_the_workers_of_a_pool_are_told_its_hosts_and_no_worker_that_is_gone() -> None:
    async def go() -> None:
        world = World(STS_URLS=NAME, TARGET_LANGUAGES="es,fr")
        world.see("news")
        assert world.runner("es").config.sts_addresses == ("ws://speech.internal:5003",)
        world.streams.stop("news", "fr")
        pool = world.streams.speech
        pool._resolve = Names("10.0.0.1", "10.0.0.2").resolve
        pool._answers = Pool([])._answers
        await pool.look()
        assert world.runner("es").commands == [SpeechAddresses(at(1, 2))]
        assert world.runner("fr").commands == []

    asyncio.run(go())


def test_a_pool_is_asked_without_tls_for_its_hosts_have_no_names_of_their_own() -> None:
    with pytest.raises(SettingsError, match="goes with ws:// alone"):
        load({"STS_URLS": "dns+wss://speech.example.org"})
    settings = load({"STS_URLS": NAME})
    assert settings.sts_addresses == ("ws://speech.internal:5003",)
