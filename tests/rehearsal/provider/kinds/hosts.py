"""Hosts: instances, their volumes and keys."""

from __future__ import annotations

import base64
from typing import Any

from tests.rehearsal.provider.kind import Ec2Kind, Kind, Values, settled, tags

ROOT_DEVICE = "/dev/xvda"  # what an instance boots from


class Instance(Ec2Kind):
    token = "aws:ec2/instance:Instance"
    inputs = {
        "ami": "replace",
        "instanceType": "update",
        "subnetId": "replace",
        "privateIp": "replace",
        "vpcSecurityGroupIds": "update",
        "iamInstanceProfile": "update",
        "keyName": "replace",
        "userData": "replace",
        "userDataReplaceOnChange": "update",
        "metadataOptions": "update",
        "rootBlockDevice": "update",
        "instanceMarketOptions": "replace",
        "tags": "update",
    }
    computed = ("arn", "publicIp", "privateDns", "instanceState")
    moving = ("publicIp",)

    def create(self, given: Values) -> str:
        request: dict[str, Any] = {
            "ImageId": given["ami"],
            "InstanceType": given["instanceType"],
            "SubnetId": given["subnetId"],
            "PrivateIpAddress": given["privateIp"],
            "SecurityGroupIds": given["vpcSecurityGroupIds"],
            "IamInstanceProfile": {"Name": given["iamInstanceProfile"]},
            "UserData": given["userData"],
            "MetadataOptions": metadata(given["metadataOptions"]),
            "BlockDeviceMappings": [{"DeviceName": ROOT_DEVICE, "Ebs": disk(given["rootBlockDevice"])}],
        }
        if given.get("keyName"):
            request["KeyName"] = given["keyName"]
        if given.get("instanceMarketOptions"):
            spot = given["instanceMarketOptions"]["spotOptions"]
            request["InstanceMarketOptions"] = {
                "MarketType": given["instanceMarketOptions"]["marketType"],
                "SpotOptions": {
                    "InstanceInterruptionBehavior": spot["instanceInterruptionBehavior"],
                    "SpotInstanceType": spot["spotInstanceType"],
                },
            }
        made = self.aws.ec2.run_instances(MinCount=1, MaxCount=1, **request, **self.tagged("instance", given))
        name = str(made["Instances"][0]["InstanceId"])
        settled(f"{name} running", lambda: self._state(name) == "running")
        self._root(name, given)
        return name

    def _find(self, name: str) -> dict[str, Any] | None:
        found = self.aws.ec2.describe_instances(InstanceIds=[name])["Reservations"]
        return found[0]["Instances"][0] if found else None

    def _state(self, name: str) -> str:
        found = self._find(name)
        return str(found["State"]["Name"]) if found else "terminated"

    def _root_volume(self, found: dict[str, Any]) -> dict[str, Any] | None:
        for each in found.get("BlockDeviceMappings", []):
            if each["DeviceName"] in (ROOT_DEVICE, found.get("RootDeviceName")):
                volumes = self.aws.ec2.describe_volumes(VolumeIds=[each["Ebs"]["VolumeId"]])["Volumes"]
                return dict(volumes[0])
        return None

    def _root(self, name: str, given: Values, before: Values | None = None) -> None:
        found = self._find(name)
        volume = self._root_volume(found) if found else None
        if volume is None:
            return
        wanted, had = given["rootBlockDevice"], (before or {}).get("rootBlockDevice") or {}
        self.retag(volume["VolumeId"], wanted.get("tags") or {}, had.get("tags") or {})
        if volume["Size"] != wanted["volumeSize"]:
            self.aws.ec2.modify_volume(VolumeId=volume["VolumeId"], Size=wanted["volumeSize"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self._find(name)
        if found is None or found["State"]["Name"] in ("terminated", "shutting-down"):
            return None
        options, profile = found.get("MetadataOptions", {}), found.get("IamInstanceProfile", {})
        text = self.aws.ec2.describe_instance_attribute(InstanceId=name, Attribute="userData")
        encoded = text.get("UserData", {}).get("Value", "")
        state: Values = {
            "ami": found["ImageId"],
            "instanceType": found["InstanceType"],
            "subnetId": found["SubnetId"],
            "privateIp": found["PrivateIpAddress"],
            "vpcSecurityGroupIds": [each["GroupId"] for each in found["SecurityGroups"]],
            "iamInstanceProfile": profile.get("Arn", "").rpartition("/")[2],
            "userData": base64.b64decode(encoded).decode(),
            "metadataOptions": {
                "httpEndpoint": options.get("HttpEndpoint"),
                "httpTokens": options.get("HttpTokens"),
                "httpPutResponseHopLimit": options.get("HttpPutResponseHopLimit"),
            },
            "tags": tags(found.get("Tags")),
            "arn": self.aws.arn("instance", name),
            "publicIp": found.get("PublicIpAddress", ""),
            "privateDns": found.get("PrivateDnsName", ""),
            "instanceState": found["State"]["Name"],
        }
        if found.get("KeyName"):
            state["keyName"] = found["KeyName"]
        # EC2 tells that an instance is spot, and how only in the request for it.
        if found.get("InstanceLifecycle") == "spot":
            options = given.get("instanceMarketOptions") or {}
            state["instanceMarketOptions"] = {**options, "marketType": "spot"}
        volume = self._root_volume(found)
        if volume is not None:
            state["rootBlockDevice"] = {
                "volumeType": volume["VolumeType"],
                "volumeSize": volume["Size"],
                "encrypted": volume["Encrypted"],
                "tags": tags(volume.get("Tags")),
            }
        return state

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        super().update(name, given, before, changed)
        ec2 = self.aws.ec2
        if "vpcSecurityGroupIds" in changed:
            ec2.modify_instance_attribute(InstanceId=name, Groups=given["vpcSecurityGroupIds"])
        if "metadataOptions" in changed:
            ec2.modify_instance_metadata_options(InstanceId=name, **metadata(given["metadataOptions"]))
        if "iamInstanceProfile" in changed:
            self._profile(name, given["iamInstanceProfile"])
        if "rootBlockDevice" in changed:
            self._root(name, given, before)
        if "instanceType" in changed:
            ec2.stop_instances(InstanceIds=[name])
            settled(f"{name} stopped", lambda: self._state(name) == "stopped")
            ec2.modify_instance_attribute(InstanceId=name, InstanceType={"Value": given["instanceType"]})
            ec2.start_instances(InstanceIds=[name])
            settled(f"{name} running", lambda: self._state(name) == "running")

    def _profile(self, name: str, profile: str) -> None:
        filters = [{"Name": "instance-id", "Values": [name]}]
        found = self.aws.ec2.describe_iam_instance_profile_associations(Filters=filters)
        for each in found["IamInstanceProfileAssociations"]:
            self.aws.ec2.replace_iam_instance_profile_association(
                AssociationId=each["AssociationId"], IamInstanceProfile={"Name": profile}
            )

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.terminate_instances(InstanceIds=[name])
        settled(f"{name} terminated", lambda: self._state(name) == "terminated")


class Volume(Ec2Kind):
    token = "aws:ebs/volume:Volume"
    inputs = {
        "availabilityZone": "replace",
        "size": "update",
        "type": "update",
        "encrypted": "replace",
        "snapshotId": "replace",
        "tags": "update",
    }
    computed = ("arn",)
    kept = ("snapshotId",)

    def create(self, given: Values) -> str:
        snapshot = {"SnapshotId": given["snapshotId"]} if given.get("snapshotId") else {}
        made = self.aws.ec2.create_volume(
            AvailabilityZone=given["availabilityZone"],
            Size=given["size"],
            VolumeType=given["type"],
            Encrypted=given["encrypted"],
            **snapshot,
            **self.tagged("volume", given),
        )
        name = str(made["VolumeId"])
        settled(f"{name} available", lambda: self._find(name)["State"] == "available")
        return name

    def _find(self, name: str) -> dict[str, Any]:
        return dict(self.aws.ec2.describe_volumes(VolumeIds=[name])["Volumes"][0])

    def read(self, name: str, given: Values) -> Values | None:
        found = self._find(name)
        snapshot = {"snapshotId": found["SnapshotId"]} if found.get("SnapshotId") else {}
        return {
            "availabilityZone": found["AvailabilityZone"],
            "size": found["Size"],
            "type": found["VolumeType"],
            "encrypted": found["Encrypted"],
            **snapshot,
            "tags": tags(found.get("Tags")),
            "arn": self.aws.arn("volume", name),
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        super().update(name, given, before, changed)
        if {"size", "type"} & changed:
            self.aws.ec2.modify_volume(VolumeId=name, Size=given["size"], VolumeType=given["type"])

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.delete_volume(VolumeId=name)


class VolumeAttachment(Kind):
    token = "aws:ec2/volumeAttachment:VolumeAttachment"
    inputs = {
        "deviceName": "replace",
        "instanceId": "replace",
        "volumeId": "replace",
        "stopInstanceBeforeDetaching": "update",
    }

    def create(self, given: Values) -> str:
        self.aws.ec2.attach_volume(
            Device=given["deviceName"], InstanceId=given["instanceId"], VolumeId=given["volumeId"]
        )
        settled(f"{given['volumeId']} attached", lambda: self.read("", given) is not None)
        return f"vai-{given['volumeId']}-{given['instanceId']}"

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.ec2.describe_volumes(VolumeIds=[given["volumeId"]])["Volumes"][0]
        for each in found["Attachments"]:
            if each["InstanceId"] == given["instanceId"] and each["State"] == "attached":
                return {**given, "deviceName": each["Device"]}
        return None

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        """Only how it is detached one day has changed, which AWS knows nothing of."""

    def delete(self, name: str, given: Values) -> None:
        if self.read(name, given) is None:
            return
        instance = {"InstanceIds": [given["instanceId"]]}
        if given.get("stopInstanceBeforeDetaching"):
            self.aws.ec2.stop_instances(**instance)
            settled(
                f"{given['instanceId']} stopped",
                lambda: self._instance(given["instanceId"]) in ("stopped", "terminated"),
            )
        self.aws.ec2.detach_volume(VolumeId=given["volumeId"], InstanceId=given["instanceId"])
        settled(f"{given['volumeId']} detached", lambda: self.read(name, given) is None)

    def _instance(self, name: str) -> str:
        found = self.aws.ec2.describe_instances(InstanceIds=[name])["Reservations"]
        return str(found[0]["Instances"][0]["State"]["Name"]) if found else "terminated"


class KeyPair(Ec2Kind):
    token = "aws:ec2/keyPair:KeyPair"
    inputs = {"keyName": "replace", "publicKey": "replace", "tags": "update"}
    computed = ("arn", "keyPairId", "fingerprint")
    named = "keyName"

    def create(self, given: Values) -> str:
        self.aws.ec2.import_key_pair(
            KeyName=given["keyName"],
            PublicKeyMaterial=given["publicKey"].encode(),
            **self.tagged("key-pair", given),
        )
        return str(given["keyName"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.ec2.describe_key_pairs(KeyNames=[name])["KeyPairs"][0]
        return {
            "keyName": found["KeyName"],
            "tags": tags(found.get("Tags")),
            "arn": self.aws.arn("key-pair", name),
            "keyPairId": found.get("KeyPairId", ""),
            "fingerprint": found["KeyFingerprint"],
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        found = self.aws.ec2.describe_key_pairs(KeyNames=[name])["KeyPairs"][0]
        super().update(found["KeyPairId"], given, before, changed)

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.delete_key_pair(KeyName=name)


def metadata(options: Values) -> dict[str, Any]:
    """The options of a host's metadata service as EC2 writes them."""
    return {
        "HttpEndpoint": options["httpEndpoint"],
        "HttpTokens": options["httpTokens"],
        "HttpPutResponseHopLimit": options["httpPutResponseHopLimit"],
    }


def disk(device: Values) -> dict[str, Any]:
    """The root volume as EC2 writes it."""
    return {
        "VolumeType": device["volumeType"],
        "VolumeSize": device["volumeSize"],
        "Encrypted": device["encrypted"],
        "DeleteOnTermination": True,
    }
