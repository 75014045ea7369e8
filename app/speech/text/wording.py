"""How one stream's phrases are worded: the one seam between recogniser, translator and voice."""

from __future__ import annotations

from app.speech.protocol import Profile
from app.speech.text.glossary import Glossary
from app.speech.text.normal import localised, written_out
from app.speech.types import Translator


class Wording:
    """Normalisation and glossary of a profile, for one pair of languages; an edit makes a new one."""

    def __init__(self, profile: Profile, source: str, target: str) -> None:
        self.source = source
        self.target = target
        self._normalise = profile.normalise
        self._glossary = Glossary(profile.keep, profile.terms)

    def translated(self, translator: Translator, text: str, context: str) -> str:
        """The translation, for people to read. Raises SpeechError."""
        hidden, words = self._glossary.hidden(text)
        target = self._translate(translator, hidden, context)
        if not words:
            return target
        shown = self._glossary.shown(target, words, self.target)
        return self._translate(translator, text, context) if shown is None else shown

    def spoken(self, target: str) -> str:
        """The translation as a voice is given it."""
        return written_out(target, self.target) if self._normalise else target

    def _translate(self, translator: Translator, text: str, context: str) -> str:
        if not self._normalise:
            return translator.translate(text, self.source, self.target, context)
        plain = written_out(text, self.source)
        return localised(
            translator.translate(plain, self.source, self.target, context), self.source, self.target
        )
