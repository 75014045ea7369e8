"""The service catalogue: every service declared once, for every way of running it.

Plain data that imports nothing heavy, so that the supervisor, Pulumi and the console
all read the same list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Audience = Literal["publishers", "viewers", "operators"]
EVERYONE: tuple[Audience, ...] = ("publishers", "viewers")
ALL: tuple[Audience, ...] = (*EVERYONE, "operators")
BEHIND_EDGE = frozenset({"http", "hls", "webrtc"})
"""Names of the ports that speak HTTP: with an edge they stay on this machine, behind it."""


@dataclass(frozen=True)
class Port:
    """A port a service listens on. `setting` names the settings field that holds its number.

    `audience` are those whom production opens it to, where it is public. One that is `certified` shows the
    edge's certificate, and is there only beside an edge.
    """

    name: str
    setting: str
    number: int
    purpose: str
    protocol: Literal["tcp", "udp"] = "tcp"
    public: bool = True
    audience: tuple[Audience, ...] = ("operators",)
    certified: bool = False


@dataclass(frozen=True)
class Volume:
    """Data that outlives a container. `path` is where a container has it."""

    name: str
    path: str
    purpose: str


@dataclass(frozen=True)
class Service:
    """What a service is, wherever it runs.

    `module` is the Python module whose `create(settings)` makes its FastAPI application,
    or None for a program that is not ours. `needs` are services that must be healthy first.
    `found_by` are the settings that tell the others where it is, with {host} for its host.
    One that `overlaps` takes over from its predecessor: in a release of production its new container starts
    beside the old one, so it has no port of its own on the host there.
    `grace` is the time in seconds it is given to drain after SIGTERM, `memory` what its container
    may use, in MB. An `optional` service only runs where it is asked for or needed; one that is `native` too
    is also started by `make run`, where nothing is in its way.
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
    found_by: tuple[tuple[str, str], ...] = ()
    memory: int = 512
    gpu: bool = False
    optional: bool = False
    native: bool = False
    overlaps: bool = False

    def port(self, name: str) -> Port:
        """The port of that name. Raises KeyError where the service has none."""
        for port in self.ports:
            if port.name == name:
                return port
        raise KeyError(f"{self.name} has no port named {name}")


UPLOADS = "/data/uploads"
CERTIFICATES = "certificates"
"""The volume that the edge shares with those who show its certificate."""
LIVEKIT = "1.11.0"
"""The version of LiveKit's server: its module, its image, its configuration."""

VOLUMES: tuple[Volume, ...] = (
    Volume("models", "/data/models", "speech models"),
    Volume("voices", "/data/voices", "voices of your own"),
    Volume("recordings", "/data/recordings", "recorded streams"),
    Volume("profiles", "/data/profiles", "streams' profiles, sources, and where dubs are sent on to"),
    Volume("phrases", "/data/phrases", "recorded phrases of dubs: sounds and records"),
    Volume("joined", "/data/joined", "streams in all their languages, live and to be watched again"),
    Volume("calls", "/data/calls", "sales calls: what was said and objected to"),
    Volume("uploads", UPLOADS, "uploads that asr still reads; nothing in it outlives a request"),
    Volume("videos", "/data/videos", "videos that may be commented on"),
    Volume("archive", "/data/archive", "uploaded files and what is made of them"),
    Volume("access", "/data/access", "accounts, sessions and API keys"),
    Volume("edge", "/data/edge", "the keys of the edge's own authority and of its account at another"),
    Volume(CERTIFICATES, "/data/edge/certificates", "the edge's certificates and their keys"),
    Volume("postgres-data", "/var/lib/postgresql/data", "database"),
)

CATALOG: tuple[Service, ...] = (
    Service(
        name="sts",
        title="Speech to speech: phrase in, translated phrase out",
        image="speech",
        module="app.speech.sts.service",
        ports=(Port("http", "sts_port", 5003, "speech to speech: our protocol and OpenAI's"),),
        volumes=("models", "voices"),
        found_by=(("STS_URLS", "ws://{host}:5003"),),
        # Three engines are loaded and one is measured: 8 s of a processor that may have much else to do.
        start_within=120.0,
        grace=20.0,
        memory=2048,
        gpu=True,
    ),
    Service(
        name="media",
        title="Media server: takes streams in, serves dubbed streams out",
        image="media",
        ports=(
            Port("rtmp", "media_rtmp_port", 1935, "RTMP ingest and playback", audience=EVERYONE),
            Port("rtsp", "media_rtsp_port", 8554, "RTSP ingest and playback", audience=EVERYONE),
            Port("hls", "media_hls_port", 8888, "HLS playback", audience=("viewers",)),
            Port("webrtc", "media_webrtc_port", 8889, "WebRTC ingest and playback", audience=EVERYONE),
            Port("webrtc-udp", "media_webrtc_udp_port", 8189, "WebRTC media", "udp", audience=EVERYONE),
            Port("srt", "media_srt_port", 8890, "SRT ingest and playback", "udp", audience=EVERYONE),
            Port(
                "rtmps",
                "media_rtmps_port",
                1936,
                "RTMPS ingest and playback",
                audience=EVERYONE,
                certified=True,
            ),
            Port(
                "rtsps",
                "media_rtsps_port",
                8322,
                "RTSPS ingest and playback",
                audience=EVERYONE,
                certified=True,
            ),
            Port("api", "media_api_port", 9997, "control API", public=False),
        ),
        volumes=("recordings", CERTIFICATES),
        found_by=(("MEDIA_HOST", "{host}"),),
        health="/v3/config/global/get",
        health_port="api",
    ),
    Service(
        name="dubber",
        title="Dubber: one worker process a stream and language",
        image="app",
        module="app.dubbing.service.service",
        ports=(Port("http", "dubber_port", 8003, "streams, captions, operator controls"),),
        needs=("media", "sts"),
        volumes=("profiles", "phrases", "joined", "access"),
        found_by=(("DUBBER_URL", "http://{host}:8003"),),
        grace=15.0,
        memory=1024,
        overlaps=True,
    ),
    Service(
        name="asr",
        title="Speech to text over REST",
        image="speech",
        module="app.speech.asr.service",
        ports=(
            Port("http", "asr_port", 5001, "OpenAI-compatible transcription"),
            Port("wyoming", "asr_wyoming_port", 10300, "Wyoming protocol, where WYOMING_ENABLED"),
        ),
        volumes=("models", "uploads", "access"),
        found_by=(("ASR_URL", "http://{host}:5001"),),
        grace=20.0,
        memory=2048,
        gpu=True,
    ),
    Service(
        name="tts",
        title="Text to speech over REST",
        image="speech",
        module="app.speech.tts.service",
        ports=(
            Port("http", "tts_port", 5002, "OpenAI-compatible speech"),
            Port("wyoming", "tts_wyoming_port", 10200, "Wyoming protocol, where WYOMING_ENABLED"),
        ),
        volumes=("models", "voices", "access"),
        found_by=(("TTS_URL", "http://{host}:5002"),),
        grace=20.0,
        memory=2048,
        gpu=True,
    ),
    Service(
        name="live",
        title="Live transcription over WebSocket",
        image="speech",
        module="app.live.service",
        ports=(Port("http", "live_port", 9090, "live transcription: WhisperLive's and OpenAI's protocols"),),
        volumes=("models", "access"),
        found_by=(("WHISPER_HOST", "{host}"), ("WHISPER_PORT", "9090")),
        grace=20.0,
        memory=2048,
        gpu=True,
    ),
    Service(
        name="sales",
        title="Objections in a live transcript",
        image="app",
        module="app.sales.service",
        ports=(Port("http", "sales_port", 8002, "calls, objections, events"),),
        needs=("live",),
        volumes=("calls", "access"),
        found_by=(("SALES_URL", "http://{host}:8002"),),
        grace=20.0,
    ),
    Service(
        name="web",
        title="Console",
        image="app",
        module="app.web.service",
        ports=(Port("http", "web_port", 4200, "console"),),
        needs=("dubber",),
        volumes=("access",),
    ),
    Service(
        name="edge",
        title="Edge: HTTPS in front of the console, the APIs and the streams",
        image="edge",
        ports=(
            Port("https", "edge_https_port", 8443, "HTTPS", audience=ALL),
            Port("quic", "edge_https_port", 8443, "HTTP/3", "udp", audience=ALL),
            Port("http", "edge_http_port", 8080, "leads to HTTPS, answers ACME", audience=ALL),
        ),
        needs=("web",),
        volumes=("edge", CERTIFICATES),
        memory=256,
        optional=True,
    ),
    Service(
        name="db",
        title="PostgreSQL",
        image="postgres:15",
        ports=(Port("postgres", "db_port", 5432, "PostgreSQL", public=False),),
        volumes=("postgres-data",),
        found_by=(("DB_HOST", "{host}"), ("DB_PORT", "5432")),
        health="",
        health_port="postgres",
        grace=30.0,
        optional=True,
        native=True,
    ),
    Service(
        name="api",
        title="Uploads and their transcripts",
        image="app",
        module="app.api.service",
        ports=(Port("http", "api_port", 8001, "uploads, transcripts, search, exports"),),
        needs=("db",),
        volumes=("archive", "access"),
        found_by=(("API_URL", "http://{host}:8001"),),
        grace=20.0,
        optional=True,
        native=True,
    ),
    Service(
        name="transcriber",
        title="Uploads to text, piece by piece",
        image="speech",
        module="app.transcriber.service",
        ports=(Port("http", "transcriber_port", 8004, "health and metrics", public=False),),
        needs=("db",),
        volumes=("models", "archive"),
        grace=30.0,
        memory=2048,
        gpu=True,
        optional=True,
        native=True,
    ),
    Service(
        name="commentary",
        title="Commentary on video: what is seen, in text and speech",
        image="commentary",
        module="app.commentary.service",
        ports=(Port("http", "commentary_port", 8199, "sources, sessions, comments"),),
        volumes=("videos", "access"),
        found_by=(("COMMENTARY_URL", "http://{host}:8199"),),
        memory=1024,
        optional=True,
    ),
    Service(
        name="replica",
        title="Read replica: gives viewers what it has asked a cell for once",
        image="app",
        module="app.replica.service",
        ports=(Port("http", "replica_port", 8005, "HLS in every language", audience=("viewers",)),),
        optional=True,
    ),
    Service(
        name="livekit",
        title="LiveKit: rooms that browsers bring their cameras into",
        image=f"livekit/livekit-server:v{LIVEKIT}",
        ports=(
            Port("http", "livekit_port", 7880, "rooms: who comes, what is shown", audience=EVERYONE),
            Port("rtc-tcp", "livekit_tcp_port", 7881, "rooms' media over TCP", audience=EVERYONE),
            Port("rtc-udp", "livekit_udp_port", 7882, "rooms' media", "udp", audience=EVERYONE),
        ),
        found_by=(("LIVEKIT_URL", "ws://{host}:7880"),),
        health="/",
        grace=3.0,
        optional=True,
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


def stays_behind(port: Port, service: Service, services: Iterable[Service]) -> bool:
    """Whether a service's port is reached through the edge among these services."""
    return port.name in BEHIND_EDGE and service.name != "edge" and has_edge(services)


def has_edge(services: Iterable[Service]) -> bool:
    """Whether the edge is among these services."""
    return any(each.name == "edge" for each in services)


def select(names: Iterable[str] = ()) -> tuple[Service, ...]:
    """The named services and all they need, in order of start; without a name all but the optional ones.

    Raises UnknownService for a name that the catalogue does not have.
    """
    ordered: list[Service] = []

    def visit(service: Service) -> None:
        if service in ordered:
            return
        for need in service.needs:
            visit(get(need))
        ordered.append(service)

    for service in [get(name) for name in names] or [each for each in CATALOG if not each.optional]:
        visit(service)
    return tuple(ordered if has_edge(ordered) else map(uncertified, ordered))


def uncertified(service: Service) -> Service:
    """The service without what it has for an edge's certificate."""
    return replace(
        service,
        ports=tuple(port for port in service.ports if not port.certified),
        volumes=tuple(name for name in service.volumes if name != CERTIFICATES),
    )
