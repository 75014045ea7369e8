"""A reverse proxy to one service behind the console: streamed both for events and for video."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
from fastapi import Request
from fastapi.responses import JSONResponse
from sse_starlette import EventSourceResponse
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.service import hide_credentials
from app.web.guard import Refused, safe_path
from app.web.login import cookies

MAX_BODY = 64 * 1024
MAX_CONNECTIONS = 256
# Answers that are written on as they arrive keep a connection until they are read: the rest is for others.
MAX_STREAMS = 192
# An answer up to this size is taken whole, and keeps no connection however slowly it is read.
MAX_BRIEF = 128 * 1024

# What is passed on; everything else, and with it every hop-by-hop header, stays here.
REQUEST_HEADERS = frozenset(
    {
        "accept",
        "accept-language",
        "content-type",
        "if-modified-since",
        "if-none-match",
        "last-event-id",
        "range",
    }
)
RESPONSE_HEADERS = frozenset(
    {
        "accept-ranges",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "etag",
        "last-modified",
        "retry-after",
    }
)
# Files in parts that can be resumed: https://tus.io/protocols/resumable-upload
TUS_REQUEST_HEADERS = frozenset({"tus-resumable", "upload-length", "upload-metadata", "upload-offset"})
TUS_RESPONSE_HEADERS = frozenset(
    {"tus-extension", "tus-max-size", "tus-resumable", "tus-version", "upload-length", "upload-offset"}
)
TOO_MANY = "too many viewers at once; try again"
CREDENTIAL_REQUEST_HEADERS = frozenset({"authorization", "cookie"})
CREDENTIAL_RESPONSE_HEADERS = frozenset({"set-cookie", "www-authenticate"})


@dataclass(frozen=True)
class Upstream:
    """A service behind the console.

    `prefix` is where the console shows it; `allows` says whether a path is passed on; `credentials`
    whether the browser's password and cookies are; `patience` how long it may be silent, in seconds;
    `headers` gives what is sent for a path. Where it is `resumable`, files come in parts by tus:
    bodies of PATCH are written on as they arrive, however large, and tus' headers are passed on. `most` is
    the largest other body, in bytes. One that is `told_who_asks` gives each address no more than its share;
    one that `leads_on` may send whoever asks to another host.
    """

    name: str
    address: str
    prefix: str
    methods: frozenset[str]
    allows: Callable[[str], bool]
    credentials: bool = False
    patience: float = 30.0
    realm: str = field(default="Voicestack")
    headers: Callable[[str], Mapping[str, str]] = lambda _: {}
    resumable: bool = False
    most: int = MAX_BODY
    told_who_asks: bool = False
    leads_on: bool = False

    def streams(self, method: str) -> bool:
        """Whether bodies of that method are written on as they arrive."""
        return self.resumable and method == "PATCH"


def new_client() -> httpx.AsyncClient:
    """The HTTP client of the proxies: bounded, follows no redirect, ignores proxy settings."""
    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=32),
        follow_redirects=False,
        trust_env=False,
    )


class Proxy:
    """Passes requests on to the services behind; at most MAX_STREAMS long answers at once."""

    def __init__(self) -> None:
        self.client = new_client()
        self._streams = 0

    async def forward(self, request: Request, path: str, upstream: Upstream) -> Response:
        """Passes the request on and the answer back.

        Refusals are 404, 405 and 413; a service that is out of reach is 502, one that stays silent 504, and
        503 says that too many read long answers; each with a `detail` for people.
        """
        outgoing = await accepted(request, path, upstream, self.client)
        if isinstance(outgoing, Response):
            return outgoing
        if not upstream.streams(request.method):
            return await self._send(outgoing, upstream)
        if self._streams >= MAX_STREAMS:
            return problem(503, TOO_MANY, {"retry-after": "2"})
        self._streams += 1
        try:
            return await self._send(outgoing, upstream)
        except ClientDisconnect:
            return problem(400, "the request broke off")
        finally:
            self._streams -= 1

    async def _send(self, outgoing: httpx.Request, upstream: Upstream) -> Response:
        try:
            answer = await self.client.send(outgoing, stream=True)
            if is_brief(answer):
                return await whole(answer, upstream)
        except httpx.PoolTimeout:
            return problem(503, TOO_MANY, {"retry-after": "2"})
        except httpx.ConnectTimeout:
            return problem(502, f"the {upstream.name} cannot be reached")
        except httpx.TimeoutException:
            return problem(504, f"the {upstream.name} does not answer")
        except httpx.TransportError as error:
            detail = hide_credentials(str(error)) or type(error).__name__
            return problem(502, f"the {upstream.name} cannot be reached ({detail})")
        if self._streams >= MAX_STREAMS:
            await answer.aclose()
            return problem(503, TOO_MANY, {"retry-after": "2"})
        self._streams += 1
        return Closing(stream_back(answer, upstream), lambda: self._close(answer))

    async def _close(self, answer: httpx.Response) -> None:
        self._streams -= 1
        await answer.aclose()


class Closing(Response):
    """A response after which something is closed, also where the browser left before it began."""

    def __init__(self, response: Response, close: Callable[[], Awaitable[None]]) -> None:
        super().__init__(status_code=response.status_code)
        self._response = response
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the response, then closes."""
        try:
            await self._response(scope, receive, send)
        finally:
            await self._close()


async def accepted(
    request: Request, path: str, upstream: Upstream, client: httpx.AsyncClient
) -> httpx.Request | Response:
    """The request as it is passed on, or what says why it is not."""
    if request.method not in upstream.methods:
        allowed = {"allow": ", ".join(sorted(upstream.methods))}
        return problem(405, f"{request.method} is not possible here", allowed)
    try:
        target = safe_path(path)
    except Refused as error:
        return problem(404, f"no such address: {error}")
    if not upstream.allows(path):
        return problem(404, "no such address")
    headers = request_headers(request, path, upstream)
    content: AsyncIterator[bytes] | bytes | None
    if upstream.streams(request.method):
        content = request.stream()
        headers += [("content-length", length)] if (length := request.headers.get("content-length")) else []
    else:
        body = await read_body(request, upstream.most)
        if body is None:
            return problem(413, f"the request is larger than {upstream.most} bytes")
        content = body or None

    return client.build_request(
        request.method,
        f"{upstream.address}/{target}" + (f"?{request.url.query}" if request.url.query else ""),
        headers=headers,
        content=content,
        timeout=httpx.Timeout(5.0, connect=3.0, read=upstream.patience),
    )


async def read_body(request: Request, most: int) -> bytes | None:
    """The body, or None where it is larger than that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)


def request_headers(request: Request, path: str, upstream: Upstream) -> list[tuple[str, str]]:
    """The headers that are passed on, and no compression: what arrives is written on as it is."""
    wanted = REQUEST_HEADERS | (CREDENTIAL_REQUEST_HEADERS if upstream.credentials else frozenset())
    wanted |= TUS_REQUEST_HEADERS if upstream.resumable else frozenset()
    own = upstream.headers(path)
    wanted -= {name.lower() for name in own}
    kept = [
        (name, cookies.others(value) if name == "cookie" else value)
        for name, value in request.headers.items()
        if name in wanted
    ]
    asks = [("x-forwarded-for", request.client.host)] if upstream.told_who_asks and request.client else []
    return [*kept, *own.items(), *asks, ("accept-encoding", "identity")]


def response_headers(answer: httpx.Response, upstream: Upstream) -> list[tuple[str, str]]:
    """The headers of the answer as the browser is to see them."""
    wanted = RESPONSE_HEADERS | (CREDENTIAL_RESPONSE_HEADERS if upstream.credentials else frozenset())
    wanted |= TUS_RESPONSE_HEADERS if upstream.resumable else frozenset()
    kept = [(name.lower(), value) for name, value in answer.headers.multi_items() if name.lower() in wanted]
    location, inside = answer.headers.get("location", ""), urlsplit(upstream.address).path
    if location.startswith(f"{inside}/") and not location.startswith("//"):
        kept.append(("location", upstream.prefix + location.removeprefix(inside)))
    elif upstream.leads_on and location.startswith(("http://", "https://")):
        kept.append(("location", location))
    # MediaMTX answers a wrong password without a challenge, and a browser then never asks again.
    if upstream.credentials and answer.status_code == 401 and "www-authenticate" not in answer.headers:
        kept.append(("www-authenticate", f'Basic realm="{upstream.realm}"'))
    return kept


def is_brief(answer: httpx.Response) -> bool:
    """Whether an answer says that it is small."""
    length = answer.headers.get("content-length", "")
    return answer.status_code in (204, 304) or (length.isdigit() and int(length) <= MAX_BRIEF)


async def whole(answer: httpx.Response, upstream: Upstream) -> Response:
    """An answer that is small, taken whole before any of it is written on."""
    try:
        content = b"".join([chunk async for chunk in answer.aiter_raw()])
    finally:
        await answer.aclose()
    return with_headers(Response(content, answer.status_code), response_headers(answer, upstream))


def stream_back(answer: httpx.Response, upstream: Upstream) -> Response:
    """The answer, written on chunk by chunk as it arrives."""
    headers = response_headers(answer, upstream)
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        headers.append(("x-accel-buffering", "no"))
        # Ends by itself when this service is told to stop, where a plain stream would hold it back.
        return with_headers(
            EventSourceResponse(answer.aiter_raw(), status_code=answer.status_code, ping=0), headers
        )
    return with_headers(StreamingResponse(answer.aiter_raw(), status_code=answer.status_code), headers)


def with_headers(response: Response, headers: list[tuple[str, str]]) -> Response:
    """The response with those headers and no others."""
    response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return response


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error as our services tell it."""
    return JSONResponse({"detail": detail}, status, headers)
