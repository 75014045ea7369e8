"""Speech to speech: phrase in, translated phrase out."""
