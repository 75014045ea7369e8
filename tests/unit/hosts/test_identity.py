"""Credentials for services on a host: renewed in time, and for nobody but those who run in the images."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from app.release import bundle
from app.render.images import USER
from infra.hosts.converge import aws, identity
from infra.hosts.converge.host import Places

HOST = {"region": "eu-central-1", "name": "speech-1"}
ROLE = {"identity": "arn:aws:iam::123456789012:role/voicestack-prod-uploads"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The roles that were taken; their credentials are good for an hour."""
    found: list[str] = []

    class Sts:
        def assume_role(self, **given: Any) -> dict[str, Any]:
            found.append(given["RoleArn"])
            until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
            keys = {"AccessKeyId": f"key-{len(found)}", "SecretAccessKey": "hush", "SessionToken": "token"}
            return {"Credentials": {**keys, "Expiration": until}}

    monkeypatch.setattr(aws, "client", lambda *_: Sts())
    monkeypatch.setattr(os, "chown", lambda *_: None)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return found


def test_they_are_renewed_before_they_run_out_and_for_another_role(asked: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "aws"
    assert not identity.renew(HOST, {}, folder)
    assert not folder.exists()
    assert identity.renew(HOST, ROLE, folder)
    now = (folder / "credentials.json").stat().st_mtime
    assert not identity.renew(HOST, ROLE, folder, now + identity.RENEWED_AFTER - 1)
    assert identity.renew(HOST, ROLE, folder, now + identity.RENEWED_AFTER + 1)
    assert identity.renew(HOST, {"identity": "another"}, folder, now)
    assert asked == [ROLE["identity"], ROLE["identity"], "another"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o400}


@pytest.mark.usefixtures("asked")
def test_the_sdk_in_a_container_finds_them_and_looks_again_before_they_run_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "aws"
    monkeypatch.setattr(identity, "INSIDE", str(folder))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1:1")
    identity.renew(HOST, ROLE, folder)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    session = Session()
    found = session.get_credentials()
    assert found.get_frozen_credentials().access_key == "key-1"
    assert session.get_config_variable("region") == HOST["region"]
    assert session.create_client("s3").meta.endpoint_url == "http://192.0.2.1:1"
    kept = json.loads((folder / "credentials.json").read_text(encoding="utf-8"))
    identity.put(folder / "credentials.json", json.dumps(kept | {"AccessKeyId": "key-2"}))
    assert found.get_frozen_credentials().access_key == "key-1"
    # It insists on newer ones in the last ten minutes.
    found._expiry_time -= datetime.timedelta(minutes=51)
    assert found.get_frozen_credentials().access_key == "key-2"


def test_host_and_bundle_mean_the_same_folders_and_user() -> None:
    assert str(Places().identity) == bundle.IDENTITY
    assert identity.INSIDE == bundle.IDENTITY_INSIDE
    assert identity.OWNER == USER
