"""Starts the AWS emulator on a free port, waits until it answers, and ends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import httpx

from tests.rehearsal.emulator.agents import EMPTY_HOSTS_ANSWER
from tests.stack import ROOT, free_port, wait_for

READY_WITHIN = 60.0
STOP_WITHIN = 10.0
REGION = "eu-central-1"


class Emulator:
    """The emulator while it runs; everything in it is forgotten afterwards."""

    def __init__(self, log: Path, *, empty_hosts: bool = False) -> None:
        """With `empty_hosts` also instances without a guest answer to Run Command, and run nothing."""
        self.log = log
        self.empty_hosts = empty_hosts
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
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

    def __enter__(self) -> Self:
        own = {EMPTY_HOSTS_ANSWER: "yes"} if self.empty_hosts else {}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.rehearsal.emulator", str(self.port)],
                cwd=ROOT, env=os.environ | self.environment | own, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            wait_for("the AWS emulator", self.answers, within=READY_WITHIN)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answers(self) -> bool:
        """Whether it answers. Raises RuntimeError, with the end of its log, when it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the AWS emulator ended:\n{self.log.read_text(encoding='utf-8')[-2000:]}")
        try:
            return httpx.get(f"{self.url}/moto-api/", timeout=5).is_success
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def client(self, service: str) -> Any:
        """A client of one of its services."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )
