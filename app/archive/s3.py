"""Uploaded files in a bucket of S3. Region and credentials are found as AWS's SDK finds them everywhere."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.archive.storage import CHUNK, FILE, PIECES, OutOfReach, Storage
from app.settings import Settings

KEYS = "transcripts"
"""What the keys of all files begin with: the bucket may hold other things too."""
LACKING = ("NoSuchKey", "404")


def parts(address: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


class Bucket(Storage):
    """The bucket, as transcripts/<id>/<name>. Large files go in parts, whose checksums S3 compares."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.name = settings.uploads_bucket
        self.s3: Any = boto3.client(
            "s3",
            region_name=os.environ.get("AWS_REGION") or None,
            config=Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard"}),
        )

    def key(self, transcript: uuid.UUID, name: str) -> str:
        """Where a file lies."""
        return f"{KEYS}/{transcript}/{name}"

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Makes errors of the SDK ours: FileNotFoundError, OutOfReach."""
        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] in LACKING:
                raise FileNotFoundError(f"there is no such file in the bucket {self.name}") from None
            raise OutOfReach(f"the bucket {self.name} refuses: {error}") from None
        except (BotoCoreError, Boto3Error, RuntimeError) as error:
            # RuntimeError: of credentials that have run out, and of which there are no newer ones yet.
            raise OutOfReach(f"the bucket {self.name} is out of reach: {error}") from None

    def keep(self, transcript: uuid.UUID) -> None:
        """Uploaded; its own copy on the disk stays until `kept`, or a crash in between would lose it."""
        if self.file(transcript).is_file():
            self._upload(self.file(transcript), transcript, FILE)

    def kept(self, transcript: uuid.UUID) -> None:
        """The copy on the disk goes."""
        shutil.rmtree(self.of(transcript), ignore_errors=True)

    @contextmanager
    def opened(self, transcript: uuid.UUID) -> Iterator[BinaryIO]:
        """A copy without a name, which the system deletes whatever becomes of us."""
        with tempfile.TemporaryFile(dir=self.made_folder()) as copy:
            with self.asked():
                self.s3.download_fileobj(self.name, self.key(transcript, FILE), copy)
            copy.seek(0)
            yield copy

    def part(self, transcript: uuid.UUID, first: int, last: int) -> Iterator[bytes]:
        """Passed on as it comes."""
        with self.asked():
            key, span = self.key(transcript, FILE), f"bytes={first}-{last}"
            body = self.s3.get_object(Bucket=self.name, Key=key, Range=span)["Body"]
        return self._chunks(body)

    def _chunks(self, body: Any) -> Iterator[bytes]:
        try:
            with self.asked():
                yield from body.iter_chunks(CHUNK)
        finally:
            body.close()

    def put(self, transcript: uuid.UUID, name: str, content: bytes) -> None:
        """One request, which S3 takes whole or not at all."""
        with self.asked():
            self.s3.put_object(Bucket=self.name, Key=self.key(transcript, name), Body=content)

    def get(self, transcript: uuid.UUID, name: str) -> bytes:
        """Read whole."""
        with self.asked():
            found = self.s3.get_object(Bucket=self.name, Key=self.key(transcript, name))
            return bytes(found["Body"].read())

    def take(self, transcript: uuid.UUID, folder: Path) -> None:
        """Uploaded file by file."""
        self.drop(transcript)
        for path in folder.iterdir():
            self._upload(path, transcript, path.name)

    def drop_pieces(self, transcript: uuid.UUID) -> None:
        """All keys below theirs."""
        self._delete(self.key(transcript, f"{PIECES}/"))

    def drop(self, transcript: uuid.UUID) -> None:
        """All keys below its own, and what has arrived of it here."""
        self.kept(transcript)
        self._delete(self.key(transcript, ""))

    def has(self, address: str) -> bool:
        """Whether there is something at s3://bucket/key."""
        bucket, key = parts(address)
        with self.asked():
            return bool(self.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents"))

    def write(self, address: str, file: IO[bytes]) -> None:
        """Puts what is left of a file at s3://bucket/key, whole or not at all."""
        with self.asked():
            self.s3.upload_fileobj(file, *parts(address))

    def read(self, address: str, file: IO[bytes]) -> None:
        """Writes what is at s3://bucket/key into a file. Raises FileNotFoundError."""
        with self.asked():
            self.s3.download_fileobj(*parts(address), file)

    def _upload(self, path: Path, transcript: uuid.UUID, name: str) -> None:
        with self.asked():
            self.s3.upload_file(str(path), self.name, self.key(transcript, name))

    def _delete(self, prefix: str) -> None:
        with self.asked():
            for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
                if keys:
                    self.s3.delete_objects(Bucket=self.name, Delete={"Objects": keys, "Quiet": True})
