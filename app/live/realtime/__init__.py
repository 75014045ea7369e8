"""Live transcription as OpenAI's realtime API has it, at /v1/realtime."""
