"""Whose certificates are taken for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.serving.trust import trusted
from tests.authority import authority, pem


def roots() -> set[int]:
    return {int(str(each["serialNumber"]), 16) for each in trusted().get_ca_certs()}


def test_an_authority_of_ones_own_is_trusted_beside_the_public_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    public = roots()
    _, root = authority()
    (tmp_path / "root.pem").write_bytes(pem(root))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    assert root.serial_number not in public
    assert len(public) > 100
    assert roots() == public | {root.serial_number}
