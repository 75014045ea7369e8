"""Text as CEA-608 sends it: two bytes a picture. Pure. Source: ANSI/CTA-608-E (also 47 CFR 15.119)."""

from __future__ import annotations

import textwrap
import unicodedata

Pair = tuple[int, int]

ROW = 32
"""Characters in a row."""
ROWS = 2
NOTHING: Pair = (0x80, 0x80)

ROLL_UP: Pair = (0x14, 0x25)
"""The lower two rows (of the first channel of field 1) hold the text: RU2."""
RETURN: Pair = (0x14, 0x2D)
BOTTOM_ROW: Pair = (0x14, 0x70)
ERASE: Pair = (0x14, 0x2C)
START = (ROLL_UP, RETURN, BOTTOM_ROW)
LEAD = 2 * len(START)
"""Pictures from the beginning of a row to its first two letters."""

ELSEWHERE = "*\\^_`{|}~"
"""ASCII that has another place, or none: accented letters are where it would be."""
BASIC = {chr(code): code for code in range(0x20, 0x7B) if chr(code) not in ELSEWHERE} | dict(
    zip("áéíóúç÷Ññ", (0x2A, 0x5C, 0x5E, 0x5F, 0x60, 0x7B, 0x7C, 0x7D, 0x7E), strict=True)
)
SPECIAL = {
    character: (0x11, 0x30 + at) for at, character in enumerate("®°½¿™¢£♪à\xa0èâêîôû") if character != "\xa0"
}
EXTENDED = {
    character: (first, 0x20 + at)
    for first, characters in (
        (0x12, "ÁÉÓÚÜü‘¡*\0—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»"),
        (0x13, "ÃãÍÌìÒòÕõ{}\\^_|~ÄäÖöß¥¤\0ÅåØø"),
    )
    for at, character in enumerate(characters)
    if character != "\0"
}
INSTEAD = {
    **{"’": "'", "‚": "'", "`": "'", "„": '"', "–": "-", "‐": "-", "‑": "-", "−": "-", "…": "...", "·": "•"},
    **{"€": "EUR", "œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"},
    **{"ı": "i", "ª": "a", "º": "o", "þ": "th", "Þ": "Th", "ð": "d", "Ð": "D", "ə": "e", "Ə": "E"},
}
# An extended character takes the place of the one before it, which decoders without the set show instead.
SIMPLER = {**dict.fromkeys("“”«»", '"'), "‘": "'", "—": "-", "¡": "!", "ß": "s", "Ø": "O", "ø": "o", "|": "/"}


def writable(text: str) -> str:
    """The text in characters that CEA-608 has; empty where one of its letters has none, as in other scripts.

    Letters of other Latin alphabets lose their marks; signs that there are no characters for are left out.
    """
    written = []
    for character in unicodedata.normalize("NFC", " ".join(text.split())):
        for simpler in INSTEAD.get(character, character):
            known = simpler if _known(simpler) else unicodedata.normalize("NFKD", simpler)[0]
            if _known(known):
                written.append(known)
            elif known.isalpha():
                return ""
    return " ".join("".join(written).split())


def rows(text: str) -> list[str]:
    """The text in rows of 32 characters at most, empty where it can't be written."""
    return textwrap.wrap(writable(text), ROW, break_on_hyphens=False)


def row_pairs(row: str) -> list[Pair]:
    """What brings a row of writable text in from below, with parity: a pair a picture."""
    return [*_doubled(START), *_text(row)]


def erase_pairs() -> list[Pair]:
    """What takes the rows away."""
    return _doubled((ERASE,))


def _known(character: str) -> bool:
    return character in BASIC or character in SPECIAL or character in EXTENDED


def _doubled(codes: tuple[Pair, ...]) -> list[Pair]:
    """Control codes are sent twice: a decoder that misses one takes the other."""
    return [_odd(code) for code in codes for _ in range(2)]


def _text(row: str) -> list[Pair]:
    pairs: list[Pair] = []
    single: int | None = None

    def put(code: int) -> None:
        nonlocal single
        if single is None:
            single = code
            return
        pairs.append(_odd((single, code)))
        single = None

    def finish() -> None:
        if single is not None:
            put(0)

    for character in row:
        if character in BASIC:
            put(BASIC[character])
            continue
        if character in EXTENDED:
            put(BASIC[_simpler(character)])
        finish()
        code = SPECIAL[character] if character in SPECIAL else EXTENDED[character]
        pairs += _doubled((code,))
    finish()
    return pairs


def _simpler(character: str) -> str:
    base = SIMPLER.get(character) or unicodedata.normalize("NFKD", character)[0]
    return base if base in BASIC else " "


def _odd(pair: Pair) -> Pair:
    first, second = pair
    return _with_parity(first), _with_parity(second)


def _with_parity(code: int) -> int:
    return code if code.bit_count() % 2 else code | 0x80
