"""The rehearsal that the tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rehearsal.hosts.rehearsal import Rehearsal
from tests.rehearsal.hosts.rehearsal import rehearsal as rehearsing


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """Production, configured but not made."""
    with rehearsing(tmp_path_factory.mktemp("rehearsal")) as made:
        yield made
