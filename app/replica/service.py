"""replica: all/<name> of a cell (DUBBER_URL) for many viewers, who cost that cell next to nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI, HTTPException, Path, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from app.access.links import PARAMETER, PATTERN
from app.replica.origin import Held, Origin, Unreachable
from app.service import create_app
from app.serving import guarding
from app.serving.quick import Asked, Quick
from app.serving.sharing import shared
from app.serving.trust import trusted
from app.settings import Settings

NAME, FILE = r"[A-Za-z0-9_-][A-Za-z0-9_.@-]{0,127}", r"[a-z0-9-]{1,64}\.[a-z0-9]{1,8}"
TARGET = re.compile(rf"/all/{NAME}/({PATTERN}/{FILE}|{FILE}(\?{PARAMETER}=[A-Za-z0-9._~-]{{1,512}})?)")
IN_A_PATH = re.compile(rf"/all/{NAME}/{PATTERN}/")
PASSED_ON = (PARAMETER, "_HLS_pathway")
"""Of a query nothing else goes to the cell: with anything behind it an answer would be asked for anew."""
CONNECT_WITHIN = 3.0
MOST_CONNECTIONS = 8192
"""Of viewers, each of whom has two: one processor has time for no more of them."""


def create(settings: Settings) -> FastAPI:
    """The application of replica."""
    client = httpx.AsyncClient(
        base_url=settings.dubber_address,
        headers={"accept-encoding": "identity"},
        trust_env=False,
        verify=trusted(),
        timeout=httpx.Timeout(None, connect=CONNECT_WITHIN),
    )
    origin = Origin(client, settings.cdn_secret.get_secret_value())
    given = Given(origin)
    registry = CollectorRegistry()
    registry.register(given)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    def at_once(asked: Asked) -> Response | None:
        if TARGET.fullmatch(asked.target) is None:
            return None
        by_path = IN_A_PATH.match(asked.target) is not None
        authorization = "" if by_path else asked.headers.get(b"authorization", b"").decode()
        held = origin.at_hand(asked.target, authorization)
        # Whoever is refused goes the usual way.
        if held is None or held.status != httpx.codes.OK:
            return None
        return given.response(held, shared(settings, asked.headers.get(b"origin", b"").decode()))

    app = create_app("replica", settings, lifespan=lifespan, checks={"cell": origin.check}, registry=registry)
    app.state.most_connections = MOST_CONNECTIONS
    app.state.quick = Quick("/all/", at_once, guarding.hosts(settings))

    @app.get("/all/{name}/{file}")
    @app.head("/all/{name}/{file}", include_in_schema=False)
    async def watch(
        request: Request,
        name: Annotated[str, Path(pattern=f"^{NAME}$")],
        file: Annotated[str, Path(pattern=f"^{FILE}$")],
    ) -> Response:
        """A playlist or a piece, as the cell gives it to the same viewer."""
        headers = shared(settings, request.headers.get("origin", ""))
        query = urlencode({key: value for key, value in request.query_params.items() if key in PASSED_ON})
        target = f"/all/{name}/{file}{'?' if query else ''}{query}"
        authorization = request.headers.get("authorization", "")
        if not authorization.isascii():
            raise HTTPException(400, "Authorization: takes ASCII alone", headers)
        return await asked(target, authorization, headers)

    @app.get("/all/{name}/{link}/{file}")
    @app.head("/all/{name}/{link}/{file}", include_in_schema=False)
    async def watch_by_link(
        request: Request,
        name: Annotated[str, Path(pattern=f"^{NAME}$")],
        link: Annotated[str, Path(pattern=f"^{PATTERN}$")],
        file: Annotated[str, Path(pattern=f"^{FILE}$")],
    ) -> Response:
        """The same, opened by a link in the path: the cell is asked once, however many have that link."""
        headers = shared(settings, request.headers.get("origin", ""))
        return await asked(f"/all/{name}/{link}/{file}", "", headers)

    async def asked(target: str, authorization: str, headers: dict[str, str]) -> Response:
        try:
            held = await origin.ask(target, authorization)
        except Unreachable as problem:
            raise HTTPException(502, str(problem), headers) from None
        return given.response(held, headers)

    return app


class Given(Collector):
    """Makes what viewers are given, and counts it."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self.answers = self.bytes = 0

    def response(self, held: Held, headers: dict[str, str]) -> Response:
        """An answer for one viewer."""
        self.answers += 1
        self.bytes += len(held.body)
        # RFC 9111, 5.1: whoever keeps it further is told how old it is.
        age = {"age": f"{max(0.0, self._origin.now() - held.since):.0f}"}
        return Response(held.body, held.status, headers={**held.headers, **headers, **age})

    def collect(self) -> Iterable[Metric]:
        """The figures of /metrics."""
        yield counter("replica_answers", "Answers given to viewers.", self.answers)
        yield counter("replica_bytes", "Bytes given to viewers.", self.bytes)
        yield counter("replica_asked", "Questions to the cell.", self._origin.asked)
        yield counter("replica_failed", "Questions that the cell gave no answer to.", self._origin.failed)


def counter(name: str, purpose: str, value: float) -> CounterMetricFamily:
    """A figure that only rises."""
    return CounterMetricFamily(name, purpose, value=value)
