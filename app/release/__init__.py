"""Releases: what a host of production runs, as one immutable bundle."""
