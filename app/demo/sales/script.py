"""What is said in the demo's call, by whom, and what of it is an objection. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.sales.messages import Channel, Kind

LEAD_IN = 0.8
PAUSE = 0.9
CHARACTERS_A_SECOND = 14.0


@dataclass(frozen=True)
class Line:
    """A line of the call; `kind` is set where it is an objection."""

    channel: Channel
    text: str
    kind: Kind | None = None


@dataclass(frozen=True)
class Placed:
    """A line with its place in the call, in seconds."""

    line: Line
    start: float
    end: float


CALL = (
    Line("seller", "Good morning, thank you for taking the time to talk to me today."),
    Line("customer", "Good morning, I have read your proposal."),
    Line("seller", "Our price is forty dollars for each person in a month."),
    Line("customer", "To be honest, that is too expensive for us.", "price"),
    Line("seller", "I understand. What would you compare it with?"),
    Line("customer", "We are already working with another company.", "competitor"),
    Line("seller", "And are you happy with the reports that you get?"),
    Line("customer", "The reports are good, and that is not a problem at all."),
    Line("seller", "Most people save three hours in a week with us."),
    Line("customer", "We do not have the money in our budget this year.", "budget"),
    Line("seller", "We could start with a small group of people."),
    Line("customer", "This is not a good time for us.", "timing"),
    Line("seller", "When would be a better time for you?"),
    Line("customer", "I would have to talk to my boss about that.", "authority"),
    Line("seller", "Of course. Shall we invite him to the next meeting?"),
    Line("customer", "I do not see how this would help us.", "need"),
    Line("seller", "Let me show you what it did for others."),
    Line("customer", "That sounds too good to be true.", "trust"),
    Line("seller", "You can talk to one of our customers."),
    Line("customer", "We are happy with the way things are.", "status quo"),
    Line("seller", "That is good to hear, and I will send you the numbers."),
    Line("customer", "I will think about it.", "brush-off"),
    Line("seller", "Thank you very much, and have a nice day."),
)


def lay_out(lines: Sequence[Line], lengths: Sequence[float]) -> list[Placed]:
    """The lines one after the other with a pause between them; `lengths` in seconds."""
    placed = []
    at = LEAD_IN
    for line, length in zip(lines, lengths, strict=True):
        placed.append(Placed(line, at, at + length))
        at += length + PAUSE
    return placed


def reading_times(lines: Sequence[Line]) -> list[float]:
    """How long the lines would take to say, in seconds, where nobody says them."""
    return [len(line.text) / CHARACTERS_A_SECOND for line in lines]
