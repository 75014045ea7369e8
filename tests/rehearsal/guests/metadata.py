"""What EC2 tells an instance of itself (IMDSv2): asked by a guest, who is known by its address."""

from __future__ import annotations

import sys
import threading
import time
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.metadata import MetadataHandler
from tests.rehearsal.emulator.server import Emulator

TARGETS = {"Terminating:Wait": "Terminated", "Terminating": "Terminated"}
"""What AWS means an instance to become, by how it is in its group; else it is to be in service."""
KNOWN_FOR = 10.0
"""Seconds for which a guest at an address counts as the same; a new one takes longer to boot."""
NOTICE = '{"action": "terminate"}'


class Server(ThreadingHTTPServer):
    """Says nothing of a guest that no longer waits for its answer."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tells of everything else."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Metadata:
    """Answers at that address of this machine while it is entered. `taken_back` are the instances that have a
    spot notice."""

    def __init__(self, emulator: Emulator, address: str) -> None:
        self._ec2, self._groups = emulator.client("ec2"), emulator.client("autoscaling")
        self.taken_back: set[str] = set()
        self._known: dict[str, tuple[str, float]] = {}
        self.tokens: set[str] = set()
        self._server = Server((address, 0), handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://{address}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def said(self, path: str, address: str) -> str | None:
        """What is said there to the guest at that address; None for nothing."""
        instance = self._instance(address)
        if instance is None:
            return None
        if path == "instance-id":
            return instance
        if path == "spot/instance-action":
            return NOTICE if instance in self.taken_back else None
        if path == "autoscaling/target-lifecycle-state":
            asked = self._groups.describe_auto_scaling_instances(InstanceIds=[instance])
            found = [each["LifecycleState"] for each in asked["AutoScalingInstances"]]
            return TARGETS.get(found[0], "InService") if found else None
        return None

    def _instance(self, address: str) -> str | None:
        known, until = self._known.get(address, ("", 0.0))
        if time.monotonic() < until:
            return known
        filters = [
            {"Name": "private-ip-address", "Values": [address]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
        found = self._ec2.describe_instances(Filters=filters)["Reservations"]
        if not found:
            return None
        name = str(found[0]["Instances"][0]["InstanceId"])
        self._known[address] = name, time.monotonic() + KNOWN_FOR
        return name


def handler(metadata: Metadata) -> type[MetadataHandler]:
    """What answers for it."""

    class Handler(MetadataHandler):
        """Tells a guest what it is."""

        tokens = metadata.tokens

        def said(self, path: str, address: str) -> str | None:
            return metadata.said(path, address)

    return Handler
