"""Starts the AWS emulator on a free port, waits until it answers, and ends it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import boto3

from tests.child import Child, answers
from tests.rehearsal.emulator.agents import EMPTY_HOSTS_ANSWER
from tests.stack import free_port

REGION = "eu-central-1"
CERTIFIED_AT_ONCE = {"MOTO_ACM_VALIDATION_WAIT": "0"}


class Emulator(Child):
    """The emulator while it runs; everything in it is forgotten afterwards."""

    def __init__(self, log: Path, *, empty_hosts: bool = False, address: str = "127.0.0.1") -> None:
        """It listens on `address`, one of this machine's.

        With `empty_hosts` also instances without a guest answer to Run Command, and run nothing.
        """
        self.port = free_port()
        self.url = f"http://{address}:{self.port}"
        # With these, the AWS SDKs talk to the emulator, and have no credentials of anything else.
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
        super().__init__(
            "the AWS emulator",
            [sys.executable, "-m", "tests.rehearsal.emulator", str(self.port), address],
            log,
            lambda: answers(f"{self.url}/moto-api/"),
            self.environment | CERTIFIED_AT_ONCE | ({EMPTY_HOSTS_ANSWER: "yes"} if empty_hosts else {}),
        )

    def client(self, service: str, region: str = REGION) -> Any:
        """A client of one of its services."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )
