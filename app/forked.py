"""Processes from a fork server, which has imported what they need: they start in milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any


class ForkServer:
    """Starts processes, each with a pipe to it. `preload` are the modules that the fork server imports."""

    def __init__(self, preload: Sequence[str]) -> None:
        self._context: ForkServerContext = get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))
        # One thread: multiprocessing's start is not made for several at once.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="start-process")

    def warm_up(self) -> None:
        """Starts the fork server, whose imports take a second or two, before the first process is needed."""
        self._starter.submit(forkserver.ensure_running)

    async def start(
        self, main: Callable[..., None], *arguments: Any, name: str, duplex: bool = True
    ) -> tuple[ForkServerProcess, Connection]:
        """A process that runs `main` with the arguments and its end of the pipe; and our end.

        Where it isn't `duplex` the process writes alone. Raises OSError or EOFError where the fork server has
        just died.
        """
        start = partial(self._start, main, arguments, name, duplex)
        return await asyncio.get_running_loop().run_in_executor(self._starter, start)

    def _start(
        self, main: Callable[..., None], arguments: tuple[Any, ...], name: str, duplex: bool
    ) -> tuple[ForkServerProcess, Connection]:
        ours, theirs = self._context.Pipe(duplex)
        process = self._context.Process(target=main, args=(*arguments, theirs), name=name, daemon=True)
        try:
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return process, ours

    def close(self) -> None:
        """Ends the thread that starts processes."""
        self._starter.shutdown(wait=False, cancel_futures=True)
