"""What must be right before anything starts; every problem is told at once, with its remedy."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import replace
from pathlib import Path

from app import livekit
from app.access.gate import is_closed
from app.access.store import ACCOUNTS, store_of
from app.catalog import Service
from app.native import postgres
from app.native.edge import has_certificate
from app.native.engines import engine_problems
from app.native.guard import PRIVATE
from app.native.plan import names_of
from app.native.ports import port_problems
from app.native.problem import Problem
from app.render import edge, media
from app.serving.guarding import LOOPBACK
from app.settings import Settings

WITH_KEYS = ("asr", "tts", "live", "api")


def before_start(services: tuple[Service, ...], settings: Settings) -> list[Problem]:
    """All that keeps these services from starting on this machine, and what is only worth knowing."""
    names = {service.name for service in services}
    return [
        *port_problems(services, settings),
        *(media_problems() if "media" in names else []),
        *(postgres_problems() if "db" in names else []),
        *(edge_problems(settings) if "edge" in names else []),
        *(engine_problems(settings) if "sts" in names else []),
        *livekit_problems(names, settings),
        *_modules(services),
        *data_folder_problems(settings),
        *_open_to_all(settings),
        *_without_login(services, settings),
    ]


def that_fit(services: tuple[Service, ...], settings: Settings) -> tuple[tuple[Service, ...], list[Problem]]:
    """The services without the optional ones where something is in the way of these, and what that is.

    A database of one's own takes the place of ours.
    """
    if settings.db_host not in LOOPBACK:
        services = tuple(each for each in services if each.name != "db")
    needed = tuple(each for each in services if not each.optional)
    spare = tuple(each for each in services if each.optional)
    ports = [
        each for each in port_problems(services, settings) if each not in port_problems(needed, settings)
    ]
    database = any(each.name == "db" for each in services)
    problems = [*(postgres_problems() if database else []), *ports, *_modules(spare)]
    if not problems:
        return services, []
    what = f"Started without {names_of(spare)}: {problems[0].what}"
    return needed, [replace(problems[0], what=what, fatal=False)]


def commentary_problems(settings: Settings) -> list[Problem]:
    """The cameras that commentary may watch by the settings, and can't here."""
    problems = []
    for device in settings.commentary_devices:
        if not os.path.exists(device):
            remedy = "Plug it in, or correct COMMENTARY_DEVICES."
            problems.append(Problem(f"{device} is not there", remedy, fatal=False))
        elif not os.access(device, os.R_OK):
            remedy = "Debian: usermod -aG video USER, then log in again."
            problems.append(Problem(f"{device} may not be read", remedy, fatal=False))
    return problems


def media_problems() -> list[Problem]:
    """What the media server lacks."""
    problems = []
    try:
        media.find_binary()
    except media.MediaServerMissing:
        problems.append(Problem(f"MediaMTX {media.VERSION} is not on this machine", "Run `make setup`."))
    if shutil.which("curl") is None:
        problems.append(
            Problem(
                "curl is missing: the media server tells the dubber of new streams with it",
                "Debian: apt-get install curl. macOS has it.",
            )
        )
    return problems


def postgres_problems() -> list[Problem]:
    """Whether PostgreSQL is here and can run as whoever we are."""
    try:
        postgres.binaries()
        postgres.unprivileged()
    except postgres.PostgresMissing as error:
        return [Problem(str(error), "Only uploads need it: `make run` starts without them.")]
    return []


def edge_problems(settings: Settings) -> list[Problem]:
    """Whether Caddy is here, and what makes the certificate that is shown until it has its own."""
    problems = []
    try:
        edge.find_binary()
    except edge.EdgeMissing:
        problems.append(
            Problem(f"Caddy {edge.VERSION} is not on this machine", 'Run `make setup ARGS="--edge"`.')
        )
    if not has_certificate(Path(media.certificate(settings))) and shutil.which("openssl") is None:
        problems.append(
            Problem(
                "openssl is missing: it makes the certificate that RTMPS and RTSPS begin with",
                "Debian: apt-get install openssl. macOS has it.",
            )
        )
    return problems


def livekit_problems(names: set[str], settings: Settings) -> list[Problem]:
    """What is missing for rooms, where there are to be such."""
    if "livekit" in names and not settings.livekit_enabled:
        return [Problem("LIVEKIT_ENABLED is off, so nobody would use livekit", "Set LIVEKIT_ENABLED=true.")]
    problems = []
    if "livekit" in names:
        try:
            livekit.find_binary()
        except livekit.LiveKitMissing as error:
            problems.append(Problem(str(error), "Run `make livekit`."))
    if settings.livekit_enabled and "commentary" in names and importlib.util.find_spec("livekit") is None:
        problems.append(Problem("the Python packages of LiveKit are missing", "Run `make livekit`."))
    return problems


def _modules(services: tuple[Service, ...]) -> list[Problem]:
    return [
        Problem(f"{service.name} is not part of this installation", "Run `make setup`.")
        for service in services
        if service.module is not None and importlib.util.find_spec(service.module) is None
    ]


def data_folder_problems(settings: Settings) -> list[Problem]:
    """Whether DATA_DIR can be written; its folders are made where they are missing."""
    try:
        settings.recordings_dir.mkdir(mode=0o777 & ~PRIVATE, parents=True, exist_ok=True)
        settings.models_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return [
            Problem(
                f"DATA_DIR={settings.data_dir} can't be written: {error.strerror}",
                "Set DATA_DIR to a folder of your own.",
            )
        ]
    return []


def _open_to_all(settings: Settings) -> list[Problem]:
    if settings.bind_address in LOOPBACK or settings.media_publish_user:
        return []
    return [
        Problem(
            f"BIND_ADDRESS={settings.bind_address} and no password: anyone on your network may publish",
            "Set MEDIA_PUBLISH_USER and MEDIA_PUBLISH_PASSWORD (and MEDIA_READ_… for watching).",
            fatal=False,
        )
    ]


def _without_login(services: tuple[Service, ...], settings: Settings) -> list[Problem]:
    names = [
        service.name for service in services if service.module is not None and is_open(service, settings)
    ]
    if settings.bind_address in LOOPBACK or not names:
        return []
    return [
        Problem(
            f"BIND_ADDRESS={settings.bind_address}: anyone on your network may use {', '.join(names)}, "
            "which ask for no login",
            "`python -m app users add NAME --role operator` closes the console, and what it uses for all who "
            "have no key of `python -m app keys add`; let only the dubber reach sts: a firewall.",
            fatal=False,
        )
    ]


def is_open(service: Service, settings: Settings) -> bool:
    """Whether a service of ours asks nobody who comes for a key or a login."""
    store = store_of(settings)
    if service.name == "web":
        return not settings.oidc_issuer and not store.holds(ACCOUNTS)
    if service.name in WITH_KEYS and settings.api_keys:
        return False
    return service.name not in (*WITH_KEYS, "dubber", "sales") or not is_closed(settings, store)
