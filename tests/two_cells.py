"""Two cells, each with a media server, a dubber and a console of its own, that know of each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack import LIGHT_VOICE, Stack, free_port

FIRST, SECOND = "127.0.0.1", "localhost"
"""What they are called."""


@contextmanager
def two_cells(folder: Path, **extra: str) -> Iterator[tuple[Stack, Stack]]:
    """The two; `extra` are settings of both."""
    ports = (str(free_port()), str(free_port()))
    common = {**LIGHT_VOICE, "ASR_ENGINE": "pocketsphinx", "API_KEYS": "of-all-cells", **extra}

    def settings(own: str, other: str, host: str) -> dict[str, str]:
        cells = f"http://127.0.0.1:{other}"
        return {**common, "DUBBER_PORT": own, "CELLS": cells, "MEDIA_PUBLIC_HOST": host}

    with (
        Stack(folder / "first", ("web",), settings(ports[0], ports[1], FIRST)) as first,
        Stack(folder / "second", ("web",), settings(ports[1], ports[0], SECOND)) as second,
    ):
        yield first, second
