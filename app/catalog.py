"""The service catalogue: every service declared once, for every way of running it.

Plain data that imports nothing heavy, so that the supervisor, Pulumi and the console
all read the same list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Port:
    """A port a service listens on. `setting` names the settings field that holds its number."""

    name: str
    setting: str
    number: int
    purpose: str
    protocol: Literal["tcp", "udp"] = "tcp"
    public: bool = True


@dataclass(frozen=True)
class Service:
    """What a service is, wherever it runs.

    `module` is the Python module whose `create(settings)` makes its FastAPI application,
    or None for a program that is not ours. `needs` are services that must be healthy first.
    `grace` is the time in seconds it is given to drain after SIGTERM.
    """

    name: str
    title: str
    image: str
    ports: tuple[Port, ...]
    module: str | None = None
    needs: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    health: str = "/health"
    health_port: str = "http"
    start_within: float = 60.0
    grace: float = 10.0
    gpu: bool = False
    debian: tuple[str, ...] = field(default=())

    def port(self, name: str) -> Port:
        """The port of that name. Raises KeyError where the service has none."""
        for port in self.ports:
            if port.name == name:
                return port
        raise KeyError(f"{self.name} has no port named {name}")


CATALOG: tuple[Service, ...] = (
    Service(
        name="sts",
        title="Speech to speech: phrase in, translated phrase out",
        image="speech",
        module="app.speech.service",
        ports=(Port("http", "sts_port", 5003, "speech-to-speech WebSocket"),),
        volumes=("models",),
        gpu=True,
    ),
    Service(
        name="media",
        title="Media server: takes streams in, serves dubbed streams out",
        image="media",
        ports=(
            Port("rtmp", "media_rtmp_port", 1935, "RTMP ingest and playback"),
            Port("rtsp", "media_rtsp_port", 8554, "RTSP ingest and playback"),
            Port("hls", "media_hls_port", 8888, "HLS playback"),
            Port("webrtc", "media_webrtc_port", 8889, "WebRTC ingest and playback"),
            Port("webrtc-udp", "media_webrtc_udp_port", 8189, "WebRTC media", protocol="udp"),
            Port("api", "media_api_port", 9997, "control API", public=False),
        ),
        volumes=("recordings",),
        health="/v3/config/global/get",
        health_port="api",
    ),
    Service(
        name="dubber",
        title="Dubber: one worker process a stream and language",
        image="app",
        module="app.dubbing.service",
        ports=(Port("http", "dubber_port", 8003, "streams, captions, operator controls"),),
        needs=("media", "sts"),
    ),
    Service(
        name="web",
        title="Console",
        image="app",
        module="app.web.service",
        ports=(Port("http", "web_port", 4200, "console"),),
        needs=("dubber",),
    ),
)


class UnknownService(ValueError):
    """A service was asked for that the catalogue does not have."""


def get(name: str) -> Service:
    """The service of that name. Raises UnknownService, listing the choices."""
    for service in CATALOG:
        if service.name == name:
            return service
    choices = ", ".join(service.name for service in CATALOG)
    raise UnknownService(f"unknown service {name!r}; the services are: {choices}")


def select(names: Iterable[str] = ()) -> tuple[Service, ...]:
    """The named services and all they need, in order of start; every service where none is named.

    Raises UnknownService for a name that the catalogue does not have.
    """
    ordered: list[Service] = []

    def visit(service: Service) -> None:
        if service in ordered:
            return
        for need in service.needs:
            visit(get(need))
        ordered.append(service)

    for service in [get(name) for name in names] or list(CATALOG):
        visit(service)
    return tuple(ordered)
