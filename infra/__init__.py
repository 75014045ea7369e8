"""Voicestack's infrastructure, for Pulumi."""
