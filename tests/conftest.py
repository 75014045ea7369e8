"""What all tests have in common."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Tests that run in the background ignore Ctrl-C, and so would everything that they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
