"""A summary and a suggestion by the language model, on demand, streamed as they are written."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter
from sse_starlette import EventSourceResponse, ServerSentEvent

from app.llm.known import ModelProblem
from app.sales.api import NO_CALL, NOT_NOW, Id
from app.sales.call import LiveCall
from app.sales.calls import Calls, Conflict
from app.sales.messages import Delta
from app.sales.model import ADVICE, prompt
from app.sales.model_engine import lines
from app.serving.feed import Feed

if TYPE_CHECKING:
    from app.llm.client import LanguageModel

LAST = 200
Task = Literal["summary", "suggestion"]


def router(calls: Calls, model: LanguageModel | None) -> APIRouter:
    """The routes; without a model they answer 409 and say what to set."""
    routes = APIRouter()

    @routes.post("/calls/{id}/{task}", response_class=EventSourceResponse, responses={**NO_CALL, **NOT_NOW})
    async def write(id: Id, task: Task) -> Feed:
        """Server-sent events: {"text"} for each piece, then `done`, or `problem` with why it broke off."""
        call = calls.get(id)
        if model is None:
            raise Conflict(f"no language model is configured: {ADVICE}")
        if not call.segments:
            raise Conflict("nothing has been said in this call yet")
        return Feed(written(model, call, task))

    return routes


async def written(model: LanguageModel, call: LiveCall, task: Task) -> AsyncIterator[ServerSentEvent]:
    """The text as events."""
    said = "\n".join(lines(list(call.segments)[-LAST:]))
    found = "\n".join(f"{each.kind}: {each.quote}" for each in call.objections)
    question = f"The call:\n{said}\n\nObjections noticed so far:\n{found or 'none'}"
    try:
        async for text in model.write(prompt(task), question):
            yield ServerSentEvent(data=Delta(text=text).model_dump_json())
    except ModelProblem as problem:
        yield ServerSentEvent(event="problem", data=json.dumps({"detail": str(problem)}))
        return
    yield ServerSentEvent(event="done", data="{}")
