"""Languages as transport streams name them, and back."""

from __future__ import annotations

import pytest

from app.dubbing.track_languages import THREE, short, three


@pytest.mark.parametrize(
    ("code", "tag"), [("es", "spa"), ("pt-BR", "por"), ("fil", "fil"), ("xx", "und"), ("", "und")]
)
def test_a_language_has_three_letters(code: str, tag: str) -> None:
    assert three(code) == tag


@pytest.mark.parametrize(
    ("told", "found"), [("eng", "en"), ("ger", "de"), ("haw", "haw"), ("und", ""), ("qaa", ""), (None, "")]
)
def test_languages_of_tracks(told: str | None, found: str) -> None:
    assert short(told) == found


@pytest.mark.parametrize("language", THREE)
def test_what_is_written_is_read_again(language: str) -> None:
    assert short(three(language)) == language
