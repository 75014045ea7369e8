"""The rehearsal that the tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rehearsal.hosts.rehearsal import Rehearsal
from tests.rehearsal.hosts.rehearsal import rehearsal as rehearsing


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """Production, configured but not made: each file goes on where the one before it ended."""
    with rehearsing(tmp_path_factory.mktemp("rehearsal")) as made:
        yield made
