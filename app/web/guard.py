"""What the console refuses to pass on: paths that climb; and its security headers."""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# hls.js starts its worker from a blob and gives the video a blob address (Media Source Extensions).
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=(), display-capture=()",
}


class Refused(ValueError):
    """A request that is not passed on. The message says why."""


def safe_path(path: str) -> str:
    """The decoded path, quoted again for the service behind.

    Raises Refused for a path with an empty, `.` or `..` part, a backslash or a control character:
    no address stays that two servers could read differently.
    """
    if any(character == "\\" or ord(character) < 32 or ord(character) == 127 for character in path):
        raise Refused("the address holds a character that is not allowed")
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise Refused("the address holds an empty, '.' or '..' part")
    return quote(path, safe="/")


class SecurityHeaders:
    """ASGI middleware: puts the security headers on every answer, streamed ones too.

    `camera`: its pages may ask for the browser's.
    """

    def __init__(self, app: ASGIApp, camera: bool = False) -> None:
        self.app = app
        self.headers = dict(SECURITY_HEADERS)
        if camera:
            policy = self.headers["permissions-policy"]
            self.headers["permissions-policy"] = policy.replace("camera=()", "camera=(self)")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers[name] = value
                # Browsers ask again each time and get 304: a new release shows at once.
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)
