"""How quickly the archive lists and searches 100,000 phrases: `python -m tests.bench.archive`.

PostgreSQL and api run as in `make run`; the phrases are written by SQL. Printed, nothing is asserted.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg

from app.archive import database
from app.archive.languages import dictionary
from tests.stack import ROOT, Stack

TRANSCRIPTS = 400
SEGMENTS = 250
"""Of each: a hundred thousand in all, 83 hours at 3 s each."""
REQUESTS = 200
OWNER = "everyone"
SEED = 12
LANGUAGES = ("en", "en", "en", "de", "es", "ja")
RARE = "quarzsand"
NAMES = ("Zwetschkenbaum", "Okafor", "Lüdenscheidt", "Philippa", "Ambrosius", "Schwarzenegger")


def phrases(chance: random.Random) -> Iterator[list[str]]:
    """Phrases of 8 to 16 words, as often as words are in the repository's own English news."""
    text = (ROOT / "tests" / "data" / "news-test.txt").read_text(encoding="utf-8")
    words = [word for word in text.split() if word.isalpha()]
    while True:
        yield [chance.choice(words) for _ in range(chance.randint(8, 16))]


def fill(connection: psycopg.Connection) -> None:
    """Writes the transcripts."""
    chance = random.Random(SEED)
    made = phrases(chance)
    known = [(uuid.UUID(int=chance.getrandbits(128)), chance.choice(LANGUAGES)) for _ in range(TRANSCRIPTS)]
    with connection.cursor() as cursor:
        with cursor.copy(
            "COPY transcripts (id, owner, name, title, size, received, language, state, seconds, made_at) "
            "FROM STDIN"
        ) as rows:
            for number, (transcript, language) in enumerate(known):
                made_at = f"2026-01-01 {number // 60:02}:{number % 60:02}:00+00"
                title = " ".join(next(made)[:5])
                rows.write_row(
                    (transcript, OWNER, f"{number}.mp3", title, 9, 9, language, "done", 750.0, made_at)
                )
        columns = 'transcript_id, start, "end", speaker, words, text, dictionary'
        with cursor.copy(f"COPY segments ({columns}) FROM STDIN") as rows:
            for transcript, language in known:
                for at in range(SEGMENTS):
                    words = next(made)
                    if chance.random() < 0.0002:
                        words.append(RARE)
                    if chance.random() < 0.002:
                        words.append(chance.choice(NAMES))
                    start = at * 3.0
                    timed = [[word, start + n * 0.2, start + n * 0.2 + 0.2] for n, word in enumerate(words)]
                    rows.write_row(
                        (
                            transcript, start, start + 3.0, f"S{at % 2}", json.dumps(timed),
                            " ".join(words), dictionary(language),
                        )
                    )  # fmt: skip
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE")


def timed(ask: Callable[[], httpx.Response]) -> tuple[float, float, float, int]:
    """Median, 95th percentile and longest of the requests in ms, and bytes of the last answer."""
    took, size = [], 0
    for _ in range(REQUESTS):
        began = time.perf_counter()
        size = len(ask().raise_for_status().content)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), statistics.quantiles(took, n=20)[-1], max(took), size


async def wait(stack: Stack) -> None:
    """Returns once the tables are there."""
    await database.wait(stack.settings)


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), ("api",)) as stack:
        asyncio.run(wait(stack))
        began = time.perf_counter()
        with psycopg.connect(database.plain_address(stack.settings)) as connection:
            fill(connection)
            counted = connection.execute("SELECT count(*) FROM segments").fetchone()
            common = connection.execute(
                "SELECT word, ndoc FROM ts_stat('SELECT search FROM segments') ORDER BY ndoc DESC LIMIT 1"
            ).fetchone()
            assert counted
            assert common
            took = time.perf_counter() - began
            print(f"{counted[0]} phrases in {TRANSCRIPTS} transcripts, written in {took:.0f} s")
            plan = connection.execute(
                "EXPLAIN (COSTS OFF) SELECT id FROM segments WHERE search @@ to_tsquery('english', 'water')"
            ).fetchall()
            print("index:", " ".join(row[0].strip() for row in plan))
        http = httpx.Client(
            base_url=f"http://127.0.0.1:{stack.settings.api_port}/api/v1", trust_env=False, timeout=60.0
        )
        one = http.get("/transcripts").json()["transcripts"][0]["id"]
        asked: dict[str, tuple[str, dict[str, Any]]] = {
            "list, 50": ("/transcripts", {}),
            "list, 200": ("/transcripts", {"limit": 200}),
            "search, rare word": ("/search", {"words": RARE}),
            "search, usual word": ("/search", {"words": "government"}),
            "search, two words": ("/search", {"words": "water schools"}),
            "search, words in a row": ("/search", {"words": '"the government"'}),
            f"search, commonest ({common[0]}, in {common[1]} phrases)": ("/search", {"words": common[0]}),
            "search, nothing found": ("/search", {"words": "xyzzy"}),
            "search, a name with a slip": ("/search", {"words": "Zwetschgenbaum"}),
            "search, a name with a slip beside a usual word": (
                "/search",
                {"words": "government Zwetschgenbaum"},
            ),
            "one transcript": (f"/transcripts/{one}", {}),
            "export docx": (f"/transcripts/{one}/export", {"kind": "docx"}),
        }
        print(f"{'':<48}  median      p95      max  bytes")
        for name, (path, parameters) in asked.items():
            middle, high, longest, size = timed(partial(http.get, path, params=parameters))
            print(f"{name:<48}{middle:6.1f} ms{high:6.1f} ms{longest:6.1f} ms  {size}")


if __name__ == "__main__":
    main()
