"""The cells that streams are spread over: where a new one goes, and what each cell tells of itself.

A cell is a media server and a dubber of its own. The others' dubbers are asked each time: whoever answers is
there, and nobody has to keep a list of streams that could be wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated

import httpx
import structlog
from pydantic import BaseModel, Field, ValidationError

from app.access.gate import authorization
from app.access.links import Links
from app.access.store import AccessError
from app.dubbing.service import paths, views
from app.dubbing.service.fresh import Fresh
from app.lasting import regularly
from app.service import hide_credentials
from app.settings import Settings

ANSWERS_WITHIN = 1.5
PROMISED = 60.0
"""Seconds for which a stream is awaited at the cell that was named for it."""
ASKED_EVERY = 5.0
"""Seconds after which a cell hears at the latest that links were ended at another one."""
KNOWN_FOR = 1.0
"""Seconds for which viewers and consoles are told what was found out before."""
STREAM = "{stream}"

# It becomes a link in a page and where viewers are sent: an origin, and nothing else.
Address = Annotated[str, Field(pattern=r"^(https?://[A-Za-z0-9.:\[\]_-]+)?$")]

log = structlog.get_logger(__name__)


class Cell(BaseModel):
    """What a cell tells of itself.

    `publish` has its addresses by protocol, with `{stream}` for a stream's name; `takes` is whether its media
    server answers. `streams` are those that are published to it, or were within the last minute; of these
    `ready` has those that are published now, and `shown` tells more. `dubs` are those that run. `console` is
    where people find its console, `watch` what viewers have all/<name> below. `links_ended` is when links
    were ended last, as a Unix time in milliseconds.
    """

    name: str
    takes: bool
    publish: dict[str, str]
    streams: list[str]
    ready: list[str]
    dubs: int = Field(ge=0)
    console: Address = ""
    watch: Address = ""
    shown: list[views.Brief] = []
    links_ended: int = Field(0, ge=0, lt=1 << 53)


class Seen(BaseModel):
    """A cell as people are told of it; `own`: it is the one that was asked.

    One that does not answer has the name by which it was last known, and no streams.
    """

    name: str
    console: str
    watch: str
    own: bool
    answers: bool
    dubs: int = 0
    streams: list[views.Brief] = []


class Cells(BaseModel):
    """All of them, the one that was asked first."""

    cells: list[Seen]


class Ingest(BaseModel):
    """Where a stream is to be published: the cell, and its addresses by protocol, without credentials."""

    stream: str
    cell: str
    publish: dict[str, str]


class NoCell(RuntimeError):
    """No cell takes streams now."""


def publish_addresses(settings: Settings) -> dict[str, str]:
    """Where this cell takes streams in; beside an edge encrypted ones first."""
    host = public_host(settings)
    path = paths.live_path(STREAM)
    plain = {
        "rtmp": f"rtmp://{host}:{settings.media_rtmp_port}/{path}",
        "rtsp": f"rtsp://{host}:{settings.media_rtsp_port}/{path}",
        "srt": f"srt://{host}:{settings.media_srt_port}?streamid=publish:{path}",
    }
    if not settings.domain:
        return {**plain, "whip": f"http://{host}:{settings.media_webrtc_port}/{path}/whip"}
    return {
        "rtmps": f"rtmps://{host}:{settings.media_rtmps_port}/{path}",
        "rtsps": f"rtsps://{host}:{settings.media_rtsps_port}/{path}",
        "whip": f"{seen_at(settings, 0)}/{path}/whip",
        **plain,
    }


def public_host(settings: Settings) -> str:
    """The host at which the world reaches this cell, as it stands in an address."""
    found = settings.domain or settings.media_public_host or settings.local_host
    return f"[{found}]" if ":" in found else found


def seen_at(settings: Settings, port: int) -> str:
    """Where people find what listens on that port: beside an edge it is behind that."""
    host, number = public_host(settings), settings.edge_https_port
    if not settings.domain:
        return f"http://{host}:{port}"
    return f"https://{host}" if number == 443 else f"https://{host}:{number}"


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
    """Asks the cells, this one by `own` and the others (CELLS) over HTTP, and remembers whom it has named.

    When links were ended at another cell they are ended here, too, where cells have them in common.
    """

    def __init__(
        self,
        settings: Settings,
        own: Callable[[], Awaitable[Cell]],
        client: httpx.AsyncClient,
        links: Links,
    ) -> None:
        self._settings = settings
        self._own = own
        self._client = client
        self._links = links
        self._promised: dict[str, tuple[str, float]] = {}
        self._silent: set[str] = set()
        self._known: dict[str, Cell] = {}
        self._others = Fresh(self._ask_others, KNOWN_FOR)
        self._all = Fresh(self._look, KNOWN_FOR)

    async def run(self) -> None:
        """Asks the others now and again, until cancelled."""
        await regularly(self._others.get, ASKED_EVERY, needed=bool(self._settings.cells))

    async def find(self, stream: str) -> Ingest:
        """Where the stream is to be published now. Raises NoCell."""
        own, found = await asyncio.gather(self._own(), self._ask_others())
        cells = {"": own} | {address: cell for address, cell in found.items() if cell is not None}
        chosen = place(stream, cells, self._awaited(), max(1, len(self._settings.target_languages)))
        if chosen is None:
            count = f"{len(cells)} of {len(found) + 1}"
            raise NoCell(f"no cell takes streams now: {count} cells answer, and their media servers don't")
        self._promised[stream] = (chosen, time.monotonic() + PROMISED)
        cell = cells[chosen]
        publish = {kind: address.replace(STREAM, stream) for kind, address in cell.publish.items()}
        return Ingest(stream=stream, cell=cell.name, publish=publish)

    async def all(self) -> Cells:
        """What is known of every cell, KNOWN_FOR seconds old at most."""
        return await self._all.get()

    async def having(self, stream: str) -> Cell | None:
        """The other cell to which the stream is published, as it was KNOWN_FOR seconds ago at most."""
        if not self._settings.cells:
            return None
        found = await self._others.get()
        return next((cell for cell in found.values() if cell is not None and stream in cell.ready), None)

    async def _look(self) -> Cells:
        own, found = await asyncio.gather(self._own(), self._others.get())
        others = [self._seen(address, cell) for address, cell in found.items()]
        return Cells(cells=[seen(own, own=True), *others])

    def _seen(self, address: str, cell: Cell | None) -> Seen:
        if cell is not None:
            return seen(cell)
        known = self._known.get(address)
        if known is not None:
            return silent(known)
        return Seen(name=httpx.URL(address).host, console="", watch="", own=False, answers=False)

    async def _ask_others(self) -> dict[str, Cell | None]:
        """What the other cells tell of themselves, by address, all asked at once."""
        others = self._settings.cells
        return dict(zip(others, await asyncio.gather(*(self._ask(each) for each in others)), strict=True))

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
            if self._links.shared:
                self._links.hear(cell.links_ended)
        except (httpx.HTTPError, ValidationError, AccessError) as problem:
            if address not in self._silent:
                said = "not as a cell does" if isinstance(problem, ValidationError) else str(problem)
                log.warning(
                    "a cell is passed over", cell=hide_credentials(address), problem=hide_credentials(said)
                )
            self._silent.add(address)
            return None
        self._silent.discard(address)
        self._known[address] = cell
        return cell


def name_of(publish: Mapping[str, str]) -> str:
    """What a cell is called: the host that streams are published to."""
    return httpx.URL(publish["rtmp"].partition("{")[0]).host


def told(
    settings: Settings, streams: Sequence[views.Brief], dubs: int, *, takes: bool, links_ended: int = 0
) -> Cell:
    """What this cell tells of itself, with its streams."""
    publish = publish_addresses(settings)
    return Cell(
        name=name_of(publish),
        takes=takes,
        publish=publish,
        streams=[each.name for each in streams],
        ready=[each.name for each in streams if each.ready],
        dubs=dubs,
        console=seen_at(settings, settings.web_port),
        watch=seen_at(settings, settings.dubber_port),
        shown=list(streams),
        links_ended=links_ended,
    )


def seen(cell: Cell, *, own: bool = False) -> Seen:
    """A cell that has answered, as people are told of it."""
    found = silent(cell)
    return found.model_copy(update={"own": own, "answers": True, "dubs": cell.dubs, "streams": cell.shown})


def silent(cell: Cell) -> Seen:
    """A cell that does not answer any more, by what it told last."""
    return Seen(name=cell.name, console=cell.console, watch=cell.watch, own=False, answers=False)
