"""The local stack, up and healthy once for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.docker.checkout import Checkout
from tools import mirror

DATABASE_PASSWORD = "for-tests-only"


@pytest.fixture(scope="package")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The stack with a database and an edge beside the default services, up and healthy."""
    checkout = Checkout(tmp_path_factory.mktemp("checkout"), f"test{os.getpid()}")
    try:
        mirror.ensure(extra=True)
        checkout.configure(
            {"DB_PASSWORD": DATABASE_PASSWORD},
            services="edge,asr,tts,sales,api,transcriber,commentary",
            livekit="true",
        )
        checkout.up()
        yield checkout
    finally:
        checkout.remove()
