"""A language model behind any OpenAI-compatible address: asked for JSON or for a text, counted and paid."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    OpenAIError,
)
from openai.types.chat import ChatCompletionContentPartParam, ChatCompletionUserMessageParam

from app.llm.known import OPENROUTER, ModelProblem

RETRIES = 2
AT_ONCE = 4
MAX_TOKENS = 800


@dataclass
class Usage:
    """What was asked of the model. `cost` is what the server says it costs, in its own money (dollars)."""

    calls: dict[str, int] = field(default_factory=lambda: {"answered": 0, "failed": 0})
    tokens: dict[str, int] = field(default_factory=lambda: {"prompt": 0, "completion": 0})
    cost: float = 0.0
    fell_back: int = 0
    """Groups of segments that the rules looked at in the model's place."""

    def add(self, usage: Any) -> None:
        """Counts what an answer says about itself; servers that say nothing count nothing."""
        self.tokens["prompt"] += int(getattr(usage, "prompt_tokens", 0) or 0)
        self.tokens["completion"] += int(getattr(usage, "completion_tokens", 0) or 0)
        try:
            self.cost += max(0.0, float(getattr(usage, "cost", 0) or 0))
        except (TypeError, ValueError):
            return


class LanguageModel:
    """One model; at most AT_ONCE questions at a time. `timeout` in seconds is for a whole question."""

    def __init__(self, address: str, model: str, key: str, timeout: float) -> None:
        self.model = model
        self.usage = Usage()
        self._timeout = timeout
        self._places = asyncio.Semaphore(AT_ONCE)
        self._plain = False
        self._extra = {"usage": {"include": True}} if address == OPENROUTER else None
        self._client = AsyncOpenAI(
            base_url=address,
            # The client insists on a key; servers of one's own want none.
            api_key=key or "none",
            max_retries=RETRIES,
            timeout=timeout,
            http_client=DefaultAsyncHttpxClient(trust_env=not is_local(address), timeout=timeout),
        )

    async def json(self, system: str, user: str, schema: dict[str, Any], max_tokens: int = MAX_TOKENS) -> str:
        """An answer that should be JSON of that schema. Raises ModelProblem."""
        try:
            async with asyncio.timeout(self._timeout), self._places:
                try:
                    answer = await self._ask(system, user, None if self._plain else schema, max_tokens)
                except APIStatusError as error:
                    if self._plain or error.status_code not in (400, 404, 415, 422, 501):
                        raise
                    # A server without structured output: the prompt alone asks for JSON from now on.
                    answer = await self._ask(system, user, None, max_tokens)
                    self._plain = True
        except (OpenAIError, httpx2.HTTPError, TimeoutError, ValueError) as error:
            self.usage.calls["failed"] += 1
            raise ModelProblem(in_words(error)) from None
        self.usage.calls["answered"] += 1
        self.usage.add(getattr(answer, "usage", None))
        try:
            return str(answer.choices[0].message.content or "")
        except (AttributeError, IndexError, TypeError):
            return ""

    async def write(self, system: str, user: str, pictures: Sequence[bytes] = ()) -> AsyncIterator[str]:
        """A text, piece by piece as it is written; `pictures` are JPEG files. Raises ModelProblem."""
        try:
            async with asyncio.timeout(self._timeout), self._places:
                stream = await self._client.chat.completions.create(
                    model=self.model,
                    messages=[{"role": "system", "content": system}, asked(user, pictures)],
                    max_tokens=MAX_TOKENS,
                    stream=True,
                    stream_options={"include_usage": True},
                    extra_body=self._extra,
                )
                async with stream:
                    async for chunk in stream:
                        self.usage.add(chunk.usage)
                        if chunk.choices and chunk.choices[0].delta.content:
                            yield chunk.choices[0].delta.content
        except (OpenAIError, httpx2.HTTPError, TimeoutError, ValueError) as error:
            self.usage.calls["failed"] += 1
            raise ModelProblem(in_words(error)) from None
        self.usage.calls["answered"] += 1

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.close()

    async def _ask(self, system: str, user: str, schema: dict[str, Any] | None, max_tokens: int) -> Any:
        form: Any = {}
        if schema is not None:
            named = {"name": "answer", "strict": True, "schema": schema}
            form = {"response_format": {"type": "json_schema", "json_schema": named}}
        return await self._client.chat.completions.create(
            model=self.model,
            messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
            max_tokens=max_tokens,
            temperature=0,
            extra_body=self._extra,
            **form,
        )


def asked(text: str, pictures: Sequence[bytes]) -> ChatCompletionUserMessageParam:
    """A question, with its pictures as data before it."""
    if not pictures:
        return {"role": "user", "content": text}
    shown: list[ChatCompletionContentPartParam] = [
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"},
        }
        for picture in pictures
    ]
    return {"role": "user", "content": [*shown, {"type": "text", "text": text}]}


def is_local(address: str) -> bool:
    """Whether the address is on this machine or in this network, which no proxy leads to."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host


def in_words(error: Exception) -> str:
    """What went wrong with the model; its own words are left out, as they may repeat the key."""
    match error:
        case TimeoutError() | APITimeoutError():
            return "the language model does not answer in time (LLM_TIMEOUT)"
        case APIConnectionError():
            return "the language model cannot be reached (LLM_BASE_URL)"
        case APIStatusError() if error.status_code in (401, 403):
            return "the language model refuses the key (LLM_API_KEY, OPENROUTER_API_KEY)"
        case APIStatusError() if error.status_code == 404:
            return "the language model is not known there (LLM_MODEL)"
        case APIStatusError() if error.status_code == 429:
            return "the language model has too much to do, or the account is used up (429)"
        case APIStatusError():
            return f"the language model answered {error.status_code}"
    return "the language model gave an answer that cannot be read"
