from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.service import CHECK_TIMEOUT, Check, Readiness, hide_credentials, meanwhile, run_checks

SECRETS = st.text(st.sampled_from("abcXYZ0123456789-_.~%"), min_size=1).map("s3cret".__add__)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://obs:word@host:8554/live/x is gone", "rtsp://***@host:8554/live/x is gone"),
        ("rtmp://host/live/x?user=obs&pass=word, again", "rtmp://host/live/x?user=obs&pass=*** again"),
        ("two: ws://a:b@one ws://c:d@two", "two: ws://***@one ws://***@two"),
        ("nothing to hide at http://host/?page=2", "nothing to hide at http://host/?page=2"),
    ],
)
def test_addresses_are_shown_without_their_credentials(text: str, shown: str) -> None:
    assert hide_credentials(text) == shown


@given(SECRETS)
def test_no_password_survives_wherever_an_address_holds_it(secret: str) -> None:
    text = f"rtsp://u:{secret}@h/x and rtmp://h/x?pass={secret}&user=u and rtmp://h/x?user=u&pass={secret}"
    assert "s3cret" not in hide_credentials(text)


def test_a_check_that_hangs_or_fails_counts_as_out_of_reach_and_holds_up_no_other() -> None:
    async def hangs() -> Check:
        await asyncio.sleep(60 * CHECK_TIMEOUT)
        return Check(True)

    async def fails() -> Check:
        raise ConnectionError("ws://u:s3cret@host refused")

    async def works() -> Check:
        return Check(True, "fine")

    found = asyncio.run(run_checks({"hangs": hangs, "fails": fails, "works": works}))
    assert found["hangs"] == Check(False, "no answer in time")
    assert found["fails"] == Check(False, "ws://***@host refused")
    assert found["works"] == Check(True, "fine")


def test_a_service_is_ready_once_it_is_loaded() -> None:
    async def loading() -> None:
        assert not readiness.ready

    readiness = Readiness()
    assert asyncio.run(readiness.after(loading(), "the model"))
    assert (readiness.ready, readiness.detail) == (True, "")


def test_a_service_that_cannot_load_stays_up_and_says_why_without_passwords() -> None:
    async def loading() -> None:
        raise OSError("nothing at https://u:s3cret@host/model")

    readiness = Readiness()
    assert not asyncio.run(readiness.after(loading(), "the model"))
    assert (readiness.ready, readiness.detail) == (False, "nothing at https://***@host/model")


def test_work_beside_a_block_ends_with_it() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    async def block() -> None:
        async with meanwhile(work()):
            await asyncio.sleep(0)
        ended.append("block")

    asyncio.run(block())
    assert ended == ["work", "block"]
