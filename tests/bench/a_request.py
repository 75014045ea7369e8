"""What one viewer's request takes of the dubber: where anybody may watch, with a password, by a link.

Real dubbers, of which one asks for a password, and a showing that has ended; on one connection that stays
open, with a browser's headers. They take turns, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.access.links import Links
from app.access.store import store_of
from tests.bench.cost import cpu_seconds
from tests.showing_a_clip import shown
from tests.stack import Stack

LOGIN = ("viewer", "word-of-the-viewer")
TURNS, A_TURN = 5, 600
PIECE = 120_000
"""Bytes: two seconds of the sample's picture."""
KINDS = {
    "master playlist": "index.m3u8",
    "playlist of the picture": "replay-picture.m3u8",
    "piece of 120 kB": "",
}
HEADERS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: */*",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Sec-Fetch-Dest: empty",
    "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Site: same-origin",
)


def table() -> str:
    """The processor time of a request, as Markdown."""
    taken: dict[tuple[str, str], float] = defaultdict(float)
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        login = {"MEDIA_READ_USER": LOGIN[0], "MEDIA_READ_PASSWORD": LOGIN[1]}
        free = ends.enter_context(a_dubber(folder / "open", {}))
        locked = ends.enter_context(a_dubber(folder / "locked", login))
        link = Links(store_of(locked.settings)).make("all/news", "read", 3600.0)
        password = base64.b64encode(":".join(LOGIN).encode()).decode()
        ways = {
            "open": (free, "", ()),
            "with a password": (locked, "", (f"Authorization: Basic {password}",)),
            "by a link": (locked, f"?{link}", ()),
        }
        for turn in range(-1, TURNS):
            for way, (stack, query, header) in ways.items():
                for kind, file in KINDS.items():
                    found = cost(stack, (file or piece_of(stack).name) + query, header)
                    taken[way, kind] += found if turn >= 0 else 0.0
    lines = [f"| | {' | '.join(ways)} |", f"|---|{'---:|' * len(ways)}"]
    for kind in KINDS:
        cells = []
        for way in ways:
            found, least = taken[way, kind], taken["open", kind]
            ratio = "" if way == "open" else f" ({found / least:.2f}×)"
            cells.append(f"{1e6 * found / TURNS / A_TURN:.0f} µs{ratio}")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


@contextmanager
def a_dubber(folder: Path, login: dict[str, str]) -> Iterator[Stack]:
    """A dubber that has a showing of a clip."""
    folder.mkdir()
    with Stack(
        folder, ("media", "dubber"), {"REPLAY_MINUTES": "5", "LOG_LEVEL": "warning", **login}
    ) as stack:
        clip = folder / "clip.mp4"
        card = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10:duration=9", "-c:v", "libx264", "-g", "10"]
        subprocess.run(["ffmpeg", "-v", "error", *card, "-pix_fmt", "yuv420p", str(clip)], check=True)
        shown(clip, stack.settings.data_dir / "joined")
        piece_of(stack).write_bytes(os.urandom(PIECE))
        yield stack


def piece_of(stack: Stack) -> Path:
    """A piece of the picture."""
    return min((stack.settings.data_dir / "joined").glob("news@*/picture-*.m4s"))


def cost(stack: Stack, file: str, header: tuple[str, ...]) -> float:
    """The dubber's processor time for a turn of requests, in seconds. Raises RuntimeError for a refusal."""
    port = stack.settings.dubber_port
    lines = (f"GET /all/news/{file} HTTP/1.1", f"Host: 127.0.0.1:{port}", *HEADERS, *header, "", "")
    asked = "\r\n".join(lines).encode()
    with socket.create_connection(("127.0.0.1", port), 10.0) as connection:
        answers = connection.makefile("rb")
        before = cpu_seconds(stack.family("dubber")[:1])
        for _ in range(A_TURN):
            connection.sendall(asked)
            first, length = answers.readline(), 0
            if b" 200 " not in first:
                raise RuntimeError(
                    f"the dubber answered {first.decode().strip()} to {file.partition('?')[0]}"
                )
            while line := answers.readline().strip().lower():
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            answers.read(length)
        return cpu_seconds(stack.family("dubber")[:1]) - before
