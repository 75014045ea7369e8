"""`python -m app run`: checks everything, then runs the services until it is asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from app.catalog import Service, has_edge
from app.native import checks
from app.native.edge import make_stand_in
from app.native.output import Lines, table_of_addresses
from app.native.plan import addresses, everything, launches, names_of, spared
from app.native.problem import told
from app.native.state import AlreadyRunning, RunFolder
from app.native.supervisor import Supervisor
from app.render import media
from app.settings import Settings

BAD_START = 2


def run(asked: tuple[Service, ...], settings: Settings) -> int:
    """Runs the services that somebody asked for, or everything that this machine lets start.

    The exit status: 0 after a clean stop, 1 a service can't start, 2 a failed check.
    """
    folder = RunFolder(settings)
    try:
        folder.hold()
    except (AlreadyRunning, OSError) as problem:
        print(problem, file=sys.stderr)
        return BAD_START
    try:
        services, left_out = (asked, []) if asked else checks.that_fit(everything(), settings)
        problems = [*checks.before_start(services, settings), *left_out]
        if fatal := [problem for problem in problems if problem.fatal]:
            print(f"Nothing was started:\n{told(fatal)}", file=sys.stderr)
        if minor := [problem for problem in problems if not problem.fatal]:
            print(f"Worth knowing:\n{told(minor)}", file=sys.stderr)
        return BAD_START if fatal else asyncio.run(_run(services, settings, folder, spare=not asked))
    finally:
        folder.release()


async def _run(services: tuple[Service, ...], settings: Settings, folder: RunFolder, *, spare: bool) -> int:
    lines = Lines((service.name for service in services), settings.log_format)
    lines.say(f"starting {names_of(services)}")
    if has_edge(services):
        make_stand_in(Path(media.certificate(settings)))
    config = folder.write_private("mediamtx.yml", media.render(settings, behind_edge=has_edge(services)))
    binary = media.find_binary() if any(each.name == "media" for each in services) else media.cached_binary()
    planned = launches(services, settings, binary, config)
    supervisor = Supervisor(spared(planned, settings) if spare else planned, lines, folder)
    ready = asyncio.Event()
    table = asyncio.create_task(_show_table(ready, lines, supervisor, settings))
    try:
        return await supervisor.run(ready)
    finally:
        table.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await table
        lines.close()


async def _show_table(ready: asyncio.Event, lines: Lines, supervisor: Supervisor, settings: Settings) -> None:
    await ready.wait()
    if settings.log_format == "plain":
        lines.show(table_of_addresses(addresses(supervisor.services, settings), lines.coloured))
