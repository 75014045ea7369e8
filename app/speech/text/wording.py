"""How one stream's phrases are worded: the one seam between recogniser, translator and voice."""

from __future__ import annotations

from app.speech.protocol import Profile
from app.speech.text.glossary import Glossary
from app.speech.text.normal import localised, written_out
from app.speech.types import Translator


def prompt(profile: Profile) -> str:
    """What a recogniser is told of the stream: its subject, and the names as they are written."""
    names = ", ".join(dict.fromkeys([*profile.keep, *profile.terms]))
    return " ".join(f"{part.rstrip('.')}." for part in (profile.subject.strip(), names) if part)


class Wording:
    """Normalisation and glossary of a profile, into one language; an edit makes a new one."""

    def __init__(self, profile: Profile, target: str) -> None:
        self.target = target
        self._normalise = profile.normalise
        self._glossary = Glossary(profile.keep, profile.terms)

    def translated(self, translator: Translator, text: str, source: str, context: str) -> str:
        """The translation, for people to read. Raises SpeechError."""
        hidden, words = self._glossary.hidden(text)
        target = self._translate(translator, hidden, source, context)
        if not words:
            return target
        shown = self._glossary.shown(target, words, self.target)
        return self._translate(translator, text, source, context) if shown is None else shown

    def spoken(self, target: str) -> str:
        """The translation as a voice is given it."""
        return written_out(target, self.target) if self._normalise else target

    def _translate(self, translator: Translator, text: str, source: str, context: str) -> str:
        if not self._normalise:
            return translator.translate(text, source, self.target, context)
        target = translator.translate(written_out(text, source), source, self.target, context)
        return localised(target, source, self.target)
