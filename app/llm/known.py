"""What is known of a language model before one is asked: OpenRouter's address, and that it may fail."""

from __future__ import annotations

OPENROUTER = "https://openrouter.ai/api/v1"


class ModelProblem(Exception):
    """The language model gives no usable answer. The message says why, never with a key in it."""
