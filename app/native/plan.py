"""What is to be started and how, decided from the catalogue and the settings; nothing is done here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from app import catalog
from app.catalog import Port, Service
from app.render import edge, media
from app.settings import Settings

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A service that ran this long in good health starts its backoff anew.
GOOD_RUN = 60.0
# What the environment may tell a program that is not ours: a list of what is let through, so that a secret in
# a variable that nobody has thought of is not. MTX_… would override the media server's configuration.
FOREIGN = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR",
        # The guard before it is a Python.
        "PYTHONPATH", "PYTHONHOME", "PYTHONUNBUFFERED", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
        # Go's own, by which a host with little memory holds it down.
        "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "GOTRACEBACK",
        # Whom it trusts: an authority of one's own for the edge's certificate.
        "SSL_CERT_FILE", "SSL_CERT_DIR",
    }
)  # fmt: skip


IDLE_FOR = 300.0
"""Seconds after which a service that nobody asked for frees its model."""
PROGRAMS = {"db": "app.native.postgres", "edge": "app.native.edge", "livekit": "app.native.livekit"}
"""Services that are not ours, and the module of ours that runs them."""


@dataclass(frozen=True)
class Launch:
    """How a service is run: its command, the address that tells its health, what it answers there, and what
    its environment has beside ours, secrets among them. Without one that is `spare` the others run, too."""

    service: Service
    command: tuple[str, ...]
    health_url: str
    healthy: frozenset[int]
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    spare: bool = False


def number(port: Port, settings: Settings) -> int:
    """The number that the settings give a port."""
    return int(getattr(settings, port.setting))


def listens_on(port: Port, settings: Settings) -> str:
    """The address a port is bound to: one that is not public stays on this machine."""
    return settings.bind_address if port.public else "127.0.0.1"


def launches(
    services: tuple[Service, ...], settings: Settings, media_binary: Path, media_config: Path
) -> list[Launch]:
    """How to run those services on this machine, beside each other."""
    if not catalog.has_edge(services):
        return [launch(each, settings, media_binary, media_config) for each in services]
    inner = edge.behind(settings)
    found = [
        launch(each, settings if each.name == "edge" else inner, media_binary, media_config)
        for each in services
    ]
    ours = edge.variables_behind(settings)
    return [replace(each, variables=ours) if each.service.module is not None else each for each in found]


def launch(service: Service, settings: Settings, media_binary: Path, media_config: Path) -> Launch:
    """How to run that service on this machine."""
    port = service.port(service.health_port)
    host = settings.local_host if port.public else "127.0.0.1"
    command: tuple[str, ...]
    if service.name in PROGRAMS:
        command = (sys.executable, "-m", PROGRAMS[service.name])
    elif service.module is None:
        command = (str(media_binary), str(media_config))
    else:
        command = (sys.executable, "-m", "app", "serve", service.name)
    scheme = "http" if service.health else port.name
    url = f"{scheme}://{bracket(host)}:{number(port, settings)}{service.health}"
    secrets = media.secrets(settings) if service.name == "media" else {}
    return Launch(service, command, url, healthy_statuses(service), secrets)


def healthy_statuses(service: Service) -> frozenset[int]:
    """The HTTP statuses that say a service is well.

    The media server asks us for a password, which shows as well that it lives.
    """
    return frozenset({200}) if service.module is not None else frozenset({200, 401})


def bracket(host: str) -> str:
    """A host as it is written in an address."""
    return f"[{host}]" if ":" in host else host


def environment(service: Service, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service's process: what we have, with its output not held back.

    A program that is not ours gets only what FOREIGN names: no proxy, as it talks to this machine alone.
    """
    own = {**inherited, "PYTHONUNBUFFERED": "1"}
    return own if service.module is not None or service.name in PROGRAMS else without_settings(own)


def without_settings(inherited: Mapping[str, str]) -> dict[str, str]:
    """What of an environment a program that is not ours may see."""
    return {name: value for name, value in inherited.items() if name in FOREIGN or name.startswith("LC_")}


def delay_before_restart(failures: int) -> float:
    """Seconds to wait before the next start, doubled at each failure: 0.5, 1, 2, … 30."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures, 10))


def addresses(services: tuple[Service, ...], settings: Settings) -> list[tuple[str, str]]:
    """What people do with what runs, and the address for it, most wanted first."""
    host = bracket(settings.local_host)
    names = {service.name for service in services}
    language = settings.target_languages[0]
    rows: list[tuple[str, str]] = []
    if "edge" in names:
        secure, named = edge.address(settings), bracket(edge.names(settings)[0])
        rows += [
            ("Console (HTTPS)", secure),
            ("Publish (WHIP, HTTPS)", f"{secure}/live/NAME/whip"),
            ("Watch (HLS, HTTPS)", f"{secure}/dub/NAME/{language}/index.m3u8"),
            ("Watch (WHEP, HTTPS)", f"{secure}/dub/NAME/{language}/whep"),
            ("Publish (RTMPS)", f"rtmps://{named}:{settings.media_rtmps_port}/live/NAME"),
            ("Publish (RTSPS)", f"rtsps://{named}:{settings.media_rtsps_port}/live/NAME"),
            ("Watch (RTMPS)", f"rtmps://{named}:{settings.media_rtmps_port}/dub/NAME/{language}"),
            ("Watch (RTSPS)", f"rtsps://{named}:{settings.media_rtsps_port}/dub/NAME/{language}"),
        ]
    if "web" in names:
        rows.append(("Console", f"http://{host}:{settings.web_port}"))
    if "media" in names:
        rows += [
            ("Publish (RTMP)", f"rtmp://{host}:{settings.media_rtmp_port}/live/NAME"),
            ("Publish (RTSP)", f"rtsp://{host}:{settings.media_rtsp_port}/live/NAME"),
            ("Publish (SRT)", f"srt://{host}:{settings.media_srt_port}?streamid=publish:live/NAME"),
            ("Watch (RTSP)", f"rtsp://{host}:{settings.media_rtsp_port}/dub/NAME/{language}"),
            ("Watch (RTMP)", f"rtmp://{host}:{settings.media_rtmp_port}/dub/NAME/{language}"),
            ("Watch (SRT)", f"srt://{host}:{settings.media_srt_port}?streamid=read:dub/NAME/{language}"),
            ("Watch (HLS)", f"http://{host}:{settings.media_hls_port}/dub/NAME/{language}/index.m3u8"),
            ("Watch (WebRTC)", f"http://{host}:{settings.media_webrtc_port}/dub/NAME/{language}"),
        ]
    for name, title, address in (
        ("asr", "Speech to text", f"http://{host}:{settings.asr_port}/v1"),
        ("tts", "Text to speech", f"http://{host}:{settings.tts_port}/v1"),
        ("live", "Live transcription", f"ws://{host}:{settings.live_port}"),
        ("sales", "Objections in calls", f"http://{host}:{settings.sales_port}/docs"),
        ("api", "Uploads and transcripts", f"http://{host}:{settings.api_port}/docs"),
        ("commentary", "Commentary on video", f"http://{host}:{settings.commentary_port}/docs"),
        ("replica", "Read replica", f"http://{host}:{settings.replica_port}/all/NAME/steered.m3u8"),
        ("dubber", "Dubber", f"http://{host}:{settings.dubber_port}"),
        ("sts", "Speech to speech", f"ws://{host}:{settings.sts_port}"),
    ):
        if name in names:
            rows.append((title, address))
    return rows


def spared(launches: list[Launch], settings: Settings) -> list[Launch]:
    """The same where nobody asked for the optional ones among them: they may be missing, and those with a
    model load it when it is wanted, and free it again."""
    given = {} if "model_ttl" in settings.model_fields_set else {"MODEL_TTL": f"{IDLE_FOR:g}"}
    return [
        replace(each, spare=True, variables={**each.variables, **given}) if each.service.optional else each
        for each in launches
    ]


def names_of(services: tuple[Service, ...]) -> str:
    """The services' names in order of start."""
    return ", ".join(service.name for service in services)


def chosen(names: list[str]) -> tuple[Service, ...]:
    """The services that were asked for and what they need. Raises catalog.UnknownService."""
    return catalog.select(name for part in names for name in part.replace(",", " ").split())


def everything() -> tuple[Service, ...]:
    """What starts where nobody names a service."""
    return catalog.select(each.name for each in catalog.CATALOG if each.native or not each.optional)
