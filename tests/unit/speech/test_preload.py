"""Models are fetched whole or not at all, from a local HTTP server that misbehaves. (SPK-5)"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.settings import load
from app.speech.models import fetch, hub
from app.speech.models.command import preload
from app.speech.models.hub import FetchFailed, Hub
from app.speech.models.names import Model, UnknownModel, find, used

WEIGHTS = bytes(range(256)) * 4000
CONFIG = b'{"kind": "test"}'
MODEL = Model("tiny", "Systran/faster-whisper-tiny")


class Shelf(ThreadingHTTPServer):
    """A hub with one model; the fields say how it misbehaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.cuts: list[int] = []
        self.statuses: list[int] = []
        self.wrong = 0
        self.asked: list[tuple[str, str | None]] = []
        self.sha256 = hashlib.sha256(WEIGHTS).hexdigest()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def downloads(self) -> list[str]:
        return [path.rsplit("/", 1)[-1] for path, _ in self.asked if "/resolve/" in path]


class Desk(BaseHTTPRequestHandler):
    """One request to the hub."""

    server: Shelf

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.server.statuses:
            self.send_error(self.server.statuses.pop(0))
        elif self.path.startswith("/api/models/Systran/faster-whisper-tiny/tree/main"):
            blob = hashlib.sha1(f"blob {len(CONFIG)}\0".encode() + CONFIG).hexdigest()
            lfs = {"oid": self.server.sha256, "size": len(WEIGHTS)}
            self._send(
                json.dumps(
                    [
                        {"type": "directory", "path": "sub", "oid": "x", "size": 0},
                        {"type": "file", "path": "README.md", "oid": "x", "size": 1},
                        {"type": "file", "path": "sub/config.json", "oid": blob, "size": len(CONFIG)},
                        {"type": "file", "path": "model.bin", "oid": "x", "size": len(WEIGHTS), "lfs": lfs},
                    ]
                ).encode()
            )
        elif self.path.endswith("/resolve/main/model.bin"):
            content = WEIGHTS
            if self.server.wrong:
                self.server.wrong -= 1
                content = WEIGHTS[::-1]
            self._send(content, self.server.cuts.pop(0) if self.server.cuts else None)
        elif self.path.endswith("/resolve/main/sub/config.json"):
            self._send(CONFIG)
        else:
            self.send_error(404)

    def _send(self, content: bytes, cut: int | None = None) -> None:
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : None if cut is None else start + cut])


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """A running hub."""
    with Shelf() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def opened(shelf: Shelf) -> Hub:
    return Hub(shelf.address, {}, sleep=lambda _: None)


def bring(shelf: Shelf, folder: Path, force: bool = False) -> bool:
    with opened(shelf) as at:
        return fetch.bring(at, MODEL, folder, lambda *_: None, force)


def whole(folder: Path) -> bool:
    there = folder / "tiny"
    return (there / "model.bin").read_bytes() == WEIGHTS and (
        there / "sub/config.json"
    ).read_bytes() == CONFIG


def test_a_model_is_fetched_once(shelf: Shelf, tmp_path: Path) -> None:
    assert bring(shelf, tmp_path)
    assert whole(tmp_path)
    assert not bring(shelf, tmp_path)
    assert sorted(shelf.downloads) == ["config.json", "model.bin"]
    assert [each.name for each in tmp_path.iterdir()] == ["tiny"]


def test_a_cut_connection_is_resumed_where_it_broke_off(shelf: Shelf, tmp_path: Path) -> None:
    shelf.cuts = [300_000, 200_000]
    bring(shelf, tmp_path)
    ranges = [span for path, span in shelf.asked if path.endswith("model.bin")]

    assert whole(tmp_path)
    assert ranges == [None, "bytes=300000-", "bytes=500000-"]


def test_a_second_run_goes_on_where_the_first_gave_up(shelf: Shelf, tmp_path: Path) -> None:
    shelf.cuts = [300_000] + [0] * hub.ATTEMPTS * 2
    with pytest.raises(FetchFailed, match="try again"):
        bring(shelf, tmp_path)
    assert not (tmp_path / "tiny").exists()
    shelf.cuts, shelf.asked = [], []
    bring(shelf, tmp_path)

    assert whole(tmp_path)
    assert ("/Systran/faster-whisper-tiny/resolve/main/model.bin", "bytes=300000-") in shelf.asked


def test_a_busy_hub_is_asked_again(shelf: Shelf, tmp_path: Path) -> None:
    shelf.statuses = [503, 429, 500]

    assert bring(shelf, tmp_path)
    assert whole(tmp_path)


def test_waits_get_longer(shelf: Shelf) -> None:
    shelf.statuses = [503] * 4
    waits: list[float] = []
    with Hub(shelf.address, {}, sleep=waits.append) as at:
        at.files(MODEL.repository)

    assert waits == sorted(waits)
    assert waits[-1] >= 4 * waits[0]


def test_a_wrong_file_is_fetched_again_and_given_up_where_it_stays_wrong(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.wrong = 1
    assert bring(shelf, tmp_path / "once")
    assert whole(tmp_path / "once")
    shelf.wrong = 99
    with pytest.raises(FetchFailed, match=r"model\.bin: the checksum is wrong"):
        bring(shelf, tmp_path / "always")
    assert not (tmp_path / "always/tiny").exists()


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_will_not_pass_is_told_at_once(shelf: Shelf, tmp_path: Path, status: int) -> None:
    shelf.statuses = [status]
    with pytest.raises(FetchFailed):
        bring(shelf, tmp_path)
    assert len(shelf.asked) == 1


def test_a_full_disk_is_told_before_and_while_writing(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(FetchFailed, match="the disk is full"):
            bring(shelf, tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Hub, "_continue", full)
        with pytest.raises(FetchFailed, match="the disk is full"):
            bring(shelf, tmp_path)
    assert not (tmp_path / "tiny").exists()


def test_a_damaged_model_is_fetched_again_and_one_put_there_by_hand_is_left(
    shelf: Shelf, tmp_path: Path
) -> None:
    bring(shelf, tmp_path)
    (tmp_path / "tiny/model.bin").write_bytes(WEIGHTS[:99])
    assert bring(shelf, tmp_path)
    assert whole(tmp_path)
    (tmp_path / "own/tiny").mkdir(parents=True)
    (tmp_path / "own/tiny/model.bin").write_bytes(b"mine")

    assert not bring(shelf, tmp_path / "own")


def test_force_fetches_anew_and_keeps_the_old_one_until_then(shelf: Shelf, tmp_path: Path) -> None:
    bring(shelf, tmp_path)
    shelf.wrong = 99
    with pytest.raises(FetchFailed):
        bring(shelf, tmp_path, force=True)
    assert whole(tmp_path)
    shelf.wrong = 0

    assert bring(shelf, tmp_path, force=True)
    assert whole(tmp_path)


def test_a_path_that_leads_out_of_the_folder_is_refused() -> None:
    for path in ("../evil", "/etc/evil", "a/../../evil"):
        with pytest.raises(ValueError, match="evil"):
            hub._file({"path": path, "size": 1})


def test_the_command_is_done_only_when_all_models_are_there(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", shelf.address)
    settings = load({"DATA_DIR": str(tmp_path), "PRELOAD_MODELS": "tiny"})

    assert preload(settings, [], everything=False, force=False) == 0
    assert preload(settings, ["tiny", "somebody/nothing"], everything=False, force=False) == 1
    assert preload(settings, ["nonsense"], everything=False, force=False) == 2
    assert preload(load({"DATA_DIR": str(tmp_path)}), [], everything=False, force=False) == 2
    assert preload(load({"DATA_DIR": str(tmp_path)}), [], everything=True, force=False) == 0
    told = capsys.readouterr()
    assert "tiny: fetched" in told.out
    assert "tiny: is there" in told.out
    assert "the hub has no such model" in told.err


def test_names_stand_for_models_and_the_settings_name_those_they_use() -> None:
    assert find("small") == Model("small", "Systran/faster-whisper-small")
    assert find("Helsinki-NLP/opus-mt-en-es") == Model("opus-mt-en-es", "Helsinki-NLP/opus-mt-en-es")
    for wrong in ("nothing", "a/b/c", "../x", "a/.."):
        with pytest.raises(UnknownModel):
            find(wrong)
    assert used(load({"ASR_ENGINE": "whisper", "PRELOAD_MODELS": "tiny"})) == ["tiny", "small"]
