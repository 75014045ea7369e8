"""Fetches models before they are needed: only what is missing, whole or not at all."""
