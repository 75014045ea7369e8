"""Whatever is killed: nothing accepted is lost, nothing is done twice. (TRN-2, TRN-5)"""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psutil
import pytest
from sqlalchemy.ext.asyncio import async_sessionmaker

from app.archive import database, jobs
from app.archive.storage import storage_of
from app.archive.transcripts import Transcripts
from app.settings import Settings
from tests.integration.archive.conftest import STOP_WITHIN, Archive, Owner, speech, spread_out, text_of
from tests.stack import free_port, wait_for

WITHIN = 60.0
TIMES = 4


def at_work(archive: Archive, known: str) -> list[dict[str, Any]]:
    """Its pieces that somebody recognises."""
    return archive.rows("SELECT FROM pieces WHERE transcript_id = %s AND attempts > 0 AND NOT done", known)


def check_once(archive: Archive, found: dict[str, Any], times: int = TIMES) -> None:
    """Every sentence is there, none twice, and no piece was tried more than twice."""
    words = text_of(found).split()
    assert abs(words.count("schools") - times) <= 1, words
    assert abs(words.count("mountains") - times) <= 1, words
    segments = found["segments"]
    assert all(one["end"] <= other["start"] + 0.01 for one, other in pairwise(segments))
    pieces = archive.rows("SELECT done, attempts FROM pieces WHERE transcript_id = %s", found["id"])
    assert pieces
    assert all(each["done"] and each["attempts"] <= 2 for each in pieces), pieces


def test_a_killed_database_loses_nothing_that_was_accepted(archive: Archive, owner: Owner) -> None:
    content = speech()
    upload = owner.begun(len(content))
    assert owner.patch(upload, 0, content[:50_001]).status_code == 204
    waiting = owner.uploaded(speech(TIMES), "long.wav")
    wait_for("a piece at work", lambda: bool(at_work(archive, waiting)), 20, 0.02)
    archive.kill("db")
    wait_for("503 or an answer", lambda: owner.http.get("/transcripts").status_code in (200, 503), 5)
    archive.wait_healthy()
    assert owner.offset(upload) == 50_001
    assert owner.patch(upload, 50_001, content[50_001:]).status_code == 204
    check_once(archive, owner.done(waiting, WITHIN))
    assert "schools" in text_of(owner.done(upload, WITHIN))


@pytest.mark.thorough
def test_a_killed_keeper_of_the_database_takes_it_along(archive: Archive, owner: Owner) -> None:
    known = owner.uploaded(speech())
    psutil.Process(archive.pid("db")).kill()
    assert "schools" in text_of(owner.done(known, WITHIN))
    archive.wait_healthy()
    servers = [each for each in psutil.process_iter(["name", "cmdline"]) if each.info["name"] == "postgres"]
    ours = [each for each in servers if str(archive.settings.db_port) in (each.info["cmdline"] or [])]
    assert len(ours) == 1


@pytest.mark.thorough
def test_two_transcribers_share_a_long_file_and_one_that_is_killed_costs_its_piece_an_attempt(
    archive: Archive, owner: Owner, second_transcriber: subprocess.Popen[bytes]
) -> None:
    places = (5, 15, 25, 35, 160, 170, 180, 190, 310)
    known = owner.uploaded(spread_out(340, places), "long.wav")
    wait_for("two pieces at work", lambda: len(at_work(archive, known)) == 2, 30, 0.02)
    archive.kill("transcriber")
    found = owner.done(known, WITHIN)
    pieces = archive.rows(
        'SELECT start, "end", attempts, done FROM pieces WHERE transcript_id = %s ORDER BY number', known
    )
    assert len(pieces) >= 3
    assert sorted(each["attempts"] for each in pieces) == [*[1] * (len(pieces) - 1), 2]
    assert all(each["done"] for each in pieces)
    assert (pieces[0]["start"], pieces[-1]["end"]) == (0, found["seconds"])
    assert all(one["end"] == other["start"] for one, other in pairwise(pieces))
    # Each sentence is there once, where it was said.
    starts = [each["start"] for each in found["segments"] if "schools" in each["text"]]
    assert len(starts) == len(places)
    for start, place in zip(starts, places, strict=True):
        assert abs(start - place) < 1.5
    assert second_transcriber.poll() is None


@pytest.mark.thorough
def test_the_text_of_a_piece_is_there_while_it_is_recognised_and_stays_when_its_worker_is_killed(
    archive: Archive, owner: Owner
) -> None:
    places = range(2, 86, 6)
    known = owner.uploaded(spread_out(88, places), "one piece.wav")
    before = wait_for("some of its text", lambda: owner.get(known)["segments"] or None, 30, 0.02)
    archive.kill("transcriber")
    assert owner.get(known)["state"] == "working"
    assert 0 < owner.get(known)["progress"] < 1
    found = owner.done(known, WITHIN)
    assert found["segments"][: len(before)] == before
    starts = [each["start"] for each in found["segments"] if "schools" in each["text"]]
    assert len(starts) == len(places)
    for start, place in zip(starts, places, strict=True):
        assert abs(start - place) < 1.5
    (piece,) = archive.rows('SELECT attempts, heard, "end" FROM pieces WHERE transcript_id = %s', known)
    assert (piece["attempts"], piece["heard"]) == (2, piece["end"])


def test_an_upload_goes_on_where_a_killed_api_left_it(archive: Archive, owner: Owner) -> None:
    content = speech()
    upload = owner.begun(len(content))
    with owner.half_sent(upload, len(content), content[:100_000]):
        wait_for("its bytes", lambda: owner.offset(upload) > 0, 5)
        archive.kill("api")
    archive.wait_healthy(archive.settings.api_port)
    here = owner.offset(upload)
    assert 0 < here <= 100_000
    assert owner.patch(upload, here, content[here:]).status_code == 204
    assert archive.checksum(upload) == hashlib.sha256(content).hexdigest()
    assert "schools" in text_of(owner.done(upload))


def test_an_api_killed_between_the_last_byte_and_its_answer_accepts_the_file_when_it_is_asked(
    archive: Archive, owner: Owner
) -> None:
    content = speech()
    upload = owner.begun(len(content))
    assert owner.patch(upload, 0, content[:-1]).status_code == 204
    # As it lies there when api ends just then.
    with (archive.folder(upload) / "file").open("ab") as file:
        file.write(content[-1:])
    assert owner.offset(upload) == len(content)
    assert "schools" in text_of(owner.done(upload))


def test_work_whose_job_is_lost_is_done_all_the_same(archive: Archive, owner: Owner) -> None:
    known = owner.begun(len(speech()))
    assert owner.patch(known, 0, speech()[:-1]).status_code == 204
    (archive.folder(known) / "file").write_bytes(speech())
    archive.rows("UPDATE transcripts SET state = 'queued' WHERE id = %s RETURNING id", known)
    assert "schools" in text_of(owner.done(known))


def test_a_cancelled_transcript_stops_and_may_be_started_again(archive: Archive, owner: Owner) -> None:
    known = owner.uploaded(speech(TIMES), "long.wav")
    wait_for("a piece at work", lambda: bool(at_work(archive, known)), 20, 0.02)
    assert owner.post(known, "cancel").json()["state"] == "cancelled"
    assert owner.post(known, "cancel").status_code == 409
    job = "SELECT FROM procrastinate_jobs WHERE status = 'doing' AND args ->> 'transcript' = %s"
    wait_for("its work to stop", lambda: not archive.rows(job, known), 2.0)
    kept = owner.get(known)["segments"]
    assert owner.post(known, "again").json()["state"] == "queued"
    found = owner.done(known, WITHIN)
    check_once(archive, found)
    assert found["segments"][: len(kept)] == kept
    assert owner.post(known, "again").status_code == 409


async def purged(settings: Settings) -> int:
    """What api does every ten minutes."""
    pool = database.new_engine(settings)
    sessions = async_sessionmaker(pool)
    gone = Transcripts(sessions, storage_of(settings), jobs.new_app(settings))
    try:
        return await gone.purge(timedelta(days=settings.deleted_kept_days))
    finally:
        await pool.dispose()


def test_what_is_deleted_can_be_restored_until_it_is_purged(archive: Archive, owner: Owner) -> None:
    known = owner.uploaded(speech())
    owner.done(known)
    assert owner.http.delete(f"/transcripts/{known}").status_code == 204
    assert owner.http.get(f"/transcripts/{known}").status_code == 404
    assert known not in owner.http.get("/transcripts").text
    assert known not in owner.http.get("/search", params={"words": "schools"}).text
    assert owner.post(known, "restore").status_code == 200
    assert "schools" in text_of(owner.get(known))
    assert owner.http.delete(f"/transcripts/{known}").status_code == 204
    archive.rows(
        "UPDATE transcripts SET deleted_at = now() - interval '8 days' WHERE id = %s RETURNING id", known
    )
    assert asyncio.run(purged(archive.settings)) == 1
    assert not archive.folder(known).exists()
    assert owner.post(known, "restore").status_code == 404
    for table in ("pieces", "segments"):
        assert archive.rows(f"SELECT FROM {table} WHERE transcript_id = %s", known) == []


def test_what_is_unfinished_and_has_no_job_is_done_again(archive: Archive, owner: Owner) -> None:
    known = owner.uploaded(speech())
    before = text_of(owner.done(known))
    # Its pieces' files are gone, as they are after a restore, and so are its jobs.
    archive.rows("DELETE FROM segments WHERE transcript_id = %s RETURNING id", known)
    archive.rows(
        "UPDATE pieces SET done = false, heard = 0, attempts = 0 WHERE transcript_id = %s RETURNING id", known
    )
    archive.rows("UPDATE transcripts SET state = 'working' WHERE id = %s RETURNING id", known)
    assert text_of(owner.done(known, WITHIN)) == before


def test_a_transcriber_that_frees_its_model_is_well_before_it_has_loaded_it(
    archive: Archive, owner: Owner
) -> None:
    del owner  # All is well, so the other's model is loaded.
    loaded, port = archive.log.read_text(errors="replace").count("model loaded"), free_port()
    process = archive.run("serve", "transcriber", TRANSCRIBER_PORT=str(port), MODEL_TTL="300")
    try:
        archive.wait_healthy(port)
        assert archive.log.read_text(errors="replace").count("model loaded") == loaded > 0
    finally:
        process.terminate()
        process.wait(STOP_WITHIN)
