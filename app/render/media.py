"""The media server: where its binary is found, and its configuration drawn from the settings.

Standard library only at import: `make setup` reads it before anything is installed.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cache import cache_dir
from app.render import edge

if TYPE_CHECKING:
    from app.settings import Settings

VERSION = "1.13.1"
# Keys of the configuration and names of the hooks change between minor versions; an unknown key stops it.
COMPATIBLE = re.compile(r"^v?1\.13\.\d+$")

LIVE_PATH = "~^live/([A-Za-z0-9_.-]+)$"
DESCRIBED_PATH = "~^described/([A-Za-z0-9_.-]+)$"
DUB_PATH = "~^dub/([A-Za-z0-9_.-]+)/([a-z]{2,3})$"
SRT_PASSPHRASES = ("MTX_PATHDEFAULTS_SRTPUBLISHPASSPHRASE", "MTX_PATHDEFAULTS_SRTREADPASSPHRASE")
RECORDINGS_KEPT = "168h"
# What no page's origin is ever equal to.
NO_ORIGIN = "none"


class MediaServerMissing(RuntimeError):
    """There is no MediaMTX that fits, neither on PATH nor in the cache."""


def cached_binary() -> Path:
    """Where `make setup` puts MediaMTX; it may not exist yet."""
    return cache_dir(f"mediamtx-{VERSION}", "mediamtx")


def find_binary() -> Path:
    """A MediaMTX that understands our configuration: from PATH, else from the cache.

    Raises MediaServerMissing with the remedy.
    """
    on_path = shutil.which("mediamtx")
    if on_path is not None and is_compatible(Path(on_path)):
        return Path(on_path)
    if cached_binary().is_file():
        return cached_binary()
    raise MediaServerMissing(f"MediaMTX {VERSION} is missing: `make setup` builds it (or put 1.13.x on PATH)")


def is_compatible(binary: Path) -> bool:
    """Whether that binary says a version whose configuration is ours."""
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return COMPATIBLE.match(answer.stdout.strip()) is not None


def render(settings: Settings, *, behind_edge: bool = False) -> str:
    """The configuration of MediaMTX as JSON, which is YAML too. It holds no secret."""
    return json.dumps(configuration(settings, behind_edge=behind_edge), indent=2)


def certificate(settings: Settings) -> str:
    """The edge's certificate, without its ending, as the media server finds it."""
    return f"{settings.data_dir.absolute()}/edge/{edge.certificate(settings)}"


def configuration(settings: Settings, *, behind_edge: bool = False) -> dict[str, Any]:
    """The configuration of MediaMTX 1.13 as plain data.

    The dubber decides who may publish, read and use the control API, which listens on this machine only. So
    does HTTP `behind_edge`, which says who asks. There RTMPS and RTSPS show the edge's certificate, which is
    read again when it is renewed.
    """
    inner = edge.behind(settings) if behind_edge else settings
    web = inner.bind_address
    trusted = ["127.0.0.1"] if behind_edge else []

    def address(port: int, host: str = settings.bind_address) -> str:
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    # It can name one origin. A page of any other would play what this browser may, and, where publishing
    # needs no password, take a stream's place.
    origin = settings.allowed_origins[0] if settings.allowed_origins else NO_ORIGIN
    return {
        "logLevel": {"warning": "warn"}.get(settings.log_level, settings.log_level),
        "logDestinations": ["stdout"],
        # A publisher that sends nothing for this long is gone. A worker whose source reconnects is silent
        # for up to ten seconds and keeps its readers.
        "readTimeout": "20s",
        "writeTimeout": "20s",
        # Packets that wait for a slow reader: about 3 s of a 6 Mb/s stream.
        "writeQueueSize": 2048,
        "authMethod": "http",
        "authHTTPAddress": f"{inner.dubber_address}/auth",
        # Not even the control API is left out: any page in a browser on this machine could post to it.
        "authHTTPExclude": [],
        "api": True,
        "apiAddress": address(settings.media_api_port, "127.0.0.1"),
        # No web page may read it from a browser on this machine.
        "apiAllowOrigin": NO_ORIGIN,
        "rtsp": True,
        "rtspTransports": ["tcp"],
        "rtspAddress": address(settings.media_rtsp_port),
        "rtmp": True,
        "rtmpAddress": address(settings.media_rtmp_port),
        "hls": True,
        "hlsAddress": address(settings.media_hls_port, web),
        "hlsTrustedProxies": trusted,
        "hlsAllowOrigin": origin,
        "hlsAlwaysRemux": False,
        # Plain fMP4 segments: every player and reverse proxy takes them, while low-latency HLS needs
        # HTTP/2 and TLS in Safari.
        "hlsVariant": "fmp4",
        "hlsSegmentCount": 7,
        "hlsSegmentDuration": "1s",
        "webrtc": True,
        "webrtcAddress": address(settings.media_webrtc_port, web),
        "webrtcTrustedProxies": trusted,
        "webrtcAllowOrigin": origin,
        "webrtcLocalUDPAddress": address(settings.media_webrtc_udp_port),
        "webrtcAdditionalHosts": [settings.media_public_host] if settings.media_public_host else [],
        "srt": True,
        "srtAddress": address(settings.media_srt_port),
        **(encrypted(settings, address) if behind_edge else {}),
        "pathDefaults": {
            # A publisher that comes back before its old connection timed out takes its path over.
            "overridePublisher": True,
            "record": settings.media_record,
            "recordPath": f"{settings.recordings_dir.absolute()}/%path/%Y-%m-%d_%H-%M-%S-%f",
            "recordFormat": "fmp4",
            "recordPartDuration": "1s",
            "recordSegmentDuration": "1h",
            "recordDeleteAfter": RECORDINGS_KEPT,
        },
        "paths": {
            LIVE_PATH: {
                "runOnReady": hook(inner, "ready"),
                "runOnNotReady": hook(inner, "not-ready"),
            },
            DUB_PATH: {},
            DESCRIBED_PATH: {},
        },
    }


def encrypted(settings: Settings, address: Callable[[int], str]) -> dict[str, Any]:
    """RTMPS and RTSPS, beside RTMP and RTSP."""
    ports = {"rtmp": settings.media_rtmps_port, "rtsp": settings.media_rtsps_port}
    found = {f"{name}sAddress": address(port) for name, port in ports.items()}
    for name in ports:
        found |= {
            f"{name}Encryption": "optional",
            f"{name}ServerKey": f"{certificate(settings)}.key",
            f"{name}ServerCert": f"{certificate(settings)}.crt",
        }
    return found


def secrets(settings: Settings) -> dict[str, str]:
    """What of the configuration is secret, as the variables that MediaMTX takes it from."""
    passphrase = settings.media_srt_passphrase.get_secret_value()
    return dict.fromkeys(SRT_PASSPHRASES, passphrase) if passphrase else {}


def hook(settings: Settings, event: str) -> str:
    """A command that tells the dubber of a stream; $MTX_PATH is replaced by MediaMTX itself.

    The path's name is safe in an address: LIVE_PATH lets nothing else through. A dubber that does not
    answer costs nothing: it finds the stream by polling.
    """
    url = f"{settings.dubber_address}/hooks/{event}?path=$MTX_PATH"
    return f"curl --silent --output /dev/null --max-time 2 --request POST {shlex.quote(url)}"
