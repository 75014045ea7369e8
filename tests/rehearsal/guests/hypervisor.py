"""What EC2 has below: each instance of the emulator gets a machine, and each volume a disk.

It follows what the emulator says: an instance that appears is booted, one that is terminated is gone, and a
volume that is attached is plugged in. Security groups hold, too.
"""

from __future__ import annotations

import base64
import sys
import threading
import traceback
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infra.aws.config import MOST_STREAMING_HOSTS, network_after
from tests.docker.checkout import docker
from tests.rehearsal.emulator.server import Emulator
from tests.rehearsal.guests import firewall
from tests.rehearsal.guests.disk import Disk
from tests.rehearsal.guests.guest import Guest, Hardware, build_image
from tests.rehearsal.guests.outside import PREFIX
from tests.rehearsal.provider.kinds.hosts import ROOT_DEVICE

EVERY = 1.0
DOWN = ("stopping", "stopped")


def room(network: IPv4Network) -> IPv4Network:
    """A VPC's addresses with those that further zones bring: the engine adds none to a network later."""
    found, last = network, network_after(network, MOST_STREAMING_HOSTS - 1)
    while not last.subnet_of(found):
        found = found.supernet()
    return found


class Hypervisor:
    """The machines behind an emulator while it runs. `files` are what their machine image holds besides."""

    def __init__(self, emulator: Emulator, folder: Path, files: Mapping[str, Path]) -> None:
        self.ec2 = emulator.client("ec2")
        self.folder = folder
        self.files = files
        self.guests: dict[str, Guest] = {}
        self.disks: dict[str, Disk] = {}
        self.networks: set[str] = set()
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        build_image()
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        self.thread.join()
        for guest in self.guests.values():
            guest.remove()
        for disk in self.disks.values():
            disk.remove()
        for network in self.networks:
            docker("network", "rm", network)

    def _run(self) -> None:
        while not self.ending.wait(EVERY):
            try:
                self.follow()
            except Exception:
                # The test that waits for the machine fails; this is why.
                traceback.print_exc(file=sys.stderr)

    def follow(self) -> None:
        """Brings machines and disks to what the emulator says of instances and volumes."""
        found = {
            each["InstanceId"]: each
            for reservation in self.ec2.describe_instances()["Reservations"]
            for each in reservation["Instances"]
        }
        for name, each in found.items():
            state = each["State"]["Name"]
            if state == "running":
                self.power_on(each)
            elif name in self.guests and state in DOWN:
                self.guests[name].stop()
            elif name in self.guests:
                self.guests.pop(name).remove()
        for name in set(self.guests) - set(found):
            self.guests.pop(name).remove()
        volumes = {each["VolumeId"] for each in self.ec2.describe_volumes()["Volumes"]}
        for name in set(self.disks) - volumes:
            self.disks.pop(name).remove()

    def power_on(self, instance: dict[str, Any]) -> None:
        """Has an instance's machine running, with its disks."""
        name = instance["InstanceId"]
        if name not in self.guests:
            guest = Guest(self.hardware(instance), self.folder / name)
            guest.start()
            self.guests[name] = guest
        self.guests[name].stay_up()
        self.guests[name].plug([self.disk(each) for each in self.attached(instance)])
        self.guests[name].protect(firewall.script(firewall.rules(self.ec2, instance)))

    def hardware(self, instance: dict[str, Any]) -> Hardware:
        """What the machine of an instance is given."""
        name = instance["InstanceId"]
        kept = self.ec2.describe_instance_attribute(InstanceId=name, Attribute="userData")["UserData"]
        keys = self.ec2.describe_key_pairs(KeyNames=[instance["KeyName"]], IncludePublicKey=True)["KeyPairs"]
        return Hardware(
            name,
            base64.b64decode(kept["Value"]).decode(),
            self.network(instance["VpcId"]),
            instance["PrivateIpAddress"],
            keys[0]["PublicKey"],
            self.files,
        )

    def network(self, vpc: str) -> str:
        """The engine's network that is a VPC, in all its zones; this machine is its router."""
        name = f"{PREFIX}{vpc}"
        if name not in self.networks:
            cidr = IPv4Network(self.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"])
            docker("network", "create", "--subnet", str(room(cidr)), "--gateway", str(cidr[1]), name)
            self.networks.add(name)
        return name

    def attached(self, instance: dict[str, Any]) -> list[dict[str, Any]]:
        """The volumes that are attached to an instance, but for the one it booted from."""
        filters = [{"Name": "attachment.instance-id", "Values": [instance["InstanceId"]]}]
        return [
            each
            for each in self.ec2.describe_volumes(Filters=filters)["Volumes"]
            if each["Attachments"][0]["Device"] not in (ROOT_DEVICE, instance.get("RootDeviceName"))
        ]

    def disk(self, volume: dict[str, Any]) -> Disk:
        """The disk of a volume, made when it is first attached."""
        name = volume["VolumeId"]
        if name not in self.disks:
            self.disks[name] = Disk(name, volume["Size"], self.folder)
        return self.disks[name]
