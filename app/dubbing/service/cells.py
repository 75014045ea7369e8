"""The cells that streams are spread over: where a new one goes, and what each cell tells of itself.

A cell is a media server and a dubber of its own. The others' dubbers are asked each time: whoever answers is
there, and nobody has to keep a list of streams that could be wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import httpx
import structlog
from pydantic import BaseModel, Field, ValidationError

from app.access.gate import authorization
from app.access.store import AccessError
from app.dubbing.service import paths
from app.service import hide_credentials
from app.settings import Settings

ANSWERS_WITHIN = 1.5
PROMISED = 60.0
"""Seconds for which a stream is awaited at the cell that was named for it."""
STREAM = "{stream}"

log = structlog.get_logger(__name__)


class Cell(BaseModel):
    """What a cell tells of itself.

    `publish` has its addresses by protocol, with `{stream}` for a stream's name; `takes` is whether its media
    server answers. `streams` are those that are published to it, or were within the last minute; of these
    `ready` has those that are published now. `dubs` are those that run.
    """

    name: str
    takes: bool
    publish: dict[str, str]
    streams: list[str]
    ready: list[str]
    dubs: int = Field(ge=0)


class Ingest(BaseModel):
    """Where a stream is to be published: the cell, and its addresses by protocol, without credentials."""

    stream: str
    cell: str
    publish: dict[str, str]


class NoCell(RuntimeError):
    """No cell takes streams now."""


def publish_addresses(settings: Settings) -> dict[str, str]:
    """Where this cell takes streams in; beside an edge encrypted ones first."""
    found = settings.domain or settings.media_public_host or settings.local_host
    host = f"[{found}]" if ":" in found else found
    path = paths.live_path(STREAM)
    plain = {
        "rtmp": f"rtmp://{host}:{settings.media_rtmp_port}/{path}",
        "rtsp": f"rtsp://{host}:{settings.media_rtsp_port}/{path}",
        "srt": f"srt://{host}:{settings.media_srt_port}?streamid=publish:{path}",
    }
    if not settings.domain:
        return {**plain, "whip": f"http://{host}:{settings.media_webrtc_port}/{path}/whip"}
    port = "" if settings.edge_https_port == 443 else f":{settings.edge_https_port}"
    return {
        "rtmps": f"rtmps://{host}:{settings.media_rtmps_port}/{path}",
        "rtsps": f"rtsps://{host}:{settings.media_rtsps_port}/{path}",
        "whip": f"https://{host}{port}/{path}/whip",
        **plain,
    }


def place(stream: str, cells: Mapping[str, Cell], promised: Mapping[str, str], dubs_each: int) -> str | None:
    """Which of the cells, by address, a stream goes to; None where none takes streams.

    The one that has it, or has had it until a moment ago, or was named for it (`promised`, by stream); else
    the one with the fewest dubs, those counted that promised streams will have.
    """
    open_ones = {address: cell for address, cell in cells.items() if cell.takes}
    ready = [address for address, cell in open_ones.items() if stream in cell.ready]
    if had := ready or [address for address, cell in open_ones.items() if stream in cell.streams]:
        return had[0]
    if promised.get(stream) in open_ones:
        return promised[stream]

    def load(address: str) -> tuple[int, int]:
        cell = open_ones[address]
        awaited = [each for each, there in promised.items() if there == address and each not in cell.streams]
        return cell.dubs + dubs_each * len(awaited), len(cell.streams) + len(awaited)

    return min(open_ones, key=load, default=None)


class Directory:
    """Asks the cells, this one by `own` and the others (CELLS) over HTTP, and remembers whom it has named."""

    def __init__(
        self, settings: Settings, own: Callable[[], Awaitable[Cell]], client: httpx.AsyncClient
    ) -> None:
        self._settings = settings
        self._own = own
        self._client = client
        self._promised: dict[str, tuple[str, float]] = {}
        self._silent: set[str] = set()

    async def find(self, stream: str) -> Ingest:
        """Where the stream is to be published now. Raises NoCell."""
        others = self._settings.cells
        own, answers = await asyncio.gather(
            self._own(), asyncio.gather(*(self._ask(each) for each in others))
        )
        found = dict(zip(others, answers, strict=True))
        cells = {"": own} | {address: cell for address, cell in found.items() if cell is not None}
        chosen = place(stream, cells, self._awaited(), max(1, len(self._settings.target_languages)))
        if chosen is None:
            count = f"{len(cells)} of {len(others) + 1}"
            raise NoCell(f"no cell takes streams now: {count} cells answer, and their media servers don't")
        self._promised[stream] = (chosen, time.monotonic() + PROMISED)
        cell = cells[chosen]
        publish = {kind: address.replace(STREAM, stream) for kind, address in cell.publish.items()}
        return Ingest(stream=stream, cell=cell.name, publish=publish)

    def _awaited(self) -> dict[str, str]:
        now = time.monotonic()
        self._promised = {name: each for name, each in self._promised.items() if each[1] > now}
        return {name: address for name, (address, _) in self._promised.items()}

    async def _ask(self, address: str) -> Cell | None:
        """What the cell tells of itself; None where it does not answer in time, or not as a cell does."""
        try:
            answer = await self._client.get(
                f"{address}/cell", headers=authorization(self._settings), timeout=ANSWERS_WITHIN
            )
            answer.raise_for_status()
            cell = Cell.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError, AccessError) as problem:
            if address not in self._silent:
                said = "not as a cell does" if isinstance(problem, ValidationError) else str(problem)
                log.warning(
                    "a cell is passed over", cell=hide_credentials(address), problem=hide_credentials(said)
                )
            self._silent.add(address)
            return None
        self._silent.discard(address)
        return cell


def name_of(publish: Mapping[str, str]) -> str:
    """What a cell is called: the host that streams are published to."""
    return httpx.URL(publish["rtmp"].partition("{")[0]).host


def told(publish: Mapping[str, str], streams: Sequence[tuple[str, bool]], dubs: int, *, takes: bool) -> Cell:
    """What this cell tells of itself; `streams` are their names, and whether each is published now."""
    return Cell(
        name=name_of(publish),
        takes=takes,
        publish=dict(publish),
        streams=[name for name, _ in streams],
        ready=[name for name, ready in streams if ready],
        dubs=dubs,
    )
