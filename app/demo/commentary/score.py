"""What was said against what happened. Pure; times are of one clock, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.demo.commentary.script import SIGN, Planted, What
from app.demo.statistics import Spread, spread

TOLD_WITHIN = 3.5
"""Seconds after which a comment is not about what happened any more."""
MINUTE = 60.0
ENOUGH = 0.95
SHOWN_WITHIN, SPOKEN_WITHIN = 1.0, 1.8
WHYS: dict[What, str] = {"cut": "cut", "moves": "motion", "fade": "fade", "text": "text"}


@dataclass(frozen=True)
class Said:
    """A comment: when it arrived, and when its sound was there, None where it has none."""

    why: str
    text: str
    arrived: float
    begun: float | None = None


@dataclass(frozen=True)
class Happened:
    """What was planted, when its first picture was sent, and what was said of it."""

    planted: Planted
    sent: float
    said: Said | None

    @property
    def right(self) -> bool:
        """Whether the comment names what is to be seen: the colour, the way, or the text."""
        words = {"moves": "to the right", "text": SIGN}.get(self.planted.what, self.planted.colour)
        return self.said is not None and words in self.said.text


@dataclass(frozen=True)
class Score:
    """Everything that happened, what was said in still scenes beyond one a minute, and what of nothing."""

    happened: Sequence[Happened]
    too_many: Sequence[Said]
    of_nothing: Sequence[Said]

    def of(self, what: What) -> list[Happened]:
        """What happened of that kind."""
        return [each for each in self.happened if each.planted.what == what]

    @property
    def share(self) -> float:
        """Share of the cuts that were commented on."""
        cuts = self.of("cut")
        return sum(each.said is not None for each in cuts) / len(cuts) if cuts else 0.0

    @property
    def shown(self) -> Spread:
        """From a cut's first picture being sent to its comment."""
        return spread([each.said.arrived - each.sent for each in self.of("cut") if each.said])

    @property
    def spoken(self) -> Spread:
        """From a cut's first picture being sent to the speech."""
        cuts = self.of("cut")
        return spread([each.said.begun - each.sent for each in cuts if each.said and each.said.begun])

    @property
    def is_good(self) -> bool:
        """Whether enough was said, and not too much. Times are not judged: a machine may be busy."""
        return self.share >= ENOUGH and not self.too_many


def score(planted: Sequence[tuple[Planted, float]], said: Sequence[Said]) -> Score:
    """The score; with each planted thing comes when its first picture was sent."""
    left = list(said)
    happened, still = [], []
    for each, sent in planted:
        if each.what == "still":
            # What was said of the cut to it is no comment on its stillness.
            until = sent + each.seconds
            still += [one for one in left if sent <= one.arrived < until]
        elif each.what in WHYS:
            until = sent + each.seconds + min(each.rest, TOLD_WITHIN)
            found = [one for one in left if one.why == WHYS[each.what] and sent <= one.arrived < until]
            left = [one for one in left if one not in found[:1]]
            happened.append(Happened(each, sent, found[0] if found else None))
    left = [one for one in left if one not in still and one.why != "start"]
    return Score(happened, beyond_one_a_minute(still), left)


def beyond_one_a_minute(said: Sequence[Said]) -> list[Said]:
    """Those that follow less than a minute after one that was allowed."""
    last, too_many = float("-inf"), []
    for each in said:
        if each.arrived - last < MINUTE:
            too_many.append(each)
        else:
            last = each.arrived
    return too_many
