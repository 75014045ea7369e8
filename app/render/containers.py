"""The catalogue as containers: what each service's container is given, decided without doing anything.

Pulumi and Compose render what is decided here; images/README.md says what an image relies on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from app import catalog, livekit
from app.catalog import CATALOG, UPLOADS, VOLUMES, Service
from app.render import caddy, edge, images, media
from app.settings import Settings
from app.settings.rules import shown

LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}
RESTART = "unless-stopped"
MEDIA_CONFIG = "/etc/mediamtx.yml"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
LABEL = "voicestack"
TOLD_TO_CLIENTS = {"media_webrtc_udp_port", "livekit_tcp_port", "livekit_udp_port"}
TEMPORARY = {"/tmp": "size=256m"}

# Who is given which secret: nobody else's container has it.
SECRETS: dict[str, tuple[str, ...]] = {
    "media_publish_password": ("dubber",),
    "media_read_password": ("dubber", "commentary"),
    "media_api_password": ("dubber",),
    "media_srt_passphrase": ("media",),
    "handover_secret": ("dubber",),
    "cdn_secret": ("edge",),
    "api_keys": ("sts", "dubber", "asr", "tts", "live", "sales", "web", "api", "commentary"),
    "oidc_client_secret": ("web",),
    "llm_api_key": ("sales", "api"),
    "openrouter_api_key": ("sales", "api"),
    "db_password": ("db", "api", "transcriber"),
    "webhook_secret": ("api",),
    "livekit_api_secret": ("livekit", "commentary"),
}
MODEL_KEYS = ("llm_api_key", "openrouter_api_key")
# A name that means nothing without its secret: nobody has the one without the other.
TOGETHER = {"media_publish_user": "media_publish_password", "media_read_user": "media_read_password"}
# Where containers are, and nobody else comes from: what is behind an edge is offered to this machine alone.
NEIGHBOURS = ("127.0.0.1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
# What a container has its own answer to.
OWN = {"bind_address", "data_dir", "voices_dir", "watch_folder", "commentary_folder", "commentary_devices"}


@dataclass(frozen=True)
class Published:
    """A port of a container that the host offers at `number` on `address`."""

    address: str
    number: int
    target: int
    protocol: Literal["tcp", "udp"]


@dataclass(frozen=True)
class Container:
    """A service's container. `environment` holds no secret, `secrets` nothing else.

    `mounts` leads from volume to path, `files` from path to text, `health` is a command that replaces the
    image's own check. Memory in MB, times in seconds.
    """

    service: Service
    image: str
    environment: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    mounts: Mapping[str, str]
    files: Mapping[str, str]
    tmpfs: Mapping[str, str]
    published: tuple[Published, ...]
    needs: tuple[str, ...]
    labels: Mapping[str, str]
    health: tuple[str, ...]
    read_only: bool
    gpu: bool

    @property
    def name(self) -> str:
        """The service's name, which is also its host name among the containers."""
        return self.service.name


def containers(services: tuple[Service, ...], settings: Settings, *, gpu: bool = False) -> list[Container]:
    """A container for each service, in order of start; `gpu` takes the CUDA images and asks for a GPU."""
    return [container(service, services, settings, gpu=gpu) for service in services]


def container(service: Service, services: tuple[Service, ...], settings: Settings, *, gpu: bool) -> Container:
    """The container of one service among those that run beside it."""
    names = {each.name for each in services}
    paths = {volume.name: volume.path for volume in VOLUMES}
    edged = catalog.has_edge(services)
    files = {MEDIA_CONFIG: media_config(settings, behind_edge=edged)} if service.name == "media" else {}
    database = service.name == "db"
    return Container(
        service=service,
        image=images.for_service(service.image, gpu=gpu),
        environment=environment(service, services, settings),
        secrets=secrets(service, settings),
        mounts={name: paths[name] for name in service.volumes},
        files=files,
        tmpfs=TEMPORARY if service.module is not None else {},
        published=published(service, services, settings),
        needs=tuple(need for need in service.needs if need in names),
        labels={f"{LABEL}.service": service.name},
        health=health(service, settings),
        # Docker copies no file into a read-only root, and PostgreSQL writes beside its data.
        read_only=not files and not database,
        gpu=gpu and service.gpu,
    )


def health(service: Service, settings: Settings) -> tuple[str, ...]:
    """The command that checks a service whose image is not ours; ours bring their own."""
    if service.name == "db":
        login = (f"--username={settings.db_user}", f"--dbname={settings.db_name}")
        return ("pg_isready", "--host=127.0.0.1", *login)
    if service.name == "livekit":
        port = service.port(service.health_port).number
        return ("wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{port}{service.health}")
    return ()


def environment(service: Service, services: tuple[Service, ...], settings: Settings) -> dict[str, str]:
    """What is no secret: where the others are, and the settings that somebody has made."""
    if service.name == "db":
        return {"POSTGRES_USER": settings.db_user, "POSTGRES_DB": settings.db_name}
    if service.name == "edge":
        return {"CADDY_CONFIG": edge_config(settings)}
    if service.name == "livekit":
        return {"LIVEKIT_CONFIG": livekit_config(settings)}
    if service.name == "media" and catalog.has_edge(services):
        return {"CERTIFICATE": media.certificate(inside_media(settings))}
    if service.module is None:
        return {}
    return {
        "SERVICE_MODE": service.name,
        "BIND_ADDRESS": "0.0.0.0",
        "DATA_DIR": "/data",
        # On disk: /tmp is memory, and smaller than the largest upload.
        **({"TMPDIR": UPLOADS} if "uploads" in service.volumes else {}),
        **addresses(services),
        **made(service, settings),
        # That of the host where it is among them, else that of its own.
        **({"DB_PORT": str(settings.db_port)} if asks_another(service, services) else {}),
        # Inside, a service listens for all; whether that is this machine alone, its published ports say.
        **({"WYOMING_WITHOUT_KEYS": "true"} if settings.wyoming_enabled and settings.stays_here else {}),
        **(behind_edge(settings) if catalog.has_edge(services) else {}),
    }


def behind_edge(settings: Settings) -> dict[str, str]:
    """What services are told of the edge before them: its names, and whom to believe who asks."""
    return {
        "ALLOWED_HOSTS": edge.variables_behind(settings)["ALLOWED_HOSTS"],
        "FORWARDED_ALLOW_IPS": ",".join(NEIGHBOURS),
    }


def asks_another(service: Service, services: tuple[Service, ...]) -> bool:
    """Whether a service uses a database that is not among those that run beside it."""
    return "db" in service.needs and all(each.name != "db" for each in services)


def addresses(services: tuple[Service, ...]) -> dict[str, str]:
    """The variables that tell where those services are."""
    return {
        variable: pattern.format(host=service.name)
        for service in services
        for variable, pattern in service.found_by
    }


def made(service: Service, settings: Settings) -> dict[str, str]:
    """The settings that somebody made, as variables.

    Left out are secrets, users whose password the service is not given, the numbers of ports on the host,
    and addresses of this very machine, which mean the container itself inside of one.
    """
    useless = {user for user, secret in TOGETHER.items() if service.name not in SECRETS[secret]}
    ports = {port.setting for service in CATALOG for port in service.ports}
    found = {variable.lower() for service in CATALOG for variable, _ in service.found_by}
    variables = {}
    for name in sorted(settings.model_fields_set - ports - OWN - set(SECRETS) - useless):
        text = shown(getattr(settings, name))
        if not text or (name in found and any(host in text for host in LOCAL_HOSTS)):
            continue
        variables[name.upper()] = text
    return variables


def secrets(service: Service, settings: Settings) -> dict[str, str]:
    """The secrets that this service uses and that somebody has set."""
    if service.name == "db":
        return {"POSTGRES_PASSWORD": settings.db_password.get_secret_value()}
    if service.name == "media":
        return media.secrets(settings)
    if service.name == "livekit":
        secret = settings.livekit_api_secret.get_secret_value()
        return {"LIVEKIT_KEYS": livekit.keys(settings.livekit_api_key, secret)}
    given = {
        name.upper(): plain(getattr(settings, name))
        for name, users in SECRETS.items()
        if service.name in users or (name in MODEL_KEYS and service.name in askers(settings))
    }
    return {name: value for name, value in given.items() if value}


def askers(settings: Settings) -> tuple[str, ...]:
    """Who asks a language model only where the settings say so."""
    translators = ("sts", "live") if settings.mt_engine == "llm" else ()
    return (*translators, *(("commentary",) if settings.vision_model else ()))


def plain(value: SecretStr | tuple[SecretStr, ...]) -> str:
    """A secret, or a list of them, as it is written in an environment file."""
    values = value if isinstance(value, tuple) else (value,)
    return ",".join(each.get_secret_value() for each in values)


def published(service: Service, services: tuple[Service, ...], settings: Settings) -> tuple[Published, ...]:
    """The ports that the host offers; what is behind an edge it offers itself alone.

    WebRTC tells its clients the port that it listens on itself: its number is the same on both sides.
    """
    return tuple(
        Published(
            "127.0.0.1" if catalog.stays_behind(port, service, services) else settings.bind_address,
            number := int(getattr(settings, port.setting)),
            number if port.setting in TOLD_TO_CLIENTS else port.number,
            port.protocol,
        )
        for port in service.ports
        if port.public
    )


def edge_config(settings: Settings) -> str:
    """The edge's configuration among containers, where the world sees the host's port."""
    elsewhere = made(catalog.get("edge"), settings)
    inside = settings.model_copy(
        update={
            **{port.setting: port.number for service in CATALOG for port in service.ports},
            **{name.lower(): at for name, at in addresses(CATALOG).items() if name not in elsewhere},
            "bind_address": "0.0.0.0",
            "log_format": "json",
        }
    )
    folder = next(volume.path for volume in VOLUMES if volume.name == "edge")
    return json.dumps(
        caddy.configuration(inside, folder, web="web", shown_port=settings.edge_https_port), indent=2
    )


def inside_media(settings: Settings) -> Settings:
    """The settings as the media server's container has them."""
    numbers = {port.setting: port.number for port in catalog.get("media").ports}
    numbers["media_webrtc_udp_port"] = settings.media_webrtc_udp_port
    return settings.model_copy(
        update={
            **numbers,
            "bind_address": "0.0.0.0",
            "data_dir": type(settings.data_dir)("/data"),
            "dubber_url": settings.dubber_url
            if settings.dubber_url and not any(host in settings.dubber_url for host in LOCAL_HOSTS)
            else addresses((catalog.get("dubber"),))["DUBBER_URL"],
        }
    )


def media_config(settings: Settings, *, behind_edge: bool = False) -> str:
    """The media server's configuration where the others reach its control API and people its streams."""
    inside = inside_media(settings)
    configuration = media.configuration(inside)
    configuration["apiAddress"] = f"0.0.0.0:{inside.media_api_port}"
    if behind_edge:
        configuration |= media.encrypted(inside, lambda port: f"0.0.0.0:{port}")
        configuration["hlsTrustedProxies"] = configuration["webrtcTrustedProxies"] = list(NEIGHBOURS)
    configuration["webrtcAdditionalHosts"] = [settings.media_public_host or settings.local_host]
    return json.dumps(configuration, indent=2)


def livekit_config(settings: Settings) -> str:
    """LiveKit's configuration in a container, whose ports this machine offers."""
    inside = settings.model_copy(
        update={
            "bind_address": "0.0.0.0",
            "livekit_port": catalog.get("livekit").port("http").number,
            "media_public_host": settings.media_public_host or settings.local_host,
        }
    )
    return json.dumps(livekit.configuration(inside))


def problems(
    services: tuple[Service, ...], settings: Settings, *, gpu: bool = False, made_there: bool = False
) -> list[str]:
    """Everything that keeps these containers from running together, one line each.

    `made_there` says that a secret which only they share is made where they run.
    """
    found = []
    taken: dict[tuple[int, str], str] = {}
    for service in services:
        for port in service.ports:
            if not port.public:
                continue
            key = (int(getattr(settings, port.setting)), port.protocol)
            mine = port.setting.upper()
            if key in taken:
                found.append(
                    f"{mine}: port {key[0]} is {taken[key]}'s already; give one of them another number"
                )
            taken.setdefault(key, mine)
    if settings.wyoming_problem:
        found.append(settings.wyoming_problem)
    names = {service.name for service in services}
    if "db" in names and not settings.db_password.get_secret_value():
        found.append(
            "DB_PASSWORD: the database needs a password (for example one from `openssl rand -hex 16`)"
        )
    if settings.uploads_bucket and any("archive" in service.volumes for service in services):
        found.append(
            "UPLOADS_BUCKET: containers have no credentials of AWS: leave it away (here the files lie in the "
            "volume archive, on AWS in the stack's own bucket)"
        )
    if "livekit" in names and not settings.livekit_enabled:
        found.append("livekit: set LIVEKIT_ENABLED=true, or nobody uses it")
    if "livekit" in names and not made_there and not settings.livekit_api_secret.get_secret_value():
        found.append(
            "LIVEKIT_API_SECRET: LiveKit needs a secret (for example one from `openssl rand -hex 24`)"
        )
    if gpu and not any(service.gpu for service in services):
        found.append("variant cuda: none of the chosen services uses a GPU; take variant cpu")
    return found
