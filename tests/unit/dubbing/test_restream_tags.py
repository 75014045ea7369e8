"""Languages as MPEG-TS names them."""

from __future__ import annotations

import pytest

from app.dubbing.restream.tags import three


@pytest.mark.parametrize(
    ("code", "tag"), [("es", "spa"), ("pt-BR", "por"), ("fil", "fil"), ("xx", "und"), ("", "und")]
)
def test_a_language_has_three_letters(code: str, tag: str) -> None:
    assert three(code) == tag
