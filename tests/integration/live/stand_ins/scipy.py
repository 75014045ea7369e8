"""A stand-in for scipy: WhisperLive's client imports it and uses nothing of it."""
