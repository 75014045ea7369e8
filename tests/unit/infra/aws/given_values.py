"""The configuration of a stack on AWS that the tests begin with."""

from __future__ import annotations

import json

import pytest

from infra.aws.config import AwsConfig
from infra.aws.read import read
from infra.config import ConfigError

REGION = "eu-central-1"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHq5 someone@example.org"
GIVEN = {
    "kind": "aws",
    "owner": "media-team",
    "costCentre": "4711",
    "zone": "eu-central-1a",
    "registry": "registry.example.org",
    "tag": "1.2.0",
    "streamingAmi": "ami-0123456789abcdef0",
    "speechAmi": "ami-0fedcba9876543210",
    "speechHosts": "2",
    "ingestCidrs": '["203.0.113.0/24"]',
    "playbackCidrs": '["0.0.0.0/0"]',
    "consoleCidrs": '["198.51.100.7/32"]',
    "sshCidrs": '["198.51.100.0/24"]',
    "sshKey": KEY,
    "settings": json.dumps({"MEDIA_PUBLISH_USER": "obs", "MEDIA_PUBLISH_PASSWORD": "hush-publish"}),
}
ARCHIVE = {
    "services": "sts,media,dubber,web,api,transcriber",
    "settings": json.dumps({"MEDIA_PUBLISH_USER": "obs", "MEDIA_PUBLISH_PASSWORD": "hush-publish",
                            "DB_PASSWORD": "hush-database"}),
}  # fmt: skip

LOGIN = {"MEDIA_PUBLISH_USER": "obs", "MEDIA_PUBLISH_PASSWORD": "hush-publish", "API_KEYS": "hush-key"}
CELLS = {
    "streamingHosts": "2",
    "streamingZones": '["eu-central-1b"]',
    "settings": json.dumps(LOGIN),
}


def chosen(**changed: str) -> AwsConfig:
    """The configuration with some values changed; an empty one is left out."""
    values = {**GIVEN, **changed}
    return read("prod", {key: value for key, value in values.items() if value}, REGION, None)


def refused(**changed: str) -> str:
    """What is said about the configuration with some values changed, which are wrong."""
    with pytest.raises(ConfigError) as told:
        chosen(**changed)
    return str(told.value)
