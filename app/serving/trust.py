"""Whose certificates our services take for good when they ask each other over HTTPS."""

from __future__ import annotations

import ssl

import httpx


def trusted() -> ssl.SSLContext:
    """Those of public authorities, and of the system's, in whose place SSL_CERT_FILE and SSL_CERT_DIR stand:
    the authority of an edge may have a root of its own (ACME_CA)."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
