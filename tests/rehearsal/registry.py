"""The registry of a rehearsal, in place of ECR: it speaks TLS too, with a certificate of its own."""

from __future__ import annotations

import ipaddress
import json
import os
import ssl
from pathlib import Path
from typing import Self

from cryptography import x509

from tests.authority import pem, private_pem, self_signed
from tests.child import Child, answers
from tests.networks import own_address
from tests.stack import free_port

DAYS = 2


class Registry(Child):
    """Debian's docker-registry while it runs, in a folder that is forgotten afterwards.

    It listens on `address`, without one on the engine's own bridge: what copies images takes loopback for
    one without TLS.
    """

    def __init__(self, folder: Path, address: str = "") -> None:
        self.folder = folder
        self.address = address or own_address()
        self.host = f"{self.address}:{free_port()}"
        self.certificate = folder / "registry.pem"
        # Programs in Go trust one file of certificates: the machine's own, and the registry's.
        self.trusted = folder / "trusted.pem"
        self.environment = {"REHEARSAL_REGISTRY": self.host, "SSL_CERT_FILE": str(self.trusted)}
        self.configuration = folder / "registry.yml"
        super().__init__(
            "the registry of the rehearsal",
            ["docker-registry", "serve", str(self.configuration)],
            folder / "registry.log",
            lambda: answers(f"https://{self.host}/v2/", ssl.create_default_context(cafile=self.certificate)),
        )

    def __enter__(self) -> Self:
        key = self.folder / "registry.key"
        write_certificate(self.address, self.certificate, key)
        others = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
        known = Path(others).read_text(encoding="utf-8") if others and Path(others).is_file() else ""
        self.trusted.write_text(f"{known}\n{self.certificate.read_text(encoding='utf-8')}", encoding="utf-8")
        self.configuration.write_text(
            json.dumps(
                {
                    "version": "0.1",
                    "log": {"level": "warn", "accesslog": {"disabled": True}},
                    "storage": {"filesystem": {"rootdirectory": str(self.folder / "images")}},
                    "http": {
                        "addr": self.host,
                        "tls": {"certificate": str(self.certificate), "key": str(key)},
                    },
                }
            ),
            encoding="utf-8",
        )
        return super().__enter__()


def write_certificate(address: str, certificate: Path, key: Path) -> None:
    """A certificate for an address, signed by itself, and its key."""
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    root = x509.BasicConstraints(ca=True, path_length=None)
    private, made = self_signed("registry of a rehearsal", DAYS, (names, False), (root, True))
    certificate.write_bytes(pem(made))
    key.write_bytes(private_pem(private))
    key.chmod(0o600)
