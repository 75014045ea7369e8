"""What is said to a language model, and what it can't do."""

from __future__ import annotations

from pathlib import Path

OPENROUTER = "https://openrouter.ai/api/v1"
PROMPTS = Path(__file__).parent / "prompts"
ADVICE = "set LLM_BASE_URL and LLM_MODEL (Ollama, LM Studio, vLLM), or OPENROUTER_API_KEY and LLM_MODEL"


class ModelProblem(Exception):
    """The language model gives no usable answer. The message says why, never with a key in it."""


def prompt(name: str) -> str:
    """A prompt by its file's name."""
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")
