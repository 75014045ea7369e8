"""Text to speech over REST."""
