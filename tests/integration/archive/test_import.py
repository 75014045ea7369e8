"""What an older service kept comes along: text, sound, dates; twice it is still one. (TRN-6)"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.integration.archive.conftest import Archive, Owner, speech, text_of
from tests.stack import wait_for
from tests.unit.api.old_service import TWO_TABLES, made


def run(archive: Archive, *arguments: str) -> tuple[int, str]:
    """The command with the archive's settings: its status and what it says."""
    process = subprocess.run(
        archive.command("archive", "import", *arguments),
        env=archive.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return process.returncode, process.stdout + process.stderr


def test_old_transcripts_come_along_once(archive: Archive, owner: Owner, tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    for name in ("said.wav", "silent.wav"):
        (tmp_path / "uploads" / name).write_bytes(speech())
    (tmp_path / "uploads" / "broken.wav").write_bytes(b"nothing to hear")
    day = "2024-05-06 07:08:09.000123"
    path = made(
        tmp_path / "whisper_transcriptions.db",
        TWO_TABLES,
        audio_files=[
            (1, "Said.wav", "./uploads/said.wav", 6.0, day),
            (2, "Not yet.wav", "/elsewhere/uploads/silent.wav", 6.0, day),
            (3, "Broken.wav", "uploads/broken.wav", 6.0, day),
            (4, "Gone.wav", "uploads/gone.wav", 6.0, day),
        ],
        transcriptions=[
            (1, 1, "base", "The platypus helps. It helps everyone.", "completed", "en", 6.0, day),
            (2, 2, "base", None, "pending", "en", None, day),
            (3, 3, "base", "Text alone.", "completed", "en", 6.0, day),
            (4, 4, "base", None, "failed", None, None, day),
        ],
    )
    before = owner.http.get("/transcripts", params={"tag": "imported"}).json()["transcripts"]
    assert before == []
    status, told = run(archive, str(path), "--dry-run")
    assert status == 0, told
    assert "It would be: 1 left out: neither text nor sound is there, 1 sound to be written down" in told
    assert owner.http.get("/transcripts", params={"tag": "imported"}).json()["transcripts"] == []

    status, told = run(archive, str(path))
    assert status == 0, told
    assert "Said: text and sound (words share the time of the sound" in told
    found = {
        each["title"]: each
        for each in owner.http.get("/transcripts", params={"tag": "imported"}).json()["transcripts"]
    }
    assert set(found) == {"Said", "Not yet", "Broken"}
    said = owner.get(found["Said"]["id"])
    assert (said["state"], said["language"], said["seconds"]) == ("done", "en", 6.0)
    assert said["made_at"].startswith("2024-05-06T07:08:09.000123")
    assert [each["text"] for each in said["segments"]] == ["The platypus helps.", "It helps everyone."]
    assert owner.http.get(f"/transcripts/{said['id']}/sound").content == speech()
    assert owner.http.get("/search", params={"words": "platypus"}).json()["phrases"]
    edit = {"version": 0, "segment": said["segments"][0]["id"], "what": "text", "text": "A platypus helps."}
    assert owner.post(said["id"], "edits", **edit).status_code == 200
    assert owner.http.get(f"/transcripts/{found['Broken']['id']}/sound").status_code == 404
    wait_for("the rest is written down", lambda: "schools" in text_of(owner.done(found["Not yet"]["id"])), 60)

    status, told = run(archive, str(path))
    assert status == 0, told
    assert "3 here already" in told
    assert len(owner.http.get("/transcripts", params={"tag": "imported"}).json()["transcripts"]) == 3
    assert owner.get(said["id"])["segments"][0]["text"] == "A platypus helps."


def test_what_is_no_such_file_is_told(archive: Archive, tmp_path: Path) -> None:
    status, told = run(archive, str(tmp_path / "none.db"))
    assert status == 1
    assert "there is no file" in told
