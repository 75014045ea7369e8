"""Objections by a language model: what a call's buffer holds is looked at together, rules where it fails."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from app.llm.known import ModelProblem
from app.sales.buffer import Buffer
from app.sales.call import LiveCall, Look
from app.sales.messages import Segment
from app.sales.model import prompt
from app.sales.model_answer import BadAnswer, read, schema

if TYPE_CHECKING:
    from app.llm.client import LanguageModel

WAITING = 8
"""Groups that may wait for the model in one call; of more, the oldest goes to the rules."""
CONTEXT = 6
FINISH_WITHIN = 10.0
PAUSE = 15.0
"""Seconds for which a model that failed is not asked again; the rules do its work."""

log = structlog.get_logger()


class ModelEngine:
    """One call's conversation with the model; it ends with the call, whose last words it still reads."""

    def __init__(self, model: LanguageModel, call: LiveCall, buffer: Buffer, fallback: Look) -> None:
        self._model = model
        self._call = call
        self._buffer = buffer
        self._fallback = fallback
        self._groups: deque[list[Segment]] = deque()
        self._news = asyncio.Event()
        self._finishing = False
        self._ask_again_at = 0.0
        self._why = ""
        self._task = asyncio.create_task(self._run(), name=f"language model {call.id}")
        call.on_segment.append(self._add)
        call.on_end.append(self._finish)
        call.on_close.append(self._stop)

    async def _run(self) -> None:
        while True:
            self._news.clear()
            self._queue(self._buffer.due(time.monotonic()))
            if self._finishing:
                self._queue(self._buffer.take())
            while self._groups:
                await self._look(self._groups.popleft())
            if self._finishing and self._buffer.deadline is None:
                return
            await self._wait()

    async def _finish(self) -> None:
        self._finishing = True
        self._news.set()
        await asyncio.wait((self._task,), timeout=FINISH_WITHIN)

    def _stop(self) -> None:
        self._task.cancel()

    def _add(self, segment: Segment) -> None:
        self._queue(self._buffer.add(segment, time.monotonic()))
        self._news.set()

    def _queue(self, group: list[Segment]) -> None:
        if group:
            self._groups.append(group)
        if len(self._groups) > WAITING:
            self._by_rules(self._groups.popleft(), "the language model is too slow for this call")

    async def _wait(self) -> None:
        deadline = self._buffer.deadline
        try:
            async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.monotonic())):
                await self._news.wait()
        except TimeoutError:
            return

    async def _look(self, group: list[Segment]) -> None:
        if time.monotonic() < self._ask_again_at:
            self._by_rules(group, self._why)
            return
        try:
            answer = await self._model.json(prompt("objections"), self._question(group), schema())
            found = read(answer, group)
        except (ModelProblem, BadAnswer) as problem:
            self._ask_again_at = time.monotonic() + PAUSE
            self._why = str(problem)
            self._by_rules(group, self._why)
            return
        self._call.notice("")
        for each in found:
            self._call.objected(each)

    def _by_rules(self, group: Sequence[Segment], why: str) -> None:
        self._model.usage.fell_back += 1
        log.warning("objections are found by rules", call=self._call.id, reason=why)
        self._call.notice(f"{why}: objections are found by rules")
        for place in range(len(group)):
            for found in self._fallback(group[: place + 1]):
                self._call.objected(found)

    def _question(self, group: Sequence[Segment]) -> str:
        first = group[0].id
        before = [each for each in list(self._call.segments)[-4 * CONTEXT :] if each.id < first][-CONTEXT:]
        return "\n".join(["Before:", *lines(before), "New lines:", *lines(group)])


def lines(segments: Sequence[Segment]) -> list[str]:
    """The segments as lines of a transcript."""
    return [f"{each.channel}: {each.text}" for each in segments]
