"""What sales says over HTTP, in server-sent events and over WebSockets; times in seconds of the call."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Kind = Literal[
    "price",
    "budget",
    "timing",
    "authority",
    "need",
    "trust",
    "competitor",
    "contract",
    "status quo",
    "brush-off",
]
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]
Channel = Literal["call", "seller", "customer"]
Engine = Literal["rules", "llm"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
# A day: longer calls are cut by LIVE_MAX_CONNECTION_TIME long before.
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class NewCall(BaseModel):
    """A call to be listened to: one channel for both people, or one for each."""

    model_config = ConfigDict(extra="forbid")

    title: Name = ""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "en"
    channels: Annotated[list[Channel], Field(min_length=1, max_length=2)] = ["call"]

    @model_validator(mode="after")
    def _fit_together(self) -> NewCall:
        if self.channels not in (["call"], ["seller", "customer"]):
            raise ValueError('channels is ["call"] or ["seller", "customer"]')
        return self


class NewSegment(BaseModel):
    """Something said, from a recogniser elsewhere."""

    model_config = ConfigDict(extra="forbid")

    channel: Channel = "call"
    start: Seconds
    end: Seconds
    text: Text

    @model_validator(mode="after")
    def _in_order(self) -> NewSegment:
        if self.end < self.start:
            raise ValueError("end must not be before start")
        return self


class Segment(BaseModel):
    """Something said, as it stays."""

    id: int
    channel: Channel
    start: float
    end: float
    text: str


class Objection(BaseModel):
    """What a customer holds against buying, in their own words, and what may be said to it."""

    id: int
    channel: Channel
    kind: Kind
    quote: str
    start: float
    end: float
    confidence: float
    answers: list[str] = Field(max_length=3)
    smokescreen: bool
    engine: Engine


State = Literal["listening", "reconnecting", "ended"]


class Call(BaseModel):
    """A call as a list shows it. `started` and `ended` are times of day (ISO 8601, UTC).

    `dropped` is how much sound, in seconds, no recogniser could be given.
    """

    id: str
    title: str
    language: str
    channels: list[Channel]
    started: str
    ended: str | None
    state: State
    detail: str
    dropped: float


class Calls(BaseModel):
    """All calls that are kept, the newest first."""

    calls: list[Call]


class WholeCall(Call):
    """A call with all that was said and objected to."""

    segments: list[Segment]
    objections: list[Objection]


class PartialEvent(BaseModel):
    """What is being said; the next one of the channel takes its place. An empty text takes it away."""

    type: Literal["partial"] = "partial"
    channel: Channel
    text: str
    start: float
    end: float


class SegmentEvent(Segment):
    """Something was said."""

    type: Literal["segment"] = "segment"


class ObjectionEvent(Objection):
    """Something was objected to."""

    type: Literal["objection"] = "objection"


class StateEvent(BaseModel):
    """How it is with the call; `detail` says why, for people."""

    type: Literal["state"] = "state"
    state: State
    detail: str = ""


Event = PartialEvent | SegmentEvent | ObjectionEvent | StateEvent


class Delta(BaseModel):
    """A piece of a text that a language model is writing."""

    text: str
