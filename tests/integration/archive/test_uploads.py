"""Files that arrive, in whatever parts, and files that are none. (TRN-1)"""

from __future__ import annotations

import base64
import hashlib
import io
import random
import time
from collections.abc import Iterator
from functools import partial

import av
import httpx
import numpy as np
import pytest
from docx import Document

from tests.integration.archive.conftest import TUS, Archive, Owner, speech, text_of, wav
from tests.stack import wait_for


def test_a_file_becomes_text_that_is_found_and_exported(archive: Archive, owner: Owner) -> None:
    known = owner.uploaded(speech(), "../../talk.wav", title="A talk 1/2", language="en")
    found = owner.done(known)
    assert (found["title"], found["file"], found["progress"]) == ("A talk 1/2", "talk.wav", 1.0)
    assert "schools" in text_of(found)
    assert "mountains" in text_of(found)
    assert archive.checksum(known) == hashlib.sha256(speech()).hexdigest()
    assert not (archive.folder(known) / "pieces").exists()
    # Another form of the word is found too, and marked.
    told = owner.http.get("/search", params={"words": "school"}).json()
    mine = [each for each in told["phrases"] if each["transcript"] == known]
    assert [part for each in mine for part in each["parts"][1::2]] == ["schools"]
    titled = owner.http.get("/search", params={"words": "talk 1/2"}).json()["transcripts"]
    assert known in [each["id"] for each in titled]
    for kind in ("txt", "srt", "vtt", "json"):
        assert "mountains" in owner.http.get(f"/transcripts/{known}/export", params={"kind": kind}).text
    word = owner.http.get(f"/transcripts/{known}/export", params={"kind": "docx"})
    assert "mountains" in " ".join(each.text for each in Document(io.BytesIO(word.content)).paragraphs)
    outline = owner.http.get(f"/transcripts/{known}/peaks").json()
    assert abs(len(outline["peaks"]) / outline["a_second"] - found["seconds"]) < 0.1
    part = owner.http.get(f"/transcripts/{known}/sound", headers={"Range": "bytes=4-9"})
    assert (part.status_code, part.content) == (206, speech()[4:10])
    again = owner.done(owner.uploaded(speech()))
    assert again["same_as"] is not None


def further(owner: Owner, upload: str, than: int) -> bool:
    """Whether more of an upload is there than so many bytes."""
    return owner.offset(upload) > than


def test_odd_parts_and_a_line_that_breaks_give_the_very_same_file(archive: Archive, owner: Owner) -> None:
    content, chance = speech(), random.Random(7)
    upload = owner.begun(len(content))
    assert owner.offset(upload) == 0
    while (here := owner.offset(upload)) < len(content):
        size = min(chance.choice([1, 4095, 65_537, 100_003]), len(content) - here)
        if chance.random() < 0.3 and size > 10:
            # It breaks off in the middle of the part.
            with owner.half_sent(upload, size, content[here : here + size // 2]):
                wait_for("the half part", partial(further, owner, upload, here), 5)
            wait_for("its end", lambda: owner.patch(upload, 10**9, b"").status_code == 409, 5)
            continue
        answer = owner.patch(upload, here, content[here : here + size])
        assert answer.status_code == 204, answer.text
        assert int(answer.headers["upload-offset"]) == here + size
    assert owner.offset(upload) == len(content)
    assert archive.checksum(upload) == hashlib.sha256(content).hexdigest()
    assert "schools" in text_of(owner.done(upload))
    assert owner.patch(upload, len(content), b"").status_code == 409


def test_parts_come_one_at_a_time_in_order_and_no_more_than_announced(archive: Archive, owner: Owner) -> None:
    upload = owner.begun(1000)
    with owner.half_sent(upload, 500, b"RIFF"):
        wait_for("its bytes", lambda: owner.offset(upload) > 0, 5)
        time.sleep(0.2)
        assert owner.patch(upload, 0, b"x").status_code == 423
        assert owner.http.delete(f"/uploads/{upload}", headers=TUS).status_code == 423
    wait_for("its end", lambda: owner.patch(upload, 77, b"x").status_code == 409, 5)
    wrong = owner.patch(upload, 77, b"x")
    assert int(wrong.headers["upload-offset"]) == owner.offset(upload) == 4
    assert owner.patch(upload, 4, b"x" * 2000).status_code == 413
    assert owner.offset(upload) <= 1000
    assert owner.http.delete(f"/uploads/{upload}", headers=TUS).status_code == 204
    assert owner.http.head(f"/uploads/{upload}", headers=TUS).status_code == 404
    assert not archive.folder(upload).exists()


def test_what_tus_asks_for_is_asked_for(owner: Owner) -> None:
    about = owner.http.options("/uploads")
    assert (about.status_code, about.headers["tus-version"]) == (204, "1.0.0")
    assert owner.http.post("/uploads", headers={"Upload-Length": "5"}).status_code == 412
    assert owner.http.post("/uploads", headers=TUS).status_code == 400
    assert owner.begin(0).status_code == 400
    assert owner.begin(10**14).status_code == 413
    assert owner.begin(5, b"filename \xe9").status_code == 400
    upload = owner.begun(5)
    bare = owner.http.patch(f"/uploads/{upload}", content=b"x", headers=TUS | {"Upload-Offset": "0"})
    assert bare.status_code == 415


def picture() -> bytes:
    content = io.BytesIO()
    with av.open(content, "w", format="image2pipe") as file:
        stream = file.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    return content.getvalue()


def lies() -> Iterator[tuple[str, bytes]]:
    yield "text.mp3", b"This is no music at all. " * 200
    yield "empty.wav", b""
    yield "picture.mp3", picture()
    yield "page.mp4", b"<html><script>alert(1)</script></html>" * 50
    yield "playlist.mp3", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n" * 50
    yield "wide.wav", wav(np.zeros(200 * 1600, np.float32), 16_000, 200)
    yield "nine.wav", wav(np.zeros(9 * 1600, np.float32), 16_000, 9)
    yield "archive.wav", b"PK\x03\x04" + bytes(5000)
    yield "cut.wav", speech()[:20]


LIES = dict(lies())


@pytest.mark.parametrize("name", LIES)
def test_what_is_no_speech_is_refused_and_leaves_nothing_behind(
    archive: Archive, owner: Owner, name: str
) -> None:
    before = archive.folders(), archive.rows("SELECT count(*) FROM transcripts")
    answer = owner.upload(LIES[name], name)
    assert answer.status_code in (400, 415), answer.text
    assert answer.json()["detail"]
    if LIES[name]:
        upload = owner.begun(len(LIES[name]))
        assert owner.patch(upload, 0, LIES[name]).status_code in (400, 415)
        assert owner.http.head(f"/uploads/{upload}", headers=TUS).status_code == 404
    assert (archive.folders(), archive.rows("SELECT count(*) FROM transcripts")) == before


@pytest.mark.parametrize(
    "name",
    ["../../../etc/passwd", "\u202egnp.wav", "x" * 300 + ".wav", "C:\\x\\y.wav", "\x00\x01", "CON", "."],
)
def test_no_name_of_a_file_reaches_the_disk(archive: Archive, owner: Owner, name: str) -> None:
    metadata = b"filename " + base64.b64encode(name.encode())
    upload = owner.begin(5, metadata).headers["location"].rpartition("/")[2]
    assert sorted(each.name for each in archive.folder(upload).iterdir()) == ["file"]
    assert owner.http.delete(f"/uploads/{upload}", headers=TUS).status_code == 204


def test_silence_and_a_truncated_file_have_a_clear_end(owner: Owner) -> None:
    silent = owner.uploaded(wav(np.zeros(5 * 16_000, np.float32), 16_000), "silence.wav")
    truncated = owner.uploaded(speech()[: len(speech()) * 2 // 3], "truncated.wav")
    assert owner.done(silent)["segments"] == []
    assert "schools" in text_of(owner.done(truncated))


def test_how_much_waits_is_told_by_health_and_metrics(archive: Archive, owner: Owner) -> None:
    address = f"http://127.0.0.1:{archive.settings.api_port}"

    def queue() -> dict[str, float]:
        told: dict[str, float] = httpx.get(f"{address}/health", trust_env=False).json()["queue"]
        return told

    known = [owner.uploaded(speech()) for _ in range(4)]
    wait_for("a job that waits beside one at work", lambda: queue()["waiting"] > 0 < queue()["at_work"], 20)
    told = httpx.get(f"{address}/metrics", trust_env=False).text
    assert {"api_jobs_waiting", "api_jobs_at_work", "api_oldest_job_seconds", "api_uploads_arriving"} <= {
        line.split()[0] for line in told.splitlines()
    }
    for each in known:
        owner.done(each)
    assert (queue()["waiting"], queue()["oldest"]) == (0, 0.0)
