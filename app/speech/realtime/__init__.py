"""OpenAI's realtime API over WebSocket: what live's transcription and sts' translation share."""
