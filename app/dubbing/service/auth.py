"""Who may publish and watch: the media server asks for each connection, this decides."""

from __future__ import annotations

import secrets

import structlog
from pydantic import BaseModel, ConfigDict

from app.access.links import PARAMETER, USER, Links
from app.access.store import AccessError
from app.dubbing.service import paths
from app.settings import Settings

INTERNAL_USER = "voicestack-internal"
API_USER = "voicestack-api"

log = structlog.get_logger(__name__)


class AccessRequest(BaseModel):
    """What MediaMTX posts with `authMethod: http`. Fields of later versions are passed over."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    user: str = ""
    password: str = ""
    token: str = ""
    ip: str = ""
    action: str = ""
    path: str = ""
    protocol: str = ""
    id: str | None = None
    query: str = ""


def new_secret() -> str:
    """The workers' password at the media server, made anew for each run of the dubber."""
    return secrets.token_urlsafe(32)


def allowed(request: AccessRequest, settings: Settings, internal_secret: str, links: Links) -> bool:
    """Whether the media server shall let this connection do what it asks.

    Workers read live/<name> and publish dub/<name>/<language>, which is read again to be sent on, and
    described/<name>; what takes streams in publishes live/<name>. People publish to live/<name> and watch
    these and all/<name>, with the credentials from the settings where they are set, or with a link to just
    this (app.access.links), whose time is not over.
    The control API takes its password always, so that no web page in a browser on this machine can use it:
    it can make the media server run commands. Nothing else is let through, metrics and profiler included.
    """
    if request.action == "api":
        return request.user == API_USER and same(request.password, api_password(settings, internal_secret))
    live, output = paths.live_name(request.path) is not None, paths.is_output(request.path)
    watched = live or output or paths.is_joined(request.path)
    if request.user == INTERNAL_USER:
        asked_for_its_part = (request.action == "read" and (live or output)) or (
            request.action == "publish" and (live or output)
        )
        return asked_for_its_part and same(request.password, internal_secret)
    if (live or (watched and request.action != "publish")) and has_link(request, links):
        return True
    if request.action == "publish":
        return live and matches(
            request, settings.media_publish_user, settings.media_publish_password.get_secret_value()
        )
    if request.action in ("read", "playback"):
        return watched and matches(
            request, settings.media_read_user, settings.media_read_password.get_secret_value()
        )
    return False


def has_link(request: AccessRequest, links: Links) -> bool:
    """Whether the connection comes with a link, in its address or as a password."""
    query = f"{PARAMETER}={request.password}" if request.user == USER else request.query
    action = "read" if request.action == "playback" else request.action
    try:
        return links.allows(query, request.path, action)
    except AccessError as error:
        log.error("links can't be checked", error=str(error))
        return False


def api_password(settings: Settings, internal_secret: str) -> str:
    """The password of the control API: the one from the settings, else the dubber's own."""
    return settings.media_api_password.get_secret_value() or internal_secret


def matches(request: AccessRequest, user: str, password: str) -> bool:
    """Whether the credentials are the ones asked for; everyone matches where none are."""
    if not user:
        return True
    # Both are always compared, so that the time tells nothing about which one was wrong.
    right_user, right_password = same(request.user, user), same(request.password, password)
    return right_user and right_password


def same(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that does not depend on where they differ."""
    return bool(expected) and secrets.compare_digest(given.encode(), expected.encode())
