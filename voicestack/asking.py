"""What the clients share: requests as data, who sends them, and what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Self, TypeVar

import httpx
from pydantic import BaseModel
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)
WITHIN = 60.0
"""Seconds that a request may take."""


class Problem(Exception):
    """A service can't be reached, or refuses. `status` is its HTTP status, 0 where there is none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Ask(Generic[T]):
    """A request, and how its answer is read."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    options: Mapping[str, Any] = field(default_factory=dict)


def model(kind: type[Model]) -> Callable[[httpx.Response], Model]:
    """Reads an answer as that model."""
    return lambda answer: kind.model_validate_json(answer.content)


def nothing(_: httpx.Response) -> None:
    """There is nothing to read."""


def authorization(key: str) -> dict[str, str]:
    """The header with a key; none without."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer. Raises Problem where it is a refusal."""
    if answer.is_success:
        return answer
    try:
        told = answer.json().get("detail", answer.text)
    except (ValueError, AttributeError):
        told = answer.text
    raise Problem(f"{answer.status_code}: {told}", answer.status_code)


class Http:
    """Asks one service, at `URL` where no address is given. A context manager that closes its connections."""

    URL: ClassVar[str]

    def __init__(self, url: str = "", *, key: str = "") -> None:
        self._key = key
        self._url = (url or self.URL).rstrip("/")
        self._http = httpx.Client(base_url=self._url, headers=authorization(key), timeout=WITHIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _do(self, ask: Ask[T]) -> T:
        try:
            answer = self._http.request(ask.method, ask.path, **ask.options)
        except httpx.HTTPError as error:
            raise Problem(f"{self._url} can't be reached: {error}") from error
        return ask.read(checked(answer))


class AsyncHttp:
    """The same for asyncio."""

    URL: ClassVar[str]

    def __init__(self, url: str = "", *, key: str = "") -> None:
        self._key = key
        self._url = (url or self.URL).rstrip("/")
        self._http = httpx.AsyncClient(base_url=self._url, headers=authorization(key), timeout=WITHIN)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _do(self, ask: Ask[T]) -> T:
        try:
            answer = await self._http.request(ask.method, ask.path, **ask.options)
        except httpx.HTTPError as error:
            raise Problem(f"{self._url} can't be reached: {error}") from error
        return ask.read(checked(answer))


@contextmanager
def told(address: str) -> Iterator[None]:
    """What goes wrong with a WebSocket becomes a Problem."""
    try:
        yield
    except (OSError, WebSocketException) as error:
        raise _problem(address, error) from error


def _problem(address: str, error: Exception) -> Problem:
    if isinstance(error, InvalidStatus):
        return Problem(f"{address} refuses: {error}", error.response.status_code)
    if isinstance(error, ConnectionClosed) and error.rcvd is not None:
        return Problem(f"{address} has closed: {error.rcvd.reason or error.rcvd.code}")
    return Problem(f"{address}: {error}")
