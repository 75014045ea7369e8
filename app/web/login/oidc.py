"""OpenID Connect: an issuer says who somebody is. Code flow with PKCE, state and nonce, by Authlib."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import Response

from app.access.accounts import Role
from app.settings import Settings

PATIENCE = 10.0
SKEW = 60
"""Seconds that the issuer's clock and ours may differ."""
COMES_BACK_WITHIN = 600.0
MOST_UNDER_WAY = 1024
GROUP = "group:"

log = structlog.get_logger(__name__)


class NotSignedIn(Exception):
    """The issuer's way led nowhere. The message says why, for people."""


@dataclass(frozen=True)
class UnderWay:
    """Somebody who was sent to the issuer: what has to come back, where they wanted to go, and until when."""

    kept: dict[str, Any]
    to: str
    until: float


class Issuer:
    """The issuer of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = OAuth().register(
            "issuer",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value() or None,
            server_metadata_url=f"{settings.oidc_issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email profile" + (" groups" if asks_for_groups(settings) else ""),
                "code_challenge_method": "S256",
                "timeout": PATIENCE,
                "follow_redirects": False,
            },
        )
        self._under_way: OrderedDict[str, UnderWay] = OrderedDict()

    async def send(self, request: Request, callback: str, to: str) -> tuple[Response, str]:
        """Sends a browser to the issuer; with it the value that its cookie has to bring back.

        Raises NotSignedIn where the issuer can't be asked.
        """
        kept: dict[str, Any] = {}
        request.scope["session"] = kept
        try:
            await self._check_name()
            response: Response = await self._client.authorize_redirect(request, callback)
        except (httpx2.HTTPError, OAuthError, JoseError, ValueError, KeyError, RuntimeError) as error:
            raise self._failed(error) from None
        tie = secrets.token_urlsafe(32)
        self._under_way[tie] = UnderWay(kept, to, time.monotonic() + COMES_BACK_WITHIN)
        while len(self._under_way) > MOST_UNDER_WAY:
            self._under_way.popitem(last=False)
        return response, tie

    async def welcome(self, request: Request, tie: str) -> tuple[str, Role, str]:
        """Name, role and way on of somebody who comes back. Raises NotSignedIn."""
        under_way = self._under_way.pop(tie, None)
        if under_way is None or under_way.until < time.monotonic():
            raise NotSignedIn("That took too long, or began in another browser. Try again.")
        request.scope["session"] = under_way.kept
        try:
            metadata = await self._check_name()
            token = await self._client.authorize_access_token(
                request,
                leeway=SKEW,
                claims_options={
                    "iss": {"essential": True, "values": [metadata["issuer"]]},
                    "aud": {"essential": True, "value": self._settings.oidc_client_id},
                },
            )
            claims = dict(token["userinfo"])
            if "userinfo_endpoint" in metadata and not {"email", "groups"} <= set(claims):
                more = dict(await self._client.userinfo(token=token))
                if more.get("sub") != claims["sub"]:
                    raise NotSignedIn("The issuer speaks of two people at once.")
                claims = more | claims
        except (httpx2.HTTPError, OAuthError, JoseError, ValueError, KeyError, RuntimeError) as error:
            raise self._failed(error) from None
        role = role_of(claims, self._settings.oidc_operators, self._settings.oidc_viewers)
        if role is None:
            raise NotSignedIn(
                f"You are known as {shown(claims)}, but may not use this console: an operator can add you to "
                "OIDC_OPERATORS or OIDC_VIEWERS."
            )
        return f"{shown(claims)} ({urlsplit(self._settings.oidc_issuer).hostname})", role, under_way.to

    async def _check_name(self) -> dict[str, Any]:
        """What the issuer says of itself. Raises NotSignedIn where it calls itself otherwise."""
        metadata: dict[str, Any] = await self._client.load_server_metadata()
        if str(metadata.get("issuer", "")).rstrip("/") != self._settings.oidc_issuer:
            raise NotSignedIn(f"The issuer calls itself {metadata.get('issuer')!r}: set OIDC_ISSUER so.")
        return metadata

    def _failed(self, error: Exception) -> NotSignedIn:
        log.warning("the issuer did not sign somebody in", error=str(error) or type(error).__name__)
        if isinstance(error, httpx2.TransportError):
            return NotSignedIn("The issuer can't be reached. Try again in a moment.")
        return NotSignedIn("The issuer did not sign you in. Try again.")


def role_of(claims: Mapping[str, Any], operators: Iterable[str], viewers: Iterable[str]) -> Role | None:
    """What somebody of whom an issuer says this may do; None for nothing.

    An e-mail address counts where the issuer has verified it.
    """
    email = str(claims.get("email", "")).lower() if claims.get("email_verified") is True else ""
    groups = claims.get("groups", [])
    are = {GROUP + each for each in groups if isinstance(each, str)} if isinstance(groups, list) else set()
    are |= {email} if email and not email.startswith(GROUP) else set()

    def among(entries: Iterable[str]) -> bool:
        return any((each if each.startswith(GROUP) else each.lower()) in are for each in entries)

    if among(operators):
        return "operator"
    return "viewer" if among(viewers) or "*" in viewers else None


def shown(claims: Mapping[str, Any]) -> str:
    """What somebody is called; an address that nobody has verified is no name."""
    if claims.get("email_verified") is True and claims.get("email"):
        return str(claims["email"])
    return str(claims["sub"])


def asks_for_groups(settings: Settings) -> bool:
    """Whether the issuer has to tell of groups."""
    return any(each.startswith(GROUP) for each in (*settings.oidc_operators, *settings.oidc_viewers))
