"""Downloads a model's files from a hub that speaks Hugging Face's HTTP interface.

Own code rather than huggingface_hub's: that resumes and retries, but keeps a cache of links of its own
(an engine wants plain folders) and does not compare checksums.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx

HUB = "https://huggingface.co"
ATTEMPTS = 6
"""Attempts in a row that bring nothing; one that brings bytes starts the count anew."""
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
TIMEOUT = 30.0
CHUNK = 1 << 20
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that may be over in a moment."""

Progress = Callable[[int], None]


class FetchFailed(Exception):
    """A model can't be fetched. The message says why and what to do."""


class _TryAgain(Exception):
    """An attempt failed for a reason that may pass."""


@dataclass(frozen=True)
class File:
    """A file of a model: its path, its length, and the checksum that the hub states."""

    path: str
    size: int
    sha256: str = ""
    git_sha1: str = ""

    def check(self, place: Path) -> bool:
        """Whether a file on disk is it."""
        if place.stat().st_size != self.size:
            return False
        if self.sha256:
            return digest(place, hashlib.sha256()) == self.sha256
        if self.git_sha1:
            # What git calls a blob's id: its header belongs to it.
            return digest(place, hashlib.sha1(f"blob {self.size}\0".encode())) == self.git_sha1
        return True


def digest(place: Path, so_far: hashlib._Hash) -> str:
    """The checksum of a file."""
    with place.open("rb") as file:
        while part := file.read(CHUNK):
            so_far.update(part)
    return so_far.hexdigest()


class Hub:
    """One hub, for the time of a `with` block."""

    def __init__(
        self,
        address: str = "",
        environment: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = (address or environment.get("HF_ENDPOINT", "") or HUB).rstrip("/")
        token = environment.get("HF_TOKEN", "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._sleep = sleep
        self._client = httpx.Client(headers=headers, timeout=TIMEOUT, follow_redirects=True)

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def files(self, repository: str, folder: str = "") -> list[File]:
        """The files of a model, or of a folder in its repository. Raises FetchFailed."""
        tree = f"tree/main/{folder}".rstrip("/")
        url = f"{self.address}/api/models/{repository}/{tree}?recursive=true"
        found: list[File] = []
        while url:
            answer = self._json(url, repository)
            try:
                found.extend(_file(each) for each in answer.json() if each["type"] == "file")
            except (ValueError, KeyError, TypeError) as error:
                raise FetchFailed(f"{self.address} does not answer as a model hub (HF_ENDPOINT)") from error
            url = answer.links.get("next", {}).get("url", "")
        if not found:
            raise FetchFailed(f"the model {repository} has no files")
        return found

    def fetch(self, repository: str, file: File, place: Path, progress: Progress) -> None:
        """Downloads one file to `place`, from where an earlier attempt broke off. Raises FetchFailed."""
        place.parent.mkdir(parents=True, exist_ok=True)
        url = f"{self.address}/{repository}/resolve/main/{file.path}"
        for attempt in self._attempts(lambda: place.stat().st_size if place.exists() else 0):
            try:
                self._continue(url, file, place, progress)
                return
            except (httpx.TransportError, _TryAgain) as error:
                attempt(f"{file.path}: {error or type(error).__name__}")
            except OSError as error:
                raise FetchFailed(_disk(error, place, file)) from error

    def _continue(self, url: str, file: File, place: Path, progress: Progress) -> None:
        have = place.stat().st_size if place.exists() else 0
        if have > file.size:
            place.unlink()
            have = 0
        if have < file.size or not place.exists():
            headers = {"Range": f"bytes={have}-"} if have else {}
            headers["Accept-Encoding"] = "identity"
            with self._client.stream("GET", url, headers=headers) as answer:
                _check_status(answer, file.path)
                resumed = answer.status_code == 206
                progress(have if resumed else 0)
                with place.open("ab" if resumed else "wb") as out:
                    for part in answer.iter_bytes():
                        if out.tell() + len(part) > file.size:
                            break
                        out.write(part)
                        progress(out.tell())
        if place.stat().st_size < file.size:
            raise _TryAgain("the connection broke off")
        if not file.check(place):
            place.unlink()
            raise _TryAgain("the checksum is wrong")

    def _json(self, url: str, repository: str) -> httpx.Response:
        for attempt in self._attempts(lambda: 0):
            try:
                answer = self._client.get(url)
                _check_status(answer, repository)
                return answer
            except (httpx.TransportError, _TryAgain) as error:
                attempt(f"{self.address}: {error or type(error).__name__}")
        raise AssertionError("attempts end by an answer or an error")

    def _attempts(self, progress: Callable[[], int]) -> Iterator[Callable[[str], None]]:
        """Yields what is called after a failed attempt; it waits, longer each time, or raises FetchFailed."""
        failed, best = 0, progress()

        def again(why: str) -> None:
            nonlocal failed, best
            failed = 0 if progress() > best else failed + 1
            best = max(best, progress())
            if failed >= ATTEMPTS:
                raise FetchFailed(
                    f"{why}; given up after {ATTEMPTS} attempts. What is there is kept: try again"
                )
            self._sleep(min(LONGEST_DELAY, FIRST_DELAY * 2**failed))

        while True:
            yield again


def _file(told: Mapping[str, object]) -> File:
    """A file as the hub tells it. Raises ValueError for a path that leads out of its folder."""
    path = str(told["path"])
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(path)
    lfs = told.get("lfs")
    if isinstance(lfs, Mapping):
        return File(path, int(lfs["size"]), sha256=str(lfs["oid"]))
    return File(path, int(str(told["size"])), git_sha1=str(told.get("oid", "")))


def _check_status(answer: httpx.Response, what: str) -> None:
    """Raises _TryAgain for what may pass, FetchFailed for what won't."""
    if answer.status_code in PASSING:
        raise _TryAgain(f"HTTP {answer.status_code}")
    if answer.status_code in (401, 403):
        raise FetchFailed(f"{what}: the hub wants a token for it; set HF_TOKEN")
    if answer.status_code == 404:
        raise FetchFailed(f"{what}: the hub has no such model or file")
    if answer.status_code >= 400:
        raise FetchFailed(f"{what}: HTTP {answer.status_code}")


def _disk(error: OSError, place: Path, file: File) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk is full: {file.path} needs {file.size / 1e6:.0f} MB in {place.parent}; make room, or "
            "set DATA_DIR to another disk. What is there is kept: try again"
        )
    return f"{place} can't be written: {error.strerror or error}"
