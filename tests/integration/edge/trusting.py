"""Certificates as somebody sees them who trusts the edge's authority alone."""

from __future__ import annotations

import socket

from cryptography import x509

from tests.integration.edge.conftest import Edge


def certificate_at(edge: Edge, port: int) -> x509.Certificate | None:
    """The certificate that is shown at a port now, where it is one that is trusted for the edge's name."""
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 5.0) as raw,
            edge.trust.wrap_socket(raw, server_hostname=edge.name) as wrapped,
        ):
            told = wrapped.getpeercert(binary_form=True)
    except OSError:
        return None
    return x509.load_der_x509_certificate(told) if told else None
