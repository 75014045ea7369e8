"""Objections by rules and a classifier beside them: no key, a few milliseconds a segment. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.sales.classifier import Classifier, classifier
from app.sales.found import Found
from app.sales.messages import KINDS, Kind, Segment
from app.sales.rule_book import Rule, RuleBook, rule_book
from app.sales.words import Sentence, sentences

JOINED_WITHIN = 2.5
"""Seconds between two segments of one speaker that may be one sentence."""
LONGEST_QUOTE = 160
AROUND = 60
LONGEST_BEFORE = 400
"""Characters of a segment that may still be the beginning of the next one's sentence."""
NEGATED_WITHIN = 80
"""Characters before a match in which a negation of it may stand."""
LONGEST_JUDGED = 25
"""Words of a sentence that the classifier judges: a longer one says several things."""
LIKE_ONE, CLEAR = 0.4, 0.4
"""It tells an objection from here on, if that is by so much more like this kind than like any other."""
LONGEST_DENIED, UNLIKE_ONE = 15, -1.1
"""Words of what a rule found that it may correct, and from where down it denies that this is an objection."""
LIKELY = 0.6
"""How sure an objection is that only the classifier tells."""
ENDS = re.compile(r"[.?!;]\s*$")


@dataclass(frozen=True)
class Match:
    """An objection in a text, and where in it: the match itself, and the words to be quoted."""

    kind: Kind
    confidence: float
    start: int
    end: int
    quote: str


class RuleEngine:
    """Looks at what was just said, together with what the speaker said right before it."""

    def __init__(self, book: RuleBook | None = None, learnt: Classifier | None = None) -> None:
        self.book = book or rule_book()
        self._learnt = learnt or classifier()

    def look(self, segments: Sequence[Segment]) -> list[Found]:
        """The objections that end in the last segment; those before it are only its context."""
        if not segments or segments[-1].channel == "seller":
            return []
        text, places = joined(segments)
        last_begins, _, last = places[-1]
        found = []
        for match in self.matches(text, [begins for begins, _, _ in places]):
            if match.end <= last_begins:
                continue
            topic = self.book.topics[match.kind]
            found.append(
                Found(
                    channel=last.channel,
                    kind=match.kind,
                    quote=match.quote,
                    start=time_at(match.start, places),
                    end=time_at(match.end, places),
                    confidence=match.confidence,
                    answers=topic.answers,
                    smokescreen=topic.smokescreen,
                    engine="rules",
                )
            )
        return found

    def matches(self, text: str, segments: Sequence[int] = (0,)) -> list[Match]:
        """The objections in a text, one of a kind in a sentence: the surest.

        `segments` are the places where the segments begin that the text is joined of: a quote begins in the
        one in which its match does.
        """
        found: list[Match] = []
        for sentence in sentences(text, self.book.vocabulary):
            if any(miss.search(sentence.normal) for miss in self.book.near_misses):
                continue
            here = surest(self._in_sentence(text, sentence, segments))
            if len(here) == 1 and len(here[0].quote.split()) <= LONGEST_DENIED:
                here = self._corrected(here[0])
            elif not here:
                here = self._by_examples(text, sentence, segments)
            for match in here:
                # Pieces of a long sentence overlap.
                if not any(known.kind == match.kind and known.end > match.start for known in found):
                    found.append(match)
        return found

    def _in_sentence(self, text: str, sentence: Sentence, segments: Sequence[int]) -> list[Match]:
        asks = sentence.is_question or (
            sentence.begins and any(asked.search(sentence.normal) for asked in self.book.questions)
        )
        best: dict[Kind, Match] = {}
        missed: dict[Kind, bool] = {}
        for rule in self.book.rules:
            known = best.get(rule.kind)
            if (asks and not rule.asked) or (known and known.confidence >= rule.confidence):
                continue
            held = self._holds(rule, sentence.normal)
            if held is None:
                continue
            if rule.kind not in missed:
                near_misses = self.book.topics[rule.kind].near_misses
                missed[rule.kind] = any(miss.search(sentence.normal) for miss in near_misses)
            if not missed[rule.kind]:
                start, end = sentence.span(*held)
                said = max([sentence.start, *(begins for begins in segments if begins <= start)])
                best[rule.kind] = Match(
                    rule.kind, rule.confidence, start, end, quote(text, (said, sentence.end), start, end)
                )
        return list(best.values())

    def _by_examples(self, text: str, sentence: Sentence, segments: Sequence[int]) -> list[Match]:
        """What the classifier tells of a sentence of which the rules know nothing."""
        if len(sentence.places) > LONGEST_JUDGED:
            return []
        # What was said last may be a sentence of its own: many a recogniser writes no full stops.
        last = max([sentence.start, *(begins for begins in segments if begins < sentence.end)])
        for begins in sorted({last, sentence.start}, reverse=True):
            said = [place for place in sentence.places if place[2] >= begins]
            if said and (kind := self._tells(text[begins : sentence.end])):
                start, end = said[0][2], said[-1][3]
                return [Match(kind, LIKELY, start, end, quote(text, (begins, sentence.end), start, end))]
        return []

    def _corrected(self, match: Match) -> list[Match]:
        """A rule's match as the classifier sees it: of another kind, or none, where that is plain."""
        if (kind := self._tells(match.quote)) and kind != match.kind:
            return [replace(match, kind=kind, confidence=LIKELY)]
        return [match] if self._learnt.judge(match.quote)[match.kind] > UNLIKE_ONE else []

    def _tells(self, text: str) -> Kind | None:
        likeness = self._learnt.judge(text)
        second, first = sorted(KINDS, key=lambda kind: likeness[kind])[-2:]
        clear = likeness[first] >= LIKE_ONE and likeness[first] - likeness[second] >= CLEAR
        return first if clear else None

    def _holds(self, rule: Rule, normal: str) -> tuple[int, int] | None:
        for match in rule.pattern.finditer(normal):
            before = normal[max(0, match.start() - NEGATED_WITHIN) : match.start()].rstrip()
            if not any(negation.search(before) for negation in self.book.negations):
                return match.span()
        return None


def surest(matches: list[Match]) -> list[Match]:
    """Of matches that share words, the surest (of equals, the longest); the others as they are."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda each: (-each.confidence, each.start - each.end)):
        if all(match.end <= other.start or match.start >= other.end for other in kept):
            kept.append(match)
    return sorted(kept, key=lambda each: each.start)


def joined(segments: Sequence[Segment]) -> tuple[str, list[tuple[int, int, Segment]]]:
    """The last segments as one text, and where each stands in it; a pause or a full stop parts them."""
    chosen = [segments[-1]]
    for segment in reversed(segments[:-1]):
        paused = chosen[0].start - segment.end > JOINED_WITHIN
        if paused or len(segment.text) > LONGEST_BEFORE or ENDS.search(segment.text):
            break
        chosen.insert(0, segment)
    text = ""
    places = []
    for segment in chosen:
        begins = len(text) + (1 if text else 0)
        text = f"{text} {segment.text}" if text else segment.text
        places.append((begins, len(text), segment))
    return text, places


def time_at(place: int, places: Sequence[tuple[int, int, Segment]]) -> float:
    """When that place of the text was said, as if its segment had been spoken at one pace."""
    for begins, ends, segment in places:
        if place <= ends:
            share = max(0, place - begins) / max(1, ends - begins)
            return segment.start + share * (segment.end - segment.start)
    return places[-1][2].end


def quote(text: str, said: tuple[int, int], start: int, end: int) -> str:
    """What was said from the one place to the other, or where it is long, the words around the match."""
    whole = text[said[0] : said[1]].strip()
    if len(whole) <= LONGEST_QUOTE:
        return whole
    first = text.find(" ", max(said[0], start - AROUND), start)
    last = text.rfind(" ", end, min(said[1], end + AROUND))
    first = start if first < 0 or start - AROUND < said[0] else first
    last = end if last < 0 else last
    return text[first:last].strip()
