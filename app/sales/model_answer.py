"""What a language model says about objections, made sure of: JSON found, quotes looked up. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints, ValidationError, field_validator

from app.sales.found import Found, shared_words
from app.sales.messages import KINDS, Kind, Segment

LEAST_SHARED = 0.7
"""The share of a quote's words that its segment must have: models mend grammar, and they invent."""
LEAST_CONFIDENCE = 0.4
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class BadAnswer(ValueError):
    """The answer is no JSON of the kind that was asked for."""


class ModelObjection(BaseModel):
    """One objection as a model tells it."""

    kind: Kind
    quote: Sentence
    confidence: float = 0.7
    smokescreen: bool = False
    answers: list[Sentence] = Field(default_factory=list)

    @field_validator("kind", mode="before")
    @classmethod
    def _spelt_our_way(cls, value: Any) -> Any:
        name = str(value).strip().lower().replace("_", " ").replace("-", " ")
        return "brush-off" if name.replace(" ", "") == "brushoff" else name

    @field_validator("confidence")
    @classmethod
    def _is_a_share(cls, value: float) -> float:
        share = value / 100 if 1 < value <= 100 else value
        return min(1.0, max(0.0, share)) if share == share else 0.0


def schema() -> dict[str, Any]:
    """The JSON schema that the model is held to, where it can be."""
    properties = {
        "kind": {"type": "string", "enum": list(KINDS)},
        "quote": {"type": "string"},
        "confidence": {"type": "number"},
        "smokescreen": {"type": "boolean"},
        "answers": {"type": "array", "items": {"type": "string"}},
    }
    one = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"objections": {"type": "array", "items": one}},
        "required": ["objections"],
        "additionalProperties": False,
    }


def read(answer: str, segments: Sequence[Segment]) -> list[Found]:
    """The objections in an answer about these segments; single ones that make no sense are left out.

    Raises BadAnswer where there is no list of objections in it at all.
    """
    found = []
    for each in listed(answer):
        try:
            told = ModelObjection.model_validate(each)
        except ValidationError:
            continue
        segment = max(segments, key=lambda segment: shared_words(told.quote, segment.text), default=None)
        if segment is None or segment.channel == "seller" or told.confidence < LEAST_CONFIDENCE:
            continue
        if shared_words(told.quote, segment.text) < LEAST_SHARED:
            continue
        found.append(
            Found(
                channel=segment.channel,
                kind=told.kind,
                quote=told.quote[:300],
                start=segment.start,
                end=segment.end,
                confidence=told.confidence,
                answers=tuple(answer[:400] for answer in told.answers[:3]),
                smokescreen=told.smokescreen,
                engine="llm",
            )
        )
    return found


def listed(answer: str) -> list[Any]:
    """The list of objections in a text that may have words or a code fence around its JSON."""
    decoder = json.JSONDecoder()
    for place, letter in enumerate(answer):
        if letter not in "{[":
            continue
        try:
            document, _ = decoder.raw_decode(answer[place:])
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict) and isinstance(document.get("objections"), list):
            return list(document["objections"])
        if isinstance(document, list) and all(isinstance(each, dict) for each in document):
            return document
    raise BadAnswer("the language model's answer holds no list of objections")
