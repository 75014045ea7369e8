"""One call: what is said in it, what is objected to, and who is told."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from app.sales import event_log
from app.sales.event_log import EventLog
from app.sales.found import Found, Standing
from app.sales.messages import (
    Call,
    Channel,
    NewCall,
    Objection,
    ObjectionEvent,
    PartialEvent,
    Segment,
    SegmentEvent,
    State,
    StateEvent,
    WholeCall,
)

MAX_SEGMENTS = 4000
MAX_OBJECTIONS = 500

# Looks at what has just been said, with what the channel said before it.
Look = Callable[[Sequence[Segment]], Sequence[Found]]
BEFORE = 2


class LiveCall:
    """A call as it goes on. Times in seconds from its start; bounded: the oldest words go first."""

    def __init__(self, id: str, asked: NewCall, look: Look) -> None:
        self.id = id
        self.asked = asked
        self.log = EventLog()
        self.segments: deque[Segment] = deque(maxlen=MAX_SEGMENTS)
        self.objections: deque[Objection] = deque(maxlen=MAX_OBJECTIONS)
        self.started = datetime.now(UTC)
        self.ended: datetime | None = None
        self.dropped = 0.0
        self.dropping: Callable[[], float] = lambda: 0.0
        self.heard_at = time.monotonic()
        self.on_end: list[Callable[[], Awaitable[None]]] = []
        self.on_close: list[Callable[[], None]] = []
        self.on_segment: list[Callable[[Segment], None]] = []
        self.on_objection: list[Callable[[Objection], None]] = []
        self._began = time.monotonic()
        self._look = look
        self._standing = Standing()
        self._lost: dict[Channel, str] = {}
        self._notice = ""
        self._why_ended = ""
        self._speaking: set[Channel] = set()
        self._segment_ids = 0
        self._objection_ids = 0
        self._told: StateEvent | None = None
        self._tell_state()

    @classmethod
    def of_before(cls, id: str, asked: NewCall, started: datetime) -> LiveCall:
        """A call of before a restart of the service; `was_over` ends it once all that was said is in it."""
        call = cls(id, asked, lambda _: ())
        call.started = started
        call.log = EventLog(after=event_log.BEFORE)
        return call

    def was_over(self, ended: datetime, detail: str) -> None:
        """It ended then; the text says why, where that needs saying."""
        self.ended, self._why_ended = ended, detail
        self._tell_state()
        self.log.close()

    @property
    def age(self) -> float:
        """Seconds since the call's start."""
        return time.monotonic() - self._began

    @property
    def state(self) -> State:
        """Whether it is listened to."""
        if self.ended is not None:
            return "ended"
        return "reconnecting" if self._lost else "listening"

    @property
    def detail(self) -> str:
        """Why it is not listened to, or what is not as it should be."""
        return "; ".join(
            each for each in dict.fromkeys([*self._lost.values(), self._notice, self._why_ended]) if each
        )

    def speaking(self, channel: Channel, start: float, end: float, text: str) -> None:
        """What is being said, and may yet change."""
        self._speaking.add(channel)
        self.log.tell(PartialEvent(channel=channel, text=text, start=round(start, 3), end=round(end, 3)))

    def said(self, channel: Channel, start: float, end: float, text: str) -> Segment:
        """Something was said: it is kept, told, and searched for objections at once."""
        self._segment_ids += 1
        self.heard_at = time.monotonic()
        segment = Segment(
            id=self._segment_ids, channel=channel, start=round(start, 3), end=round(end, 3), text=text
        )
        before = [each for each in list(self.segments)[-4 * BEFORE :] if each.channel == channel][-BEFORE:]
        self.segments.append(segment)
        self.log.tell(SegmentEvent(**segment.model_dump()))
        if channel in self._speaking:
            self._speaking.discard(channel)
            self.log.tell(PartialEvent(channel=channel, text="", start=segment.end, end=segment.end))
        for tell in self.on_segment:
            tell(segment)
        for found in self._look([*before, segment]):
            self.objected(found)
        return segment

    def objected(self, found: Found) -> None:
        """An engine found an objection: it is told unless it stands already."""
        if not self._standing.is_new(found):
            return
        self._objection_ids += 1
        objection = Objection(
            id=self._objection_ids,
            channel=found.channel,
            kind=found.kind,
            quote=found.quote,
            start=round(found.start, 3),
            end=round(found.end, 3),
            confidence=round(found.confidence, 2),
            answers=list(found.answers),
            smokescreen=found.smokescreen,
            engine=found.engine,
        )
        self.objections.append(objection)
        self.log.tell(ObjectionEvent(**objection.model_dump()))
        for tell in self.on_objection:
            tell(objection)

    def connected(self, channel: Channel, yes: bool, detail: str) -> None:
        """A channel is listened to, or not, for this reason."""
        if yes:
            self._lost.pop(channel, None)
        else:
            self._lost[channel] = detail
        self._tell_state()

    def notice(self, detail: str) -> None:
        """Tells, beside the state, what is not as it should be; an empty text takes it back."""
        self._notice = detail
        self._tell_state()

    async def end(self, why: str = "") -> None:
        """Lets every engine finish with what was said, then closes."""
        if self.ended is None:
            await asyncio.gather(*(finish() for finish in self.on_end))
        self.close(why)

    def close(self, why: str = "") -> None:
        """The call is over at once, for this reason; whoever follows it gets its last events and the end."""
        if self.ended is None:
            self._why_ended = why
            self.ended = datetime.now(UTC)
            self._lost.clear()
            self._tell_state()
            self.log.close()
            for stop in self.on_close:
                stop()

    def state_event(self) -> StateEvent:
        """The state as an event."""
        return StateEvent(state=self.state, detail=self.detail)

    def view(self) -> Call:
        """The call as a list shows it."""
        return Call(
            id=self.id,
            title=self.asked.title,
            language=self.asked.language,
            channels=self.asked.channels,
            started=self.started.isoformat(timespec="milliseconds"),
            ended=self.ended.isoformat(timespec="milliseconds") if self.ended else None,
            state=self.state,
            detail=self.detail,
            dropped=round(self.dropped + self.dropping(), 2),
        )

    def whole(self) -> WholeCall:
        """The call with everything in it."""
        return WholeCall(
            **self.view().model_dump(), segments=list(self.segments), objections=list(self.objections)
        )

    def _tell_state(self) -> None:
        event = self.state_event()
        if event != self._told:
            self._told = event
            self.log.tell(event)
