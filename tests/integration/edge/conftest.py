"""The real services behind the real Caddy, and those who come to it from outside."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
import pytest

from app.native.edge import folder_of
from tests.stack import Stack
from tools import go_modules, pins

KEY, READER, PASSWORD = "key-for-tests", "viewer", "password-for-tests"
LIGHT = {"ASR_ENGINE": "pocketsphinx", "TTS_ENGINE": "espeak"}
CARD = ["-re", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=15", "-re", "-f", "lavfi", "-i", "sine"]
CARD += ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "15"]
CARD += ["-pix_fmt", "yuv420p", "-c:a", "aac"]


@dataclass
class Edge:
    """A running edge, and how it is asked: `root` is the certificate of the authority that is trusted."""

    stack: Stack
    root: Path
    name: str = "localhost"

    @property
    def port(self) -> int:
        """The port of HTTPS."""
        return self.stack.settings.edge_https_port

    @property
    def address(self) -> str:
        """The address of HTTPS, without a slash at the end."""
        return f"https://{self.name}:{self.port}"

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """Trusts that authority, and no other."""
        return ssl.create_default_context(cafile=str(self.root))

    @cached_property
    def http(self) -> httpx.Client:
        """Asks over HTTP/1.1."""
        return httpx.Client(base_url=self.address, verify=self.trust, trust_env=False, timeout=10.0)

    def curl(self, path: str, *options: str) -> str:
        """What curl says of an answer over HTTP/2."""
        command = ["curl", "--silent", "--show-error", "--http2", "--cacert", str(self.root)]
        command += ["--resolve", f"{self.name}:{self.port}:127.0.0.1"]
        done = subprocess.run(
            [*command, *options, f"{self.address}{path}"], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr


@pytest.fixture(scope="session", autouse=True)
def caddy() -> Path:
    """Caddy, built where it is not there yet."""
    return go_modules.build(pins.CADDY)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge of its own authority before the console, live and api, with keys and a password to watch."""
    given = {"API_KEYS": KEY, "MEDIA_READ_USER": READER, "MEDIA_READ_PASSWORD": PASSWORD, "DB_PASSWORD": "x"}
    with Stack(tmp_path_factory.mktemp("edge"), ("edge", "live", "api"), LIGHT | given) as running:
        yield Edge(running, folder_of(running.settings) / "pki/authorities/local/root.crt")
