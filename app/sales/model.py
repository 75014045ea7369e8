"""What is said to a language model."""

from __future__ import annotations

from pathlib import Path

PROMPTS = Path(__file__).parent / "prompts"
ADVICE = "set LLM_BASE_URL and LLM_MODEL (Ollama, LM Studio, vLLM), or OPENROUTER_API_KEY and LLM_MODEL"


def prompt(name: str) -> str:
    """A prompt by its file's name."""
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")
