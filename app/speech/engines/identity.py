"""No translation: the dub repeats the original's language. Any other pair is refused."""

from __future__ import annotations

from app.speech.licences import Licence
from app.speech.types import SpeechError


class Identity:
    """Gives back the text, and says so by refusing every pair of two different languages."""

    name = "identity"
    licences: tuple[Licence, ...] = ()
    memory = 0
    device = "cpu"
    pairs: tuple[tuple[str, str], ...] = ()

    def load(self) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to free."""

    def supports(self, source: str, target: str) -> bool:
        """Only a language with itself."""
        return source == target

    def translate(self, text: str, source: str, target: str, context: str = "") -> str:  # noqa: ARG002
        """The text itself. Raises SpeechError where the languages differ."""
        if source != target:
            raise SpeechError(f"identity does not translate {source}-{target}")
        return text
