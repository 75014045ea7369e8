"""Objections in a live transcript: calls, what was said in them, what was objected to."""
