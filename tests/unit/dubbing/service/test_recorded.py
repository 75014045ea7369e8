"""Recorded phrases on disk and over HTTP: whole or not at all, bounded, one archive (DUB-13)."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import time
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.dubbing.messages import Sounds
from app.dubbing.service import recorded_api, views
from app.dubbing.service.recorded import Recorded, key
from app.service import Check
from tests.unit.dubbing.service.stand_in_runner import World
from tests.unit.dubbing.service.stand_in_worker import phrase

NOW = time.time()
SOUNDS = Sounds(b"what was said", b"what is heard")


def record(id: int, age: float = 0.0, stream: str = "news", language: str = "es") -> views.Phrase:
    """A phrase that was heard so many seconds ago."""
    made = views.Phrase(
        stream=stream,
        language=language,
        id=id,
        start=1.0,
        end=2.0,
        shown_at=NOW - age,
        hidden_at=NOW - age + 1,
        source="good evening",
        target="buenas noches",
        outcome="in_time",
        reason="",
        lateness=0.0,
        speed=1.0,
        stages={"recognise": 0.4, "translate": 0.1},
    )
    return made.model_copy(update={"recorded": key(made)})


def keep(recorded: Recorded, *records: views.Phrase, sounds: Sounds = SOUNDS) -> list[bool]:
    async def go() -> list[bool]:
        return [await recorded.keep(each, sounds) for each in records]

    return asyncio.run(go())


def client(recorded: Recorded) -> TestClient:
    app = FastAPI()
    app.include_router(recorded_api.router(recorded))
    return TestClient(app)


def test_a_phrase_is_kept_for_its_own_user_alone_and_given_back(tmp_path: Path) -> None:
    recorded, kept = Recorded(tmp_path / "phrases", 10, 7), record(3)
    assert keep(recorded, kept) == [True]
    for path in (tmp_path / "phrases").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    http = client(recorded)
    assert http.get("/recorded/news/es").json() == {"phrases": [kept.model_dump()]}
    original = http.get(f"/recorded/news/es/{kept.recorded}/original.flac")
    assert (original.content, original.headers["content-type"]) == (SOUNDS.original, "audio/flac")
    assert http.get(f"/recorded/news/es/{kept.recorded}/dub.flac").content == SOUNDS.dub
    [dub] = http.get("/recorded").json()["dubs"]
    assert (dub["stream"], dub["language"], dub["phrases"]) == ("news", "es", 1)


def test_the_archive_has_every_record_with_its_sounds(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, 10, 7)
    keep(recorded, record(1, 20), record(3, 5), record(9, language="fr"))
    keep(recorded, record(2, 10), sounds=Sounds(b"only said", b""))
    answer = client(recorded).get("/recorded/news/es/phrases.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="news-es-phrases.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        lines = [json.loads(line) for line in archive.read("phrases.jsonl").splitlines()]
        assert [line["id"] for line in lines] == [1, 2, 3]
        assert lines[0]["stages"] == {"recognise": 0.4, "translate": 0.1}
        assert archive.read(lines[1]["original"]) == b"only said"
        assert lines[1]["dub"] == ""
        assert archive.read(lines[2]["dub"]) == SOUNDS.dub
        assert len(archive.namelist()) == 1 + 5


def test_an_archive_is_never_whole_in_memory(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, 100, 7)
    keep(recorded, *(record(id) for id in range(40)), sounds=Sounds(bytes(1 << 20), b""))
    tracemalloc.start()
    try:
        written = sum(map(len, recorded.archive("news", "es")))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert written > 40 << 20
    assert most < 8 << 20


def test_the_oldest_go_where_there_is_too_much(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, 1, 7)
    half_a_dozenth = Sounds(bytes(100_000), bytes(70_000))
    keep(recorded, *(record(id, 100 - id) for id in range(20)), sounds=half_a_dozenth)
    left = [each["id"] for each in client(recorded).get("/recorded/news/es").json()["phrases"]]
    assert left == list(range(20 - len(left), 20))
    assert 5 <= len(left) <= 6
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.*") if path.is_file()) <= 1 << 20


def test_what_is_too_old_goes_and_what_lies_there_from_before_counts(tmp_path: Path) -> None:
    keep(Recorded(tmp_path, 10, 7), record(1, 3 * 86400), record(2, 86400))
    recorded = Recorded(tmp_path, 10, 2)
    recorded.trim()
    assert [each["id"] for each in client(recorded).get("/recorded/news/es").json()["phrases"]] == [2]


def test_half_a_phrase_is_never_seen_and_is_swept_away(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "phrases", 10, 7)
    half = record(2)
    # What a dubber that is killed while it writes leaves behind.
    new = tmp_path / "phrases" / "news" / "es" / f".new-{half.recorded}"
    new.mkdir(parents=True)
    (new / "original.flac").write_bytes(b"half")
    http = client(recorded)
    assert http.get("/recorded").json() == {"dubs": []}
    assert http.get(f"/recorded/news/es/{half.recorded}/original.flac").status_code == 404
    assert http.get("/recorded/news/es/phrases.zip").status_code == 404
    recorded.trim()
    assert new.exists()
    os.utime(new, (NOW - 3600, NOW - 3600))
    recorded.trim()
    assert not new.exists()


def test_a_folder_that_cannot_be_written_is_told_and_the_dub_goes_on(tmp_path: Path) -> None:
    (tmp_path / "phrases").write_text("a file where the folder should be")
    recorded = Recorded(tmp_path / "phrases", 10, 7)
    assert asyncio.run(recorded.check()) is None
    assert keep(recorded, record(1)) == [False]
    check = asyncio.run(recorded.check())
    assert isinstance(check, Check)
    assert not check.ok
    assert str(tmp_path / "phrases") in check.detail
    recorded.trim()
    (tmp_path / "phrases").unlink()
    assert keep(recorded, record(2)) == [True]
    assert asyncio.run(recorded.check()) is None


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2fetc/es",
        "news/%2e%2e",
        "news/es/..%2f..%2fsecret/original.flac",
        "news/es/1234567890123-1%2f../original.flac",
        "news/es/1234567890123-1/record.json",
        "news/es/1234567890123-1/record.flac",
        "news/es/1234567890123-1%0a/original.flac",
        ".hidden/es",
        "news/ES/phrases.zip",
    ],
)
def test_no_name_of_a_client_s_own_making_reaches_the_disk(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "original.flac").write_bytes(b"secret")
    recorded = Recorded(tmp_path / "phrases", 10, 7)
    keep(recorded, record(1))
    answer = client(recorded).get(f"/recorded/{path}")
    assert answer.status_code in (404, 422)
    assert "secret" not in answer.text.replace(path, "").replace("/secret", "")


def test_a_phrase_is_told_once_its_sounds_are_there(tmp_path: Path) -> None:
    async def go() -> None:
        recorded = Recorded(tmp_path, 10, 7)
        world = World(recorded)
        world.see("news")
        with world.hub.listen(lambda news: news.kind == "phrase") as listener:
            world.runner("es").told(replace(phrase(1), sounds=SOUNDS))
            world.runner("es").told(phrase(2))
            async with asyncio.timeout(10):
                told = [(await listener.next()).document for _ in range(2)]
        kept = {each.id: each.recorded for each in told if isinstance(each, views.Phrase)}
        assert kept[2] == ""
        assert recorded.sound("news", "es", kept[1], "dub.flac") == SOUNDS.dub
        assert [each.recorded for each in world.streams.dub("news", "es").phrases] == [kept[1], ""]

    asyncio.run(go())
