"""Certificates that sign themselves, such as that of an authority of a company's own, which is in no list."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAYS = 30  # longer than the certificates of an edge's own authority


Signed = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def authority() -> Signed:
    """Its key, and its root."""
    root = x509.BasicConstraints(ca=True, path_length=None)
    return self_signed("a company's own authority", DAYS, (root, True))


def self_signed(common_name: str, days: int, *extensions: tuple[x509.ExtensionType, bool]) -> Signed:
    """A key, and its certificate, good for so many days; of each extension, whether it is critical."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.UTC)
    building = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )
    for extension, critical in extensions:
        building = building.add_extension(extension, critical)
    return key, building.sign(key, hashes.SHA256())


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as files have it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The same for a key, which nothing encrypts."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
