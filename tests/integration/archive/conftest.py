"""PostgreSQL, api and transcriber as `make run` has them, and an owner who uploads speech to them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import signal
import socket
import subprocess
import sys
import uuid
import wave
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import psycopg
import pytest
from psycopg.rows import dict_row

from app.archive import database
from app.settings import Settings, load
from app.speech.engines.piper import Piper
from app.speech.sound import to_pcm
from app.speech.types import Samples
from tests.stack import ROOT, free_port, free_ports, inherited, link_models, wait_for
from tests.unit.sales.stand_in_model import StandInModel, says

UP_WITHIN = 60.0
DONE_WITHIN = 40.0
STOP_WITHIN = 90.0
FIRST, SECOND = "The government will help the schools.", "The weather will be cold in the mountains."
KEYS = ("for-tests-one", "for-tests-two", "for-tests-fuzz")
TUS = {"Tus-Resumable": "1.0.0"}


@functools.cache
def speech(repeated: int = 1) -> bytes:
    """A WAV file of two sentences, 6 s long, so many times."""
    parts: list[Samples] = []
    rate = 0
    for text in (FIRST, SECOND):
        sound, rate = Piper(Path("no-voices")).speak(text, "en", "")
        parts += [sound, np.zeros(rate, np.float32)]
    return wav(np.concatenate(parts * repeated), rate)


def spread_out(seconds: int, places: Iterable[int]) -> bytes:
    """A WAV file of silence, in which the first sentence is said at those seconds."""
    sound, rate = Piper(Path("no-voices")).speak(FIRST, "en", "")
    whole = np.zeros(seconds * rate, np.float32)
    for place in places:
        whole[place * rate : place * rate + sound.size] = sound
    return wav(whole, rate)


def wav(sound: Samples, rate: int, channels: int = 1) -> bytes:
    """Sound as a WAV file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(to_pcm(sound))
    return content.getvalue()


class Owner:
    """A client of api with a key of its own."""

    def __init__(self, settings: Settings, key: str) -> None:
        self.settings = settings
        self.headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{settings.api_port}/api/v1",
            headers=self.headers,
            trust_env=False,
            timeout=20.0,
        )

    def upload(self, content: bytes, name: str = "talk.wav", **fields: str) -> httpx.Response:
        """A file in one request."""
        return self.http.post("/transcripts", files={"file": (name, content)}, data=fields)

    def uploaded(self, content: bytes, name: str = "talk.wav", **fields: str) -> str:
        """The same; its id."""
        answer = self.upload(content, name, **fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def begin(self, size: int, metadata: bytes = b"") -> httpx.Response:
        """A resumable upload begins."""
        told = [(b"Upload-Length", b"%d" % size), (b"Upload-Metadata", metadata)]
        told += [(name.encode(), value.encode()) for name, value in TUS.items()]
        return self.http.post("/uploads", headers=told)

    def begun(self, size: int) -> str:
        """The same; its id."""
        answer = self.begin(size, b"filename dGFsay53YXY=")
        assert answer.status_code == 201, answer.text
        return answer.headers["location"].rpartition("/")[2]

    def patch(self, upload: str, offset: int, part: Any) -> httpx.Response:
        """A part of it."""
        told = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return self.http.patch(f"/uploads/{upload}", content=part, headers=told)

    def offset(self, upload: str) -> int:
        """How much of it is there."""
        answer = self.http.head(f"/uploads/{upload}", headers=TUS)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    def half_sent(self, upload: str, size: int, part: bytes) -> socket.socket:
        """A connection that announces so many bytes more and has sent only these; the caller closes it."""
        connection = socket.create_connection(("127.0.0.1", self.settings.api_port), timeout=10)
        head = [
            f"PATCH /api/v1/uploads/{upload} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {size}",
            "Content-Type: application/offset+octet-stream", f"Upload-Offset: {self.offset(upload)}",
        ]  # fmt: skip
        head += [f"{name}: {value}" for name, value in (TUS | self.headers).items()]
        connection.sendall("\r\n".join([*head, "", ""]).encode() + part)
        return connection

    def get(self, transcript: str) -> dict[str, Any]:
        """A transcript with its text."""
        whole: dict[str, Any] = self.http.get(f"/transcripts/{transcript}").raise_for_status().json()
        return whole

    def post(self, transcript: str, action: str, **body: Any) -> httpx.Response:
        """Something that is done with a transcript."""
        return self.http.post(f"/transcripts/{transcript}/{action}", json=body)

    def ended(self, transcript: str, within: float = DONE_WITHIN) -> dict[str, Any]:
        """The transcript, once nobody works on it any more."""

        def over() -> dict[str, Any] | None:
            with contextlib.suppress(httpx.HTTPError):
                found = self.get(transcript)
                return found if found["state"] in ("done", "failed", "cancelled") else None
            return None

        return wait_for(f"the end of {transcript}", over, within, 0.2)

    def done(self, transcript: str, within: float = DONE_WITHIN) -> dict[str, Any]:
        """The transcript, once it is done."""
        found = self.ended(transcript, within)
        assert found["state"] == "done", found["problem"] or found["state"]
        return found


def text_of(transcript: Mapping[str, Any]) -> str:
    """All that was said in it."""
    return " ".join(each["text"] for each in transcript["segments"])


class Archive:
    """The supervisor with the archive's services, and the language model that it was told of."""

    model: StandInModel

    def __init__(self, folder: Path, **chosen_too: str) -> None:
        chosen = {
            **free_ports(), "DATA_DIR": str(folder / "data"), "ASR_ENGINE": "pocketsphinx",
            "API_KEYS": ",".join(KEYS), "LOG_LEVEL": "info", **chosen_too,
        }  # fmt: skip
        self.settings: Settings = load(chosen)
        link_models(self.settings.models_dir)
        self.environment = {**inherited(), **chosen, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.log = folder / "run.log"
        self.process = self.run("run", "--no-setup", "api", "transcriber")
        self.one, self.two, self.fuzz = (Owner(self.settings, key) for key in KEYS)

    def run(self, *command: str, **extra: str) -> subprocess.Popen[bytes]:
        """Runs something of ours with the same settings."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command(*command),
                cwd=ROOT, env=self.environment | extra, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def command(self, *command: str) -> list[str]:
        """A command of ours."""
        return [sys.executable, "-m", "app", *command]

    def healthy(self, port: int) -> bool:
        """Whether a service is well, its database included."""
        try:
            told = httpx.get(f"http://127.0.0.1:{port}/health", timeout=2.0, trust_env=False)
        except httpx.HTTPError:
            return False
        return told.status_code == 200 and told.json()["status"] == "ok"

    def wait_healthy(self, *ports: int, within: float = UP_WITHIN) -> None:
        """Waits for api and transcriber, or for those ports."""
        try:
            for port in ports or (self.settings.api_port, self.settings.transcriber_port):
                wait_for(f"port {port} healthy", functools.partial(self.healthy, port), within, 0.1)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.log.read_text(errors='replace')[-6000:]}") from None

    def pid(self, service: str) -> int:
        """The process of a service that the supervisor keeps."""
        noted = json.loads((self.settings.data_dir / "run" / "supervisor.json").read_text())
        return int(noted["services"][service])

    def kill(self, service: str) -> None:
        """kill -9 of a service: of PostgreSQL's own process where it is that."""
        found = psutil.Process(self.pid(service))
        if service == "db":
            found = next(each for each in found.children(recursive=True) if each.name() == "postgres")
        found.kill()

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """What the database answers."""
        with psycopg.connect(database.plain_address(self.settings), row_factory=dict_row) as connection:
            return connection.execute(query, values).fetchall()

    def folder(self, transcript: str) -> Path:
        """Where its files lie."""
        return self.settings.data_dir.absolute() / "archive" / transcript

    def folders(self) -> set[str]:
        """All that lie there."""
        return {each.name for each in self.folder("").iterdir()} if self.folder("").exists() else set()

    def checksum(self, transcript: str) -> str:
        """SHA-256 of the kept file."""
        return hashlib.sha256((self.folder(transcript) / "file").read_bytes()).hexdigest()

    def stop(self) -> None:
        """Ends it all."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()


@pytest.fixture(scope="package")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """One for all tests here: what they do to it, it must survive."""
    with StandInModel(lambda _: says("{}")) as model:
        folder = tmp_path_factory.mktemp("archive")
        running = Archive(folder, LLM_BASE_URL=model.address, LLM_MODEL="m", VOICE_PRINTS="true")
        running.model = model
        try:
            running.wait_healthy()
            yield running
        finally:
            running.stop()


@pytest.fixture
def owner(archive: Archive) -> Owner:
    """An owner, once everything is well again."""
    archive.wait_healthy()
    return archive.one


@pytest.fixture
def new_database(archive: Archive) -> Settings:
    """Settings of an empty database of the test's own on the same server."""
    archive.wait_healthy()
    given = {"db_name": f"test_{uuid.uuid4().hex[:8]}"}
    return archive.settings.model_copy(update=given)


@pytest.fixture
def second_transcriber(archive: Archive) -> Iterator[subprocess.Popen[bytes]]:
    """Another transcriber on the same queue."""
    port = free_port()
    process = archive.run("serve", "transcriber", TRANSCRIBER_PORT=str(port))
    archive.wait_healthy(port)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(STOP_WITHIN)
