"""How much of a text is understood: chrF, content words heard, words misheard. Pure.

chrF is sacrebleu's (Popović 2015: character n-grams up to 6, beta 2), without case and punctuation, which
nobody hears.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from sacrebleu.metrics.chrf import CHRF

from tests.bench.word_error import errors

# Articles, pronouns, prepositions, auxiliaries.
WITHOUT_CONTENT = {
    "es": """
    a al ante aqui asi aun aunque bajo cada casi como con contra cual cuando de del desde donde dos
    durante e el ella ellas ello ellos en entre era eran es esa esas ese eso esos esta estaba
    estaban estan estar estas este esto estos estuvo fue fueron ha habia habian han hace hacia hasta
    hay he la las le les lo los mas me mi mis mientras muy nada ni no nos nosotros nuestra nuestro o
    os otra otro para pero por porque que quien se sea ser si sido sin sobre solo son soy su sus
    tambien tan te tiene tienen toda todas todo todos tu tuvo un una unas unos usted ustedes va y ya
    yo
""",
    "en": """
    a about above after all also although am an and another any are as at be because been before
    being between but by can could did do does during each every for from had has have he her here
    hers him his how i if in into is it its just many me more most much must my nearly no nor not
    of on one only or other our over she should since so some such than that the their them then
    there these they this those through to too under until up us very was we were what when where
    which while who whom whose why will with without would you your
""",
}
STOP_WORDS = {language: frozenset(words.split()) for language, words in WITHOUT_CONTENT.items()}


def plain(text: str) -> str:
    """The text as it is heard: lower case, no accents, no punctuation."""
    letters = unicodedata.normalize("NFKD", text.lower())
    return " ".join(
        re.sub(r"[^a-z0-9 ]", " ", "".join(c for c in letters if not unicodedata.combining(c))).split()
    )


def chrf(reference: str, heard: str) -> float:
    """chrF of what was heard against the reference, 0 to 100."""
    return float(CHRF().sentence_score(plain(heard), [plain(reference)]).score)


def content_words(text: str, language: str) -> Counter[str]:
    """The words of a text in es or en that carry content, each as often as it is said."""
    return Counter(word for word in plain(text).split() if word not in STOP_WORDS[language])


def content_heard(reference: str, heard: str, language: str) -> float:
    """The share of the reference's content words that were heard, 0 to 1, each as often as said."""
    wanted = content_words(reference, language)
    found = wanted & content_words(heard, language)
    return found.total() / max(1, wanted.total())


def misheard(said: str, heard: str) -> float:
    """Errors for each word that was said (word error rate, without accents)."""
    words = plain(said).split()
    return errors(words, plain(heard).split()) / max(1, len(words))
