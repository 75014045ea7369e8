"""Keeps web pages of other origins from using a browser on this machine to give orders."""

from __future__ import annotations

from fastapi import HTTPException, Request


def json_only(request: Request) -> None:
    """A page can send other content types anywhere, but application/json to its own origin only."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "send it with content-type: application/json")


def no_browser(request: Request) -> None:
    """Browsers send Origin with every POST; the media server never does."""
    if "origin" in request.headers:
        raise HTTPException(403, "this address is for the media server alone")
