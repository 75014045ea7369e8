"""Keeps the name of a pool: its addresses are those of the hosts that take part and answer.

It runs on streaming hosts alone, and they are the only ones who write the name: each what it sees, all the
same. Once a minute it measures how busy the hosts are, which says how many there have to be.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import aws, decide

LOOK_EVERY = 5.0
MEASURE_EVERY = 60.0
ANSWERED_WITHIN = 2.0
GOOD_FOR = 5  # seconds that whoever has looked the name up may go by it
AT_ONCE = 16


class Keeper:
    """Looks again and again; what it has written last is written again once a minute."""

    def __init__(self, host: Mapping[str, Any], pool: Mapping[str, Any]) -> None:
        self._host = host
        self._pool = pool
        self._written: tuple[str, ...] = ()
        self._measured = 0.0
        region = host["region"]
        self._groups = aws.client("autoscaling", region)
        self._instances = aws.client("ec2", region)
        self._names = aws.client("route53", region)

    def look(self) -> None:
        """Brings the name to what is there now. Raises what AWS's SDK raises: look again."""
        there = self.members()
        with ThreadPoolExecutor(AT_ONCE) as asking:
            well = [
                each for each, is_well in zip(there, asking.map(self._answers, there), strict=True) if is_well
            ]
            wanted = decide.addresses(there, well, self._written)
            changed, due = wanted != self._written, time.monotonic() - self._measured >= MEASURE_EVERY
            # Again where nothing has changed, too: another streaming host may have seen something else.
            if changed or (due and wanted):
                self._write(wanted)
                self._written = wanted
            if changed:
                print(f"{self._pool['name']}: {', '.join(wanted)}", flush=True)
            if due:
                self._measured = time.monotonic()
                self._measure([each for each in asking.map(self._state, well) if each])

    def members(self) -> list[str]:
        """The private addresses of the hosts that take part."""
        groups = self._groups.describe_auto_scaling_groups(AutoScalingGroupNames=[self._pool["group"]])
        listed = [
            each["InstanceId"]
            for group in groups["AutoScalingGroups"]
            for each in group["Instances"]
            if (each["LifecycleState"], each["HealthStatus"]) == ("InService", "Healthy")
        ]
        if not listed:
            return []
        found = self._instances.describe_instances(InstanceIds=listed)["Reservations"]
        return [
            each["PrivateIpAddress"]
            for reservation in found
            for each in reservation["Instances"]
            if each.get("PrivateIpAddress")
        ]

    def _answers(self, address: str) -> bool:
        """Whether its sts takes connections: a spot host that is being taken back has stopped it."""
        try:
            with socket.create_connection((address, self._pool["port"]), ANSWERED_WITHIN):
                return True
        except OSError:
            return False

    def _state(self, address: str) -> dict[str, Any]:
        """What its sts says of itself; nothing where it says nothing that can be read."""
        connection = http.client.HTTPConnection(address, self._pool["port"], timeout=ANSWERED_WITHIN)
        try:
            connection.request("GET", "/health")
            found = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()
        return found if isinstance(found, dict) else {}

    def _write(self, addresses: tuple[str, ...]) -> None:
        record = {
            "Name": self._pool["name"],
            "Type": "A",
            "TTL": GOOD_FOR,
            "ResourceRecords": [{"Value": each} for each in addresses],
        }
        self._names.change_resource_record_sets(
            HostedZoneId=self._pool["zone"],
            ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},
        )

    def _measure(self, states: list[dict[str, Any]]) -> None:
        load = decide.load(
            (each.get("sessions", 0), each.get("resting", 0), each.get("max_sessions", 0)) for each in states
        )
        if load is not None:
            dimensions = {"stack": self._host["stack"]}
            aws.put_metrics(
                self._host["region"], self._host["metrics"], dimensions, {self._pool["load"]: load}
            )
