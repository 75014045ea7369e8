"""Live transcription over WhisperLive's WebSocket protocol."""
