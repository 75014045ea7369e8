from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app.service import (
    CHECK_TIMEOUT,
    Check,
    Readiness,
    configure_logging,
    hide_credentials,
    meanwhile,
    run_checks,
)

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126))
SECRETS = st.tuples(PRINTABLE, PRINTABLE).map("s3cret".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://obs:word@host:8554/live/x is gone", "rtsp://***@host:8554/live/x is gone"),
        ("rtmp://host/live/x?user=obs&pass=word, again", "rtmp://host/live/x?user=obs&pass=*** again"),
        ("two: ws://a:b@one ws://c:d@two", "two: ws://***@one ws://***@two"),
        ("rtsp://u:p@ss@host:8554/live/x", "rtsp://***@host:8554/live/x"),
        ("rtsp://u:p/a?s#s@host/live/x", "rtsp://***@host/live/x"),
        (
            "at http://h/a?key=word&page=2 and http://h/?api_key=word",
            "at http://h/a?key=***&page=2 and http://h/?api_key=***",
        ),
        ("http://h/?access_token=word", "http://h/?access_token=***"),
        ("rtsp://h/dub/x/es?link=1.word is gone", "rtsp://h/dub/x/es?link=*** is gone"),
        ("sent Authorization: Bearer word to it", "sent Authorization: Bearer *** to it"),
        ("sent Authorization: Basic dTpw to it", "sent Authorization: Basic *** to it"),
        ("{'authorization': 'Basic dTpw'}", "{'authorization': 'Basic ***"),
        ("refused bearer word", "refused bearer ***"),
        ("X-Api-Key: word", "X-Api-Key: ***"),
        ('{"user": "u", "password": "a \\"word", "page": 2}', '{"user": "u", "password": "***", "page": 2}'),
        ("{'token': 'word'}", "{'token': '***'}"),
        (
            "send `Authorization: Bearer <key>` with one of API_KEYS",
            "send `Authorization: Bearer <key>` with one of API_KEYS",
        ),
        ("MEDIA_READ_PASSWORD: set both or none", "MEDIA_READ_PASSWORD: set both or none"),
        ("nothing to hide at http://host/?page=2", "nothing to hide at http://host/?page=2"),
    ],
)
def test_addresses_are_shown_without_their_credentials(text: str, shown: str) -> None:
    assert hide_credentials(text) == shown


@given(SECRETS)
def test_no_password_survives_in_an_address_whatever_is_in_it(secret: str) -> None:
    assert "s3cret" not in hide_credentials(f"it is rtsp://u:{secret}@h/x and ws://{secret}@h, again")


@given(SECRETS)
def test_no_secret_survives_in_a_query(secret: str) -> None:
    given_as = secret.replace("&", "%26")
    for name in ("pass", "password", "token", "access_token", "key", "API_KEY", "client_secret"):
        text = f"rtmp://h/x?{name}={given_as}&user=u and rtmp://h/x?user=u&{name}={given_as}"
        assert "s3cret" not in hide_credentials(text)


@given(SECRETS)
def test_no_secret_survives_in_json_and_headers(secret: str) -> None:
    for name in ("password", "token", "api_key", "secret"):
        assert "s3cret" not in hide_credentials(json.dumps({"a": 1, name: secret, "b": 2}))
        assert "s3cret" not in hide_credentials(json.dumps({name: secret}, separators=(",", ":")))
    assert "s3cret" not in hide_credentials(f"Bearer {secret.lstrip('<')}")
    assert "s3cret" not in hide_credentials(f"authorization: Basic {secret.lstrip('<')}")


@given(st.text())
def test_what_is_hidden_stays_as_it_is_when_it_is_hidden_again(text: str) -> None:
    once = hide_credentials(text)
    assert hide_credentials(once) == once


def test_a_log_line_tells_no_password_in_an_exception_or_a_list_either(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", "json")
    try:
        error = OSError("ws://u:s3cret@h is gone")
        structlog.get_logger().info(
            "lost", error=error, tried=["ws://u:s3cret@h"], of={"a": "ws://u:s3cret@h"}
        )
    finally:
        configure_logging("info", "plain")
    said = capsys.readouterr().err
    assert "is gone" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    "piece", ["://", "key", "'key':'", '"key":"' + "\\" * 40, "bearer ", "authorization: "]
)
def test_a_long_text_of_somebody_elses_is_looked_through_as_well(piece: str) -> None:
    """This would not end in years were one of the patterns not linear."""
    assert hide_credentials(piece * 100_000)


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


# Serves until it would listen.
SERVE = """
import os, uvicorn
from app.service import serve
from app.settings import load

def run(server):
    server.started = True
    print(os.umask(0))

os.umask(0)
uvicorn.Server.run = run
serve("sales", load({}))
"""


def test_what_a_service_writes_is_nobody_elses() -> None:
    done = subprocess.run([sys.executable, "-c", SERVE], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 0o077
