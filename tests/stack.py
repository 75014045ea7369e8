"""The real services on free ports, for integration tests and the bench: MediaMTX, sts, the dubber."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import psutil

from app.access.gate import authorization
from app.catalog import CATALOG, select
from app.demo.lines import Event, Helper
from app.demo.measure import Measurement
from app.demo.publish import ingest_address, publish
from app.demo.read import read, watch_address
from app.demo.sample import sample_video
from app.dubbing.service.auth import API_USER
from app.native import guard
from app.native.edge import make_stand_in
from app.native.plan import PROGRAMS, healthy_statuses
from app.render import edge, media
from app.settings import Settings, load
from app.speech.models import places
from app.speech.models.table import CARRIED

ROOT = Path(__file__).parent.parent
HEALTHY_WITHIN = 90.0
# Where nothing depends on the voice: sts starts in a third of the time, and speaks with next to no work.
LIGHT_VOICE = {"TTS_ENGINE": "pico"}
STOP_WITHIN = 45.0
POLL = 0.05
SLOWEST = 2.0
LOG_TAIL = 60
SHARED_MODELS = Path(tempfile.gettempdir()) / f"voicestack-test-models-{os.getuid()}"
API_PASSWORD = "for-tests"

Found = TypeVar("Found")


class StackError(RuntimeError):
    """The services can't do what was asked; the message ends with their last log lines."""


# Below the ports that outgoing connections take, or one of those has it before the service.
PORTS = range(20_000, 32_000)
PORTS_EACH = 1_000
given_ports: set[int] = set()


@cache
def own_ports() -> tuple[range, socket.socket]:
    """The ports that this process alone gives away, and what holds them for as long as it lives.

    Two that take from the same ports, side by side, would give away one that the other's service has not
    opened yet.
    """
    for begin in range(PORTS.start, PORTS.stop, PORTS_EACH):
        holder = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):
            holder.bind(f"\0voicestack-tests-{begin}")
            return range(begin, begin + PORTS_EACH), holder
        holder.close()
    raise StackError(f"{len(PORTS) // PORTS_EACH} processes with tests run on this machine: end one of them")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nothing listens on at the moment."""
    ports, _ = own_ports()
    while True:
        if len(given_ports) > 0.9 * len(ports):
            given_ports.clear()
        port = random.choice(ports)
        if port in given_ports:
            continue
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            given_ports.add(port)
            return port


def free_ports() -> dict[str, str]:
    """The environment that puts every service of the catalogue on a free port."""
    return {
        port.setting.upper(): str(
            free_port(socket.SOCK_DGRAM if port.protocol == "udp" else socket.SOCK_STREAM)
        )
        for service in CATALOG
        for port in service.ports
    }


def wait_for(what: str, found: Callable[[], Found | None], within: float, every: float = POLL) -> Found:
    """The first result of `found` that is neither None nor False, or TimeoutError.

    `within`: the seconds that it may take on two quiet processors; it is waited for SLOWEST times as long.
    """
    deadline = time.monotonic() + SLOWEST * within
    while True:
        result = found()
        if result is not None and result is not False:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {SLOWEST * within:g} s")
        time.sleep(every)


@dataclass
class FfmpegPublisher:
    """A running ffmpeg that publishes something of the test's own."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def running(self) -> bool:
        """Whether it still publishes."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ends it as an encoder does that is switched off."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it at once, as when its machine loses power."""
        self.process.kill()
        self.process.wait()


@dataclass
class Stack:
    """Services that run as in `make run`, each a process of its own, with logs in `folder`.

    `extra` are settings as environment variables. A context manager: starts them all and waits until
    they are healthy; stops everything that was started through it, publishers and readers included.
    The services end with this process, however it ends.
    """

    folder: Path
    services: tuple[str, ...] = ("dubber",)
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chosen = {
            "DATA_DIR": str(self.folder / "data"),
            "LOG_LEVEL": "info",
            "MEDIA_API_PASSWORD": API_PASSWORD,
            **free_ports(),
            **self.extra,
        }
        self.environment = inherited() | chosen | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.settings: Settings = load(chosen)
        self.names = [service.name for service in select(self.services)]
        if "edge" in self.names:
            self.environment |= edge.variables_behind(self.settings)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()
        self._publishers = 0

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            link_models(self.settings.models_dir)
            self._stack.callback(self._stop_all)
            self.http = self._stack.enter_context(
                httpx.Client(base_url=self.settings.dubber_address, trust_env=False, timeout=20.0)
            )
            for name in self.names:
                self.start(name)
            self.wait_healthy()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self, name: str) -> None:
        """Starts a service (again); its log goes on in the same file."""
        command = [sys.executable, "-m", "app", "serve", name]
        if name == "media":
            config = self.folder / "mediamtx.yml"
            behind_edge = "edge" in self.names
            if behind_edge:
                make_stand_in(Path(media.certificate(self.settings)))
            config.write_text(media.render(self.settings, behind_edge=behind_edge), encoding="utf-8")
            command = [str(media.find_binary()), str(config)]
        elif name in PROGRAMS:
            command = [sys.executable, "-m", PROGRAMS[name]]
        with self.log_of(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                guard.command(os.getpid(), command),
                cwd=self.folder,
                env=self.environment | (media.secrets(self.settings) if name == "media" else {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_healthy(self, names: Iterable[str] = (), within: float = HEALTHY_WITHIN) -> None:
        """Waits until the services answer 200; raises StackError with their logs where they don't."""
        for name in list(names) or self.names:
            try:
                wait_for(f"{name} healthy", partial(self.is_healthy, name), within, 0.1)
            except (TimeoutError, StackError) as problem:
                raise StackError(f"{problem}\n{self.logs()}") from None

    def is_healthy(self, name: str) -> bool:
        """Whether a service answers its health address with 200. Raises StackError where it has ended."""
        if self.processes[name].poll() is not None:
            raise StackError(f"{name} ended with status {self.processes[name].returncode}")
        service = next(each for each in CATALOG if each.name == name)
        port = getattr(self.settings, service.port(service.health_port).setting)
        if not service.health:
            # Where a browser is driven, an event loop runs already: asyncio.run can't be used.
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2.0):
                return True
            return False
        try:
            url = f"http://127.0.0.1:{port}{service.health}"
            return httpx.get(url, timeout=2.0, trust_env=False).status_code in healthy_statuses(service)
        except httpx.HTTPError:
            return False

    def kill(self, name: str) -> None:
        """kill -9 of a service."""
        self.processes[name].kill()
        self.processes[name].wait()

    def stop(self, name: str) -> None:
        """SIGTERM to a service, and waits until it has gone."""
        self.processes[name].terminate()
        self.processes[name].wait(STOP_WITHIN)

    def family(self, name: str) -> list[psutil.Process]:
        """The processes of a service: its own and all its children (the dubber's workers among them)."""
        try:
            own = psutil.Process(self.processes[name].pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def command(self, *arguments: str, given: str = "") -> str:
        """What `python -m app …` prints beside these services, with that on its standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "app", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"python -m app {' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout

    def login(self, name: str, password: str) -> None:
        """Adds an operator, so that everything asks for a login or a key; this object asks with our own."""
        self.command("users", "add", name, "--role", "operator", given=f"{password}\n")
        self.http.headers.update(authorization(self.settings))

    def publish_sample(self, name: str, seconds: float = 60.0) -> tuple[Helper, Measurement]:
        """Publishes the sample video to live/<name>, for ever; frames it sends go into the measurement."""
        measurement = Measurement()
        address = ingest_address(self.settings, name)
        helper = publish(address, sample_video(seconds), measurement.on_sent)
        self._stack.callback(helper.stop)
        return helper, measurement

    @contextlib.contextmanager
    def sample(self, name: str, seconds: float = 60.0) -> Iterator[tuple[Helper, Measurement]]:
        """The same, for as long as it is looked at: what other tests share is at rest again afterwards."""
        helper, measurement = self.publish_sample(name, seconds)
        try:
            yield helper, measurement
        finally:
            helper.stop()
            for stream in self.http.get("/streams").json()["streams"]:
                for dub in stream["dubs"] if stream["name"] == name else ():
                    self.http.delete(
                        f"/streams/{name}/{dub['language']}", headers={"content-type": "application/json"}
                    )

    def publish(self, arguments: Sequence[str], name: str, protocol: str = "rtsp") -> FfmpegPublisher:
        """Publishes what ffmpeg makes of these arguments (inputs and codecs) to live/<name>.

        Over RTSP any codec goes; over RTMP what FLV takes. `-re` is up to the arguments.
        """
        # VP9 over RTSP is an experiment to FFmpeg.
        output = [
            "-strict",
            "experimental",
            "-f",
            "rtsp",
            "-rtsp_transport",
            "tcp",
            f"{self.rtsp}/live/{name}",
        ]
        if protocol == "rtmp":
            output = ["-f", "flv", ingest_address(self.settings, name)]
        if protocol == "srt":
            output = ["-f", "mpegts", self.srt(f"publish:live/{name}")]
        self._publishers += 1
        log = self.folder / f"ffmpeg-{self._publishers}-{name}.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning", *arguments, *output],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        publisher = FfmpegPublisher(process, log)
        self._stack.callback(publisher.kill)
        return publisher

    def srt(self, stream_id: str, passphrase: str = "") -> str:
        """The media server's address for SRT, as ffmpeg takes it."""
        secret = f"&passphrase={passphrase}" if passphrase else ""
        return f"srt://127.0.0.1:{self.settings.media_srt_port}?pkt_size=1316&streamid={stream_id}{secret}"

    def read(
        self,
        path: str,
        on_event: Callable[[Event], None],
        *,
        wait: float = 20.0,
        record: Path | None = None,
        look: bool = True,
        protocol: Any = "rtmp",
    ) -> Helper:
        """Reads a path, such as dub/<name>/es, as app.demo.read does."""
        address = watch_address(self.settings, path, protocol)
        helper = read(address, on_event, wait=wait, record=record, look=look)
        self._stack.callback(helper.stop)
        return helper

    @property
    def rtsp(self) -> str:
        """The RTSP address of the media server, without a path."""
        return f"rtsp://127.0.0.1:{self.settings.media_rtsp_port}"

    def ready_paths(self) -> dict[str, str]:
        """The media server's ready paths: when each became ready."""
        address = f"http://127.0.0.1:{self.settings.media_api_port}/v3/paths/list"
        answer = httpx.get(address, auth=(API_USER, API_PASSWORD), timeout=20.0, trust_env=False)
        return {item["name"]: item["readyTime"] for item in answer.json()["items"] if item["ready"]}

    def dub(self, name: str, language: str = "es") -> dict[str, Any] | None:
        """What the dubber says about a dub, None where it has none."""
        for stream in self.http.get("/streams").raise_for_status().json()["streams"]:
            for dub in stream["dubs"]:
                if (stream["name"], dub["language"]) == (name, language):
                    return dict(dub)
        return None

    def log_of(self, name: str) -> Path:
        """The log file of a service."""
        return self.folder / f"{name}.log"

    def logs(self) -> str:
        """The last lines that every service and publisher logged."""
        parts = []
        for log in sorted(self.folder.glob("*.log")):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL:]
            parts.append("\n".join([f"--- {log.stem}", *lines]))
        return "\n".join(parts)

    def _stop_all(self) -> None:
        # All at once: each may take seconds to play out what it has.
        for name in reversed(list(self.processes)):
            if self.processes[name].poll() is None:
                self.processes[name].terminate()
        for name in reversed(list(self.processes)):
            try:
                self.processes[name].wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                for process in self.family(name):
                    process.kill()
                self.processes[name].wait()


def link_models(models_dir: Path) -> None:
    """Has the models that packages carry in the folder without writing their megabytes for every stack."""
    models_dir.mkdir(parents=True, exist_ok=True)
    for model in CARRIED:
        kept, place = places.ready(model.name, SHARED_MODELS), models_dir / model.name
        if kept is not None and not place.exists():
            place.symlink_to(kept)


def inherited() -> dict[str, str]:
    """This process's environment without the variables that are settings of ours."""
    ours = {name.upper() for name in Settings.model_fields}
    return {name: value for name, value in os.environ.items() if name not in ours}
