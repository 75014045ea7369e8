"""What all tests have in common."""

from __future__ import annotations

import functools
import signal
from typing import Any

import httpx._transports.default
import pytest
from hypothesis import settings

# For each of its clients httpx reads all trusted certificates, 45 ms of processor time; most tests ask
# with a new client each time, again and again until something is there. Nothing of its own changes that.
transport: Any = httpx._transports.default
transport.create_ssl_context = functools.cache(transport.create_ssl_context)

# How many examples a property is tried with. The quick ones are the same in each run, so that a failure is
# due to what was changed; the thorough ones are others each time: many runs find what one does not.
settings.register_profile("quick", max_examples=30, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=1_000, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test ARGS=--thorough`, for the night."""
    parser.addoption(
        "--thorough",
        action="store_true",
        help="run every test, and try properties with a thousand examples each",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Takes the examples that were asked for."""
    settings.load_profile("thorough" if config.getoption("thorough") else "quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is for the night, and says so."""
    if config.getoption("thorough"):
        return
    for item in items:
        if item.get_closest_marker("thorough"):
            item.add_marker(pytest.mark.skip(reason="for the night: --thorough"))


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Tests that run in the background ignore Ctrl-C, and so would everything that they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
