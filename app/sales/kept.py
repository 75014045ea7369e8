"""Calls on disk, so that a restart loses none: a file a call, a line for each thing that happened in it.

A line is written as soon as something is final, and is in the system's hands then: it outlives the
process, however that ends, though not the machine's power.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from app.sales.call import LiveCall
from app.sales.messages import NewCall, Objection, ObjectionEvent, Segment, SegmentEvent
from app.service import Check

LARGEST = 2 << 20
"""Bytes of a call's file; one that grows beyond goes on with the newest half of that."""
NEW = ".new"
NAME = re.compile(r"[0-9a-f]{16}\.(jsonl|new)")
CUT_OFF = "sales ended while the call went on; what was said after that is not here"

log = structlog.get_logger()


class Begun(NewCall):
    """The first line: which call it is."""

    type: Literal["call"] = "call"
    id: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    started: datetime


class Over(BaseModel):
    """The last line of a call that has ended."""

    type: Literal["over"] = "over"
    ended: datetime
    detail: str
    dropped: float


Line = Annotated[Begun | SegmentEvent | ObjectionEvent | Over, Field(discriminator="type")]
LINE: TypeAdapter[Begun | SegmentEvent | ObjectionEvent | Over] = TypeAdapter(Line)


class Kept:
    """The folder of calls. What can't be written is told by `check`, and the calls go on without."""

    def __init__(self, folder: Path, days: float) -> None:
        self._folder = folder
        self._for = timedelta(days=days)
        self._problem = ""
        self._sizes: dict[str, int] = {}

    async def check(self) -> Check | None:
        """Whether calls would outlive a restart; None where they are not meant to."""
        if not self._for:
            return None
        return Check(not self._problem, self._problem or "calls outlive a restart")

    def is_old(self, ended: datetime) -> bool:
        """Whether a call that ended then has been kept as long as it is to be."""
        return bool(self._for) and datetime.now(UTC) - ended > self._for

    def keep(self, call: LiveCall) -> None:
        """Writes down a new call, and what is said in it from now on."""
        if not self._for:
            return
        self._sizes[call.id] = 0
        self._write(call, [begun(call)])
        call.on_segment.append(lambda said: self._write(call, [SegmentEvent(**said.model_dump())]))
        call.on_objection.append(lambda found: self._write(call, [ObjectionEvent(**found.model_dump())]))
        call.on_close.append(lambda: self._write(call, [over(call)]))

    def forget(self, id: str) -> None:
        """The call is gone for good."""
        self._sizes.pop(id, None)
        try:
            self._path(id).unlink(missing_ok=True)
        except OSError as error:
            self._failed(error)

    def load(self) -> list[LiveCall]:
        """The calls of before, in order of their start; one that had not ended has ended with the service."""
        calls = []
        for path in sorted(self._folder.glob("*")) if self._for else ():
            if not NAME.fullmatch(path.name):
                continue
            try:
                if path.suffix == NEW:
                    path.unlink()
                    continue
                call, whole = read(path)
                if call is None:
                    log.warning("a call can't be read and is left out", file=path.name)
                    if self.is_old(changed(path)):
                        path.unlink()
                elif call.ended and self.is_old(call.ended):
                    self.forget(path.stem)
                else:
                    calls.append(call)
                    if not whole:
                        self._rewrite(call)
            except OSError as error:
                self._failed(error)
        return sorted(calls, key=lambda call: call.started)

    def _path(self, id: str) -> Path:
        return self._folder / f"{id}.jsonl"

    def _write(self, call: LiveCall, lines: Iterable[BaseModel]) -> None:
        if call.id not in self._sizes:
            return
        data = b"".join(line.model_dump_json().encode() + b"\n" for line in lines)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(self._path(call.id), data, os.O_APPEND)
            self._sizes[call.id] += len(data)
            if self._sizes[call.id] > LARGEST:
                self._rewrite(call)
            self._problem = ""
        except OSError as error:
            self._failed(error)

    def _rewrite(self, call: LiveCall) -> None:
        """Writes the call anew, with the newest of what was said."""
        said: list[tuple[float, BaseModel]] = [
            *((each.start, SegmentEvent(**each.model_dump())) for each in call.segments),
            *((each.end, ObjectionEvent(**each.model_dump())) for each in call.objections),
        ]
        newest: list[bytes] = []
        size = 0
        for _, line in sorted(said, key=lambda each: each[0], reverse=True):
            newest.append(line.model_dump_json().encode() + b"\n")
            size += len(newest[-1])
            if size > LARGEST // 2:
                break
        last = [over(call).model_dump_json().encode() + b"\n"] if call.ended else []
        data = b"".join([begun(call).model_dump_json().encode() + b"\n", *reversed(newest), *last])
        new = self._path(call.id).with_suffix(NEW)
        write(new, data, os.O_TRUNC)
        new.replace(self._path(call.id))
        self._sizes[call.id] = len(data)

    def _failed(self, error: OSError) -> None:
        problem = f"calls can't be kept in {self._folder}: {error.strerror or error}"
        if problem != self._problem:
            log.error("a restart would lose calls", reason=problem)
        self._problem = problem


def write(path: Path, data: bytes, how: int) -> None:
    """Writes to a file that only the service's own user can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600), "wb") as file:
        file.write(data)


def begun(call: LiveCall) -> Begun:
    """A call's first line."""
    return Begun(**call.asked.model_dump(), id=call.id, started=call.started)


def over(call: LiveCall) -> Over:
    """A call's last line."""
    return Over(
        ended=call.ended or datetime.now(UTC), detail=call.detail, dropped=call.dropped + call.dropping()
    )


def changed(path: Path) -> datetime:
    """When something was last written to the file."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def read(path: Path) -> tuple[LiveCall | None, bool]:
    """The call in a file, which is over, and whether the file says so; None where no call is in it.

    A line that broke off in the middle is left out.
    """
    first: Begun | None = None
    last: Over | None = None
    events: list[SegmentEvent | ObjectionEvent] = []
    with path.open("rb") as lines:
        for text in lines:
            try:
                line = LINE.validate_json(text)
            except ValidationError:
                continue
            match line:
                case Begun():
                    first = first or line
                case Over():
                    last = line
                case _:
                    events.append(line)
    if first is None or f"{first.id}.jsonl" != path.name:
        return None, False
    asked = NewCall(title=first.title, language=first.language, channels=first.channels)
    end = last or Over(ended=changed(path), detail=CUT_OFF, dropped=0.0)
    call = LiveCall.of_before(first.id, asked, first.started)
    for event in events:
        if isinstance(event, SegmentEvent):
            call.segments.append(Segment(**event.model_dump(exclude={"type"})))
        else:
            call.objections.append(Objection(**event.model_dump(exclude={"type"})))
        call.log.tell(event)
    call.dropped = end.dropped
    call.was_over(end.ended, end.detail)
    return call, last is not None
