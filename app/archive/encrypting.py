"""Backups encrypted with age (age-encryption.org): to a recipient, which is no secret, and back with its key.

Nothing is ever held whole: a thread encrypts or decrypts what goes through a pipe.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pyrage
from pyrage import x25519

from app.archive.backup import CHUNK, BackupProblem, Joined

MAGIC = b"age-encryption.org/"
"""What every file that age has encrypted begins with."""


def new_key(path: Path) -> str:
    """Writes a new key into a file that only its owner may read; its recipient. Raises FileExistsError."""
    key = x25519.Identity.generate()
    recipient = str(key.to_public())
    made = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"# created: {made}\n# public key: {recipient}\n{key}\n")
    return recipient


def keys_of(path: Path) -> list[x25519.Identity]:
    """The keys of a file as age-keygen and `new_key` write it. Raises BackupProblem, OSError."""
    wrong = f"{path} is no file of age keys: it has a line AGE-SECRET-KEY-1… for each"
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        keys = [x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.IdentityError, UnicodeDecodeError):
        raise BackupProblem(wrong) from None
    if not keys:
        raise BackupProblem(wrong)
    return keys


@contextmanager
def encrypted(out: IO[bytes], recipient: str) -> Iterator[IO[bytes]]:
    """What is written here goes into a file encrypted; as it is where there is no recipient.

    Raises BackupProblem where it could not be written.
    """
    if not recipient:
        yield out
        return
    reading, writing = os.pipe()

    def encrypt() -> None:
        with os.fdopen(reading, "rb") as plain:
            pyrage.encrypt_io(plain, out, [x25519.Recipient.from_str(recipient)])

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(encrypt)
        try:
            with os.fdopen(writing, "wb") as into:
                yield into
        except Exception:
            # Where the thread can't go on, nobody reads what is written: it knows why.
            ended(done)
            raise
        ended(done)


def ended(encrypting: Future[None]) -> None:
    """Waits for the end. Raises BackupProblem where it failed."""
    try:
        encrypting.result()
    except (pyrage.EncryptError, OSError) as error:
        raise BackupProblem(f"it could not be encrypted: {error}") from None


@contextmanager
def decrypted(file: IO[bytes], key_file: Path | None) -> Iterator[IO[bytes]]:
    """What a backup holds, encrypted or not. Raises BackupProblem, also while it is read, and OSError."""
    begin = file.read(len(MAGIC))
    whole = Joined(begin, file)
    if begin != MAGIC:
        yield cast(IO[bytes], whole)
        return
    if key_file is None:
        raise BackupProblem(
            "the backup is encrypted: name the file with its key, --identity FILE "
            '(make restore FILE=… ARGS="--identity FILE")'
        )
    keys = keys_of(key_file)
    reading, writing = os.pipe()

    def decrypt() -> None:
        with os.fdopen(writing, "wb") as plain:
            pyrage.decrypt_io(whole, plain, keys)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(decrypt)
        with os.fdopen(reading, "rb") as plain:
            yield cast(IO[bytes], Decrypted(plain, done, key_file))


class Decrypted:
    """What comes out of a pipe, and at its end whether that was all."""

    def __init__(self, plain: IO[bytes], done: Future[None], key_file: Path) -> None:
        self._plain, self._done, self._key_file = plain, done, key_file

    def read(self, size: int = CHUNK) -> bytes:
        """Reads on. Raises BackupProblem where the rest can't be decrypted."""
        content = self._plain.read(size)
        if len(content) < size or size < 0:
            self._end()
        return content

    def _end(self) -> None:
        try:
            self._done.result()
        except (pyrage.DecryptError, OSError) as error:
            if "matching keys" in str(error):
                raise BackupProblem(
                    f"the backup is encrypted for another key than {self._key_file}"
                ) from None
            raise BackupProblem(f"the backup is damaged or cut off ({error})") from None
