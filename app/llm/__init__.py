"""The language model behind an OpenAI-compatible address, which sales and translation share."""
