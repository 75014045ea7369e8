"""Files in S3: api and transcriber share no folder, as on the hosts of production. (TRN-1, TRN-5, DEP-2)

The bucket is a stand-in's: the AWS emulator of the rehearsal.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.archive import database, nightly
from app.archive.encrypting import new_key
from app.archive.s3 import Bucket
from app.archive.storage import FILE, PEAKS, Folder, OutOfReach, Storage, piece
from app.settings import Settings, load
from tests.integration.archive.conftest import KEYS, STOP_WITHIN, Archive, Owner, speech, text_of
from tests.integration.archive.test_survival import purged
from tests.rehearsal.emulator.server import REGION, Emulator
from tests.stack import free_port, link_models, wait_for

BUCKET = "for-tests"
WHERE = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """S3's stand-in, in the environment of the tests too."""
    with (
        Emulator(tmp_path_factory.mktemp("emulator") / "emulator.log") as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in running.environment.items():
            patch.setenv(name, value)
        running.client("s3").create_bucket(Bucket="direct", **WHERE)
        yield running


@dataclass
class Hosts:
    """api and transcriber, each with a disk of its own, and their bucket."""

    archive: Archive
    owner: Owner
    settings: Settings
    environment: dict[str, str]
    s3: Any

    def names(self, transcript: str) -> set[str]:
        """What lies in the bucket of a transcript."""
        prefix = f"transcripts/{transcript}/"
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {each["Key"].removeprefix(prefix) for each in listed}

    def content(self, transcript: str, name: str, bucket: str = BUCKET) -> bytes:
        """A file of it."""
        key = f"transcripts/{transcript}/{name}"
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def kept(self, transcript: str) -> bool:
        """Whether its file and outline lie there, and nothing else any more."""
        return self.names(transcript) == {FILE, PEAKS}


@pytest.fixture(scope="module")
def hosts(archive: Archive, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """They run beside the other ones, on the same PostgreSQL; their bucket is not there yet."""
    archive.wait_healthy()
    port, other = free_port(), free_port()
    environment = emulator.environment | {
        "DB_NAME": f"test_{uuid.uuid4().hex[:8]}", "DB_PASSWORD": database.password(archive.settings),
        "UPLOADS_BUCKET": BUCKET, "API_PORT": str(port), "TRANSCRIBER_PORT": str(other),
    }  # fmt: skip
    disks = {name: tmp_path_factory.mktemp(name) for name in ("api", "transcriber")}
    link_models(disks["transcriber"] / "models")
    running = [archive.run("serve", name, **environment, DATA_DIR=str(disk)) for name, disk in disks.items()]
    try:
        archive.wait_healthy(port, other)
        settings = archive.settings.model_copy(
            update={
                "api_port": port, "data_dir": disks["api"], "db_name": environment["DB_NAME"],
                "db_password": type(archive.settings.db_password)(environment["DB_PASSWORD"]),
                "uploads_bucket": BUCKET,
            }
        )  # fmt: skip
        yield Hosts(archive, Owner(settings, KEYS[0]), settings, environment, emulator.client("s3"))
    finally:
        for each in running:
            each.terminate()
        for each in running:
            each.wait(STOP_WITHIN)


def test_an_upload_waits_for_the_bucket_and_becomes_text_on_a_host_that_has_only_that(hosts: Hosts) -> None:
    owner, content = hosts.owner, speech()
    upload = owner.begun(len(content))
    assert owner.patch(upload, 0, content[:70_001]).status_code == 204
    refused = owner.patch(upload, 70_001, content[70_001:])
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    hosts.s3.create_bucket(Bucket=BUCKET, **WHERE)
    assert owner.offset(upload) == len(content)
    found = owner.done(upload)
    assert "schools" in text_of(found)
    wait_for("its pieces to go", lambda: hosts.kept(upload), 5)
    assert hosts.content(upload, FILE) == content
    assert not (hosts.settings.data_dir / "archive" / upload).exists()
    assert owner.done(owner.uploaded(content))["same_as"] == upload


def test_players_get_the_part_that_they_ask_for(hosts: Hosts) -> None:
    owner, content = hosts.owner, speech()
    known = owner.uploaded(content)
    address, last = f"/transcripts/{known}/sound", len(content) - 1
    whole = owner.http.get(address)
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, content, "bytes")
    for asked, first, end in (
        (f"4-{10**9}", 4, last),
        ("4-9", 4, 9),
        ("-5", last - 4, last),
        ("7-", 7, last),
    ):
        part = owner.http.get(address, headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, content[first : end + 1]), asked
        assert part.headers["content-range"] == f"bytes {first}-{end}/{len(content)}"
    changed = owner.http.get(address, headers={"Range": "bytes=4-9", "If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, content)
    beyond = owner.http.get(address, headers={"Range": f"bytes={len(content)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(content)}")
    stranger = Owner(hosts.settings, KEYS[1])
    assert stranger.http.get(address).status_code == 404


def test_what_is_deleted_for_good_is_in_the_bucket_no_more(hosts: Hosts) -> None:
    known = hosts.owner.uploaded(speech())
    hosts.owner.done(known)
    assert hosts.owner.http.delete(f"/transcripts/{known}").status_code == 204
    assert FILE in hosts.names(known)
    at_once = hosts.settings.model_copy(update={"deleted_kept_days": 0.0})
    assert asyncio.run(purged(at_once)) == 1
    wait_for("it to be gone", lambda: not hosts.names(known), 5)


def test_a_backup_of_a_bucket_is_restored_into_another_one(hosts: Hosts, tmp_path: Path) -> None:
    known = hosts.owner.uploaded(speech())
    text = text_of(hosts.owner.done(known))
    options, disk = ("--stack", "no-such-stack", str(tmp_path / "one.tar")), str(tmp_path)
    hosts.s3.create_bucket(Bucket="restored", **WHERE)
    elsewhere = {"UPLOADS_BUCKET": "restored", "DB_NAME": f"test_{uuid.uuid4().hex[:8]}"}
    for command, extra in (("backup", {}), ("restore", elsewhere)):
        asked = hosts.environment | {"DATA_DIR": disk} | extra
        assert hosts.archive.run(command, *options, **asked).wait(60) == 0, command
    for name in (FILE, PEAKS):
        assert hosts.content(known, name, "restored") == hosts.content(known, name)
    address = database.plain_address(hosts.settings, elsewhere["DB_NAME"])
    with psycopg.connect(address) as connection:
        query = "SELECT text FROM segments WHERE transcript_id = %s ORDER BY start, id"
        assert " ".join(each for (each,) in connection.execute(query, [known])) == text


def test_each_day_has_a_backup_of_the_text_which_is_restored_while_the_files_stay(hosts: Hosts) -> None:
    known = hosts.owner.uploaded(speech())
    text = text_of(hosts.owner.done(known))
    bucket, tomorrow = Bucket(hosts.settings), datetime.now(UTC).date() + timedelta(days=1)
    address = f"s3://{BUCKET}/backups/{tomorrow}.tar"
    assert nightly.made(hosts.settings, bucket, tomorrow)
    assert not nightly.made(hosts.settings, bucket, tomorrow)
    hosts.owner.http.patch(f"/transcripts/{known}", json={"title": "Since then"}).raise_for_status()
    asked = hosts.environment | {"DATA_DIR": str(hosts.settings.data_dir)}
    options = ("restore", "--stack", "no-such-stack", "--force")
    assert hosts.archive.run(*options, f"s3://{BUCKET}/backups/none.tar", **asked).wait(60) == 1
    assert hosts.archive.run(*options, address, **asked).wait(60) == 0
    found = hosts.owner.get(known)
    assert (found["title"], text_of(found)) == ("talk", text)
    assert hosts.content(known, FILE) == speech()


def test_the_daily_backup_is_encrypted_where_there_is_a_recipient(hosts: Hosts, tmp_path: Path) -> None:
    known = hosts.owner.uploaded(speech(), title="In confidence")
    text = text_of(hosts.owner.done(known))
    key, day = tmp_path / "key.txt", datetime.now(UTC).date() + timedelta(days=2)
    settings = hosts.settings.model_copy(update={"backup_recipient": new_key(key)})
    assert nightly.made(settings, Bucket(settings), day)
    assert not nightly.made(settings, Bucket(settings), day)
    name = f"backups/{day}.tar.age"
    assert b"In confidence" not in hosts.s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
    hosts.owner.http.patch(f"/transcripts/{known}", json={"title": "Since then"}).raise_for_status()
    asked = hosts.environment | {"DATA_DIR": str(hosts.settings.data_dir)}
    options = ("restore", "--stack", "no-such-stack", "--force", f"s3://{BUCKET}/{name}")
    assert hosts.archive.run(*options, **asked).wait(60) == 1
    assert hosts.archive.run(*options, "--identity", str(key), **asked).wait(60) == 0
    found = hosts.owner.get(known)
    assert (found["title"], text_of(found)) == ("In confidence", text)


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, emulator: Emulator, tmp_path: Path) -> Storage:
    """Either of the two."""
    del emulator  # Its environment is what is needed.
    settings = load({"DATA_DIR": str(tmp_path), "UPLOADS_BUCKET": "direct", "API_KEYS": "x"})
    return Folder(settings) if request.param == "folder" else Bucket(settings)


def test_a_folder_and_a_bucket_do_the_same(storage: Storage) -> None:
    known, content = uuid.uuid4(), os.urandom(20_000_000)
    with pytest.raises(FileNotFoundError), storage.opened(known):
        pass
    with pytest.raises(FileNotFoundError):
        storage.part(known, 0, 1)
    storage.make(known)
    storage.file(known).write_bytes(content)
    for _ in range(2):  # The second time is after a crash, or finds it moved already.
        storage.keep(known)
        storage.kept(known)
    with storage.opened(known) as file:
        assert hashlib.file_digest(file, "sha256").digest() == hashlib.sha256(content).digest()  # type: ignore[arg-type]
    assert b"".join(storage.part(known, 3, 9_000_000)) == content[3:9_000_001]
    for number in range(3):
        storage.put(known, piece(number), b"sound")
    storage.put(known, PEAKS, b"one")
    storage.put(known, PEAKS, b"outline")
    assert (storage.get(known, piece(2)), storage.get(known, PEAKS)) == (b"sound", b"outline")
    storage.drop_pieces(known)
    with pytest.raises(FileNotFoundError):
        storage.get(known, piece(2))
    fresh = storage.folder / "fresh"
    fresh.mkdir()
    (fresh / FILE).write_bytes(b"restored")
    storage.take(known, fresh)
    assert b"".join(storage.part(known, 0, 7)) == b"restored"
    with pytest.raises(FileNotFoundError):
        storage.get(known, PEAKS)
    storage.drop(known)
    with pytest.raises(FileNotFoundError):
        storage.part(known, 0, 1)
    assert not storage.of(known).exists()


def test_a_bucket_that_is_not_there_is_named(emulator: Emulator, tmp_path: Path) -> None:
    del emulator
    storage = Bucket(load({"DATA_DIR": str(tmp_path), "UPLOADS_BUCKET": "no-such-bucket"}))
    with pytest.raises(OutOfReach, match="the bucket no-such-bucket refuses"):
        storage.put(uuid.uuid4(), PEAKS, b"")
