"""The showings that players read: their playlists and pieces, from memory where many ask for the same."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from app.dubbing import showing
from app.dubbing.service import playlists
from app.dubbing.service.playlists import Pathway
from app.dubbing.showing import Index

LOOK_EVERY = 0.1
"""Seconds for which the newest showing counts as looked up, and its index as read."""
MOST_IN_MEMORY = 64 << 20
"""Bytes of pieces."""


class Shelf:
    """The showings that are read, and their playlists, each drawn once."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self.clock = clock
        self._newest: dict[str, tuple[float, list[Path]]] = {}
        self._indexes: dict[Path, Index] = {}
        self._read: dict[Path, float] = {}
        self._drawn: dict[tuple[Path, str, tuple[Pathway, ...]], tuple[int, bool, str]] = {}
        self._pieces: OrderedDict[Path, bytes] = OrderedDict()
        self._bytes = 0

    def find(self, name: str) -> Index | None:
        """The showing of that name, which is a stream's newest where it tells no time."""
        if "@" in name:
            folder = self._root / name
            folders = [folder] if folder.is_dir() else []
        else:
            folders = self._found(name)
        for folder in folders:
            index = self._indexes.setdefault(folder, Index(folder))
            if self.clock() > self._read.get(folder, -LOOK_EVERY) + LOOK_EVERY:
                index.refresh()
                self._read[folder] = self.clock()
            return index
        return None

    def _found(self, name: str) -> list[Path]:
        """The stream's newest showing, as it was a moment ago."""
        looked, folders = self._newest.get(name, (0.0, []))
        if not folders or self.clock() > looked + LOOK_EVERY:
            folders = showing.showings(self._root, name)[-1:]
            if folders:
                self._newest[name] = self.clock(), folders
        return folders

    def playlist(self, index: Index, file: str, pathways: tuple[Pathway, ...] = playlists.HERE) -> str | None:
        """A playlist of a showing that has segments; None where it has none of that name."""
        key, last = (index.folder, file, pathways), index.segments[-1].number
        known = self._drawn.get(key)
        if known is None or known[:2] != (last, index.ended):
            drawn = playlists.playlist(file, index.segments, ended=index.ended, pathways=pathways)
            if drawn is None:
                return None
            known = self._drawn[key] = last, index.ended, drawn
        return known[2]

    def in_memory(self, file: Path) -> bytes | None:
        """A piece that somebody asked for before."""
        known = self._pieces.get(file)
        if known is not None:
            self._pieces.move_to_end(file)
        return known

    async def piece(self, file: Path) -> bytes:
        """A piece, from memory where many ask for the same. Raises FileNotFoundError."""
        if (known := self.in_memory(file)) is not None:
            return known
        data = await asyncio.to_thread(file.read_bytes)
        if file not in self._pieces:
            self._pieces[file] = data
            self._bytes += len(data)
        while self._bytes > MOST_IN_MEMORY:
            self._bytes -= len(self._pieces.popitem(last=False)[1])
        return data

    def tidy(self) -> None:
        """Forgets showings that are there no more."""
        there = set(showing.showings(self._root))
        self._indexes = {folder: index for folder, index in self._indexes.items() if folder in there}
        self._read.clear()
        self._newest.clear()
        self._drawn = {key: drawn for key, drawn in self._drawn.items() if key[0] in there}
