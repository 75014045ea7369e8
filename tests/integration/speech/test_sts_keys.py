"""Beside API_KEYS sts asks for one, and those of ours who ask it have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import Stack, wait_for
from voicestack.asking import Problem
from voicestack.sts import Sts

KEY = "key-for-tests"
GIVEN = {"API_KEYS": KEY, "ASR_ENGINE": "pocketsphinx", "TTS_ENGINE": "espeak"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("keys"), ("dubber",), GIVEN) as running:
        yield running


def test_who_has_no_key_dubs_nothing(stack: Stack) -> None:
    address = stack.settings.sts_addresses[0]
    for key in ("", "another-key"):
        with pytest.raises(Problem, match="401"), Sts(address, key=key):
            pass
    with Sts(address, key=KEY) as sts:
        assert sts.ready.recogniser


def test_a_stream_is_dubbed_and_the_key_stands_in_no_log(stack: Stack) -> None:
    with stack.sample("keyed"):
        wait_for("it is dubbed", lambda: (stack.dub("keyed") or {}).get("status") == "dubbing", 60.0)
        lines = [" ".join(process.cmdline()) for process in stack.family("dubber")]
    assert KEY not in "\n".join([stack.logs(), *lines])
