"""A certificate by ACME: got and renewed without a hand, and nobody who watches notices (DEP-9).

The authority is Pebble, Let's Encrypt's own for tests, with certificates that last for a minute.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from websockets.sync.client import connect

from app.native import guard
from tests.authority import pem, private_pem, self_signed
from tests.integration.edge.conftest import CARD, LIGHT, Edge
from tests.integration.edge.trusting import certificate_at
from tests.stack import Stack, free_port, free_ports, wait_for
from tools import go_modules, pins

DOMAIN = "voice.example.org"
LASTS = 60
RENEWED_WITHIN = 90.0
LAST = ("--write-out", "%{http_code}", "--max-time", "10")


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key, with which Pebble itself is asked."""
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    key, made = self_signed("127.0.0.1", 1, (names, False))
    certificate, private = folder / "pebble.pem", folder / "pebble.key"
    certificate.write_bytes(pem(made))
    private.write_bytes(private_pem(key))
    return certificate, private


@contextmanager
def running(command: list[str], log: Path, **variables: str) -> Iterator[None]:
    """A program that runs meanwhile."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            guard.command(os.getpid(), command),
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge with a DOMAIN, and Pebble, for which every name leads to this machine."""
    pebble, names = go_modules.build(pins.PEBBLE), go_modules.build(pins.PEBBLE_NAMES)
    folder = tmp_path_factory.mktemp("pebble")
    certificate, private = write_certificate(folder)
    directory, management, resolver = free_port(), free_port(), free_port(socket.SOCK_DGRAM)
    ports = free_ports()
    configuration = {
        "listenAddress": f"127.0.0.1:{directory}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(certificate),
        "privateKey": str(private),
        "httpPort": int(ports["EDGE_HTTP_PORT"]),
        "tlsPort": int(ports["EDGE_HTTPS_PORT"]),
        "retryAfter": {"authz": 1, "order": 1},
        "profiles": {"short": {"description": "lasts a minute", "validityPeriod": LASTS}},
    }
    file = folder / "pebble.json"
    file.write_text(json.dumps({"pebble": configuration}), encoding="utf-8")
    given = {
        **ports,
        "DOMAIN": DOMAIN,
        "ACME_CA": f"https://localhost:{directory}/dir",
        "ACME_EMAIL": "ops@example.org",
        "SSL_CERT_FILE": str(certificate),
    }
    serving = ["-dnsserver", f"127.0.0.1:{resolver}", "-defaultIPv6", "", "-http01", "", "-https01", ""]
    serving += ["-tlsalpn01", "", "-doh", "", "-management", ""]
    asking = ["-config", str(file), "-dnsserver", f"127.0.0.1:{resolver}"]
    with ExitStack() as started:
        started.enter_context(running([str(names), *serving], folder / "names.log"))
        started.enter_context(running([str(pebble), *asking], folder / "pebble.log", PEBBLE_VA_NOSLEEP="1"))
        trust = ssl.create_default_context(cafile=str(certificate))

        def root_of_pebble() -> bytes | None:
            try:
                return httpx.get(
                    f"https://localhost:{management}/roots/0", verify=trust, trust_env=False
                ).content
            except httpx.HTTPError:
                return None

        root = folder / "root.pem"
        root.write_bytes(wait_for("Pebble", root_of_pebble, 20.0))
        services = started.enter_context(Stack(folder / "stack", ("edge", "live"), LIGHT | given))
        yield Edge(services, root, DOMAIN)


def shown(edge: Edge) -> x509.Certificate | None:
    """The certificate that the edge shows now, where it is one that is trusted."""
    return certificate_at(edge, edge.port)


def publish_encrypted(edge: Edge) -> subprocess.Popen[bytes]:
    """Publishes over RTMPS, to localhost: ffmpeg would ask somebody else where DOMAIN is."""
    address = f"rtmps://localhost:{edge.stack.settings.media_rtmps_port}/live/renewed"
    command = guard.command(os.getpid(), ["ffmpeg", "-loglevel", "error", *CARD, "-f", "flv", address])
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def test_a_certificate_is_got_and_renewed_by_itself_and_no_stream_is_dropped(edge: Edge) -> None:
    first = wait_for("a certificate", lambda: shown(edge), 60.0)
    head = edge.curl("/", "--head").lower()
    assert head.startswith("http/2 200")
    assert "strict-transport-security: max-age=31536000" in head
    encrypted = edge.stack.settings.media_rtmps_port
    wait_for("the same certificate of the media server", lambda: certificate_at(edge, encrypted), 30.0)
    publisher = publish_encrypted(edge)
    # Who asks for what is not there yet may have its publisher refused in that moment.
    wait_for("it is published", lambda: edge.stack.ready_paths().get("live/renewed"), 30.0)
    playlist = "/live/renewed/index.m3u8"
    wait_for("the stream", lambda: edge.curl(playlist, *LAST).endswith("200"), 30.0)

    failed: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            # A connection of its own each time: what is shown is looked at each time.
            answer = edge.curl(playlist, *LAST)
            if not answer.endswith("200"):
                failed.append(answer)

    watching = threading.Thread(target=watch)
    here = socket.create_connection(("127.0.0.1", edge.port))
    with connect(f"wss://{DOMAIN}:{edge.port}/api/live", sock=here, ssl=edge.trust, proxy=None) as live:
        live.send(json.dumps({"uid": "renewed", "language": "en", "task": "transcribe"}))
        assert json.loads(live.recv(timeout=30.0))["message"] == "SERVER_READY"
        watching.start()

        def another() -> x509.Certificate | None:
            now = shown(edge)
            return now if now and now.serial_number != first.serial_number else None

        try:
            renewed = wait_for("another certificate", another, RENEWED_WITHIN, 0.5)
        finally:
            over.set()
            watching.join()
        assert failed == []
        wait_for(
            "it at the media server",
            lambda: (now := certificate_at(edge, encrypted)) and now.serial_number == renewed.serial_number,
            30.0,
        )
        # Whoever publishes over RTMPS has noticed nothing.
        assert publisher.poll() is None
        assert renewed.not_valid_before_utc < first.not_valid_after_utc
        # The connection from before the renewal is still there and served.
        assert live.ping().wait(30.0)
    publisher.kill()
    publisher.wait()
