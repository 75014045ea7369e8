"""Where a phrase whose speaker goes on is better broken: at a clause, not on an article or a preposition."""

from __future__ import annotations

from collections.abc import Sequence

from app.speech.protocol import SpokenWord

LONGEST_HELD = 1.5
"""Seconds of speech that may wait for the next phrase."""
LARGEST_SHARE = 0.4
"""Of a phrase's length, that may wait."""
SENTENCE_ENDS, CLAUSE_ENDS = ".?!…", ",;:"

# Words that belong to what comes after them: articles, prepositions, conjunctions, possessives, auxiliaries.
_LEANING = {
    "en": (
        "a an the this these those my your his her its our their some any no every each of in on at by "
        "for with from to into onto over under about after before between through during without within "
        "against across behind near and or but nor so because although though while if unless until when "
        "where which who whose whom that than as is are was were be been being am has have had do does "
        "did will would can could shall should may might must not very more most such i he she we they mr "
        "mrs dr"
    ),
    "es": (
        "el la los las un una unos unas lo este esta estos estas ese esa mi tu su mis tus sus nuestro "
        "nuestra de del a al en con por para sin sobre entre hasta desde hacia según durante y e o u pero "
        "ni que porque aunque si cuando donde como cuyo cuya más menos muy no es son era eran fue ha han "
        "había he hay se me te le les nos será sería puede pueden debe deben"
    ),
    "fr": (
        "le la les un une des du de d l au aux ce cet cette ces mon ton son ma ta sa mes tes ses notre "
        "votre leur leurs à en dans sur sous avec pour par sans entre vers chez depuis pendant et ou mais "
        "ni que qui dont où parce si quand comme plus moins très ne se est sont était étaient a ont avait "
        "avaient sera peut doit"
    ),
    "de": (
        "der die das den dem des ein eine einen einem einer eines dieser diese dieses mein dein sein ihr "
        "unser in im an am auf aus bei mit nach von vom zu zum zur über unter für durch gegen ohne um und "
        "oder aber dass weil wenn als ob sehr nicht ist sind war waren hat haben hatte wird werden"
    ),
    "it": (
        "il lo la i gli le un uno una di del della dei delle a al alla ai alle da dal dalla in nel nella "
        "con su sul sulla per tra fra e ed o ma che perché se quando come più meno molto non è sono era "
        "erano ha hanno aveva si mi ti ci mio tuo suo"
    ),
    "pt": (
        "o a os as um uma uns umas de do da dos das em no na nos nas com por para pelo pela sem sobre "
        "entre até e ou mas que porque se quando como mais menos muito não é são era foi há tem têm seu "
        "sua meu minha ao à"
    ),
}
LEANING = {language: frozenset(words.split()) for language, words in _LEANING.items()}


def held(words: Sequence[SpokenWord], language: str, rate: int) -> int:
    """How many words at the end of a phrase, cut where its speaker goes on, had better wait for the next one.

    What follows the last sentence or clause in it, where that is short; else the words at its end that lean
    on what comes next. Never all of them. `rate` is that of the words' positions, in Hz.
    """
    if len(words) < 2:
        return 0
    longest = min(LONGEST_HELD, LARGEST_SHARE * (words[-1].end - words[0].start) / rate)
    fits = 0
    while fits < len(words) - 1 and (words[-1].end - words[-1 - fits].start) / rate <= longest:
        fits += 1
    for ends in (SENTENCE_ENDS, SENTENCE_ENDS + CLAUSE_ENDS):
        for count in range(1, fits + 1):
            before = words[-1 - count].text
            if before.endswith(tuple(ends)) and not _leans(before, language):
                return count
    count = 0
    while count < fits and _leans(words[-1 - count].text, language):
        count += 1
    return count


def _leans(word: str, language: str) -> bool:
    bare = word.strip(".,;:?!…\"'()«»¿¡-").casefold()
    return bare in LEANING.get(language, frozenset())
