"""`python -m app mic`: a microphone or a file, written down live in the terminal."""
