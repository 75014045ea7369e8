"""Hosts that come and go: launch templates, groups, what they scale by, and addresses that they never get."""

from __future__ import annotations

from typing import Any

from tests.rehearsal.provider.kind import Ec2Kind, FixedKind, Kind, Values, pairs, tags


class SubnetCidrReservation(FixedKind):
    token = "aws:ec2/subnetCidrReservation:SubnetCidrReservation"
    inputs = dict.fromkeys(("subnetId", "cidrBlock", "reservationType", "description"), "replace")
    computed = ("ownerId",)

    def create(self, given: Values) -> str:
        made = self.aws.ec2.create_subnet_cidr_reservation(
            SubnetId=given["subnetId"],
            Cidr=given["cidrBlock"],
            ReservationType=given["reservationType"],
            Description=given["description"],
        )
        return str(made["SubnetCidrReservation"]["SubnetCidrReservationId"])

    def read(self, name: str, given: Values) -> Values | None:
        listed = self.aws.ec2.get_subnet_cidr_reservations(SubnetId=given["subnetId"])
        for found in listed["SubnetIpv4CidrReservations"]:
            if found["SubnetCidrReservationId"] == name:
                return {
                    "subnetId": found["SubnetId"],
                    "cidrBlock": found["Cidr"],
                    "reservationType": found["ReservationType"],
                    # Which the emulator forgets.
                    "description": found.get("Description", given["description"]),
                    "ownerId": found["OwnerId"],
                }
        return None

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.delete_subnet_cidr_reservation(SubnetCidrReservationId=name)


class LaunchTemplate(Ec2Kind):
    token = "aws:ec2/launchTemplate:LaunchTemplate"
    data = (
        "imageId", "instanceType", "iamInstanceProfile", "keyName", "vpcSecurityGroupIds", "userData",
        "metadataOptions", "blockDeviceMappings", "instanceMarketOptions", "tagSpecifications",
    )  # fmt: skip
    inputs = {
        "name": "replace",
        **dict.fromkeys(data, "update"),
        "updateDefaultVersion": "update",
        "tags": "update",
    }
    computed = ("arn", "latestVersion", "defaultVersion")
    moving = ("latestVersion", "defaultVersion")
    named = "name"

    def create(self, given: Values) -> str:
        made = self.aws.ec2.create_launch_template(
            LaunchTemplateName=given["name"],
            LaunchTemplateData=template(given),
            **self.tagged("launch-template", given),
        )
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.ec2.describe_launch_templates(LaunchTemplateIds=[name])["LaunchTemplates"]
        if not found:
            return None
        (latest,) = self.aws.ec2.describe_launch_template_versions(
            LaunchTemplateId=name, Versions=["$Latest"]
        )["LaunchTemplateVersions"]
        same = {key: given[key] for key in self.data if key in given}
        if latest["LaunchTemplateData"].get("ImageId") != given["imageId"]:
            same["imageId"] = latest["LaunchTemplateData"].get("ImageId")
        return {
            **same,
            "name": found[0]["LaunchTemplateName"],
            "updateDefaultVersion": given["updateDefaultVersion"],
            "tags": tags(found[0].get("Tags")),
            "arn": self.aws.arn("launch-template", name),
            "latestVersion": found[0]["LatestVersionNumber"],
            "defaultVersion": found[0]["DefaultVersionNumber"],
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        super().update(name, given, before, changed)
        if changed & set(self.data):
            made = self.aws.ec2.create_launch_template_version(
                LaunchTemplateId=name, LaunchTemplateData=template(given)
            )["LaunchTemplateVersion"]
            self.aws.ec2.modify_launch_template(
                LaunchTemplateId=name, DefaultVersion=str(made["VersionNumber"])
            )

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.delete_launch_template(LaunchTemplateId=name)


class Group(Kind):
    token = "aws:autoscaling/group:Group"
    inputs = {
        "name": "replace",
        "minSize": "update",
        "maxSize": "update",
        "vpcZoneIdentifiers": "update",
        "launchTemplate": "update",
        "healthCheckType": "update",
        "defaultInstanceWarmup": "update",
        "capacityRebalance": "update",
        "initialLifecycleHooks": "replace",
        "waitForCapacityTimeout": "update",
        "tags": "update",
    }
    computed = ("arn",)
    named = "name"

    def create(self, given: Values) -> str:
        groups, name = self.aws.client("autoscaling"), {"AutoScalingGroupName": given["name"]}
        # As Pulumi's provider does it: hooks are there before the first instance is.
        groups.create_auto_scaling_group(
            **name, **self._wanted({**given, "minSize": 0, "maxSize": 0}), Tags=self._tags(given)
        )
        for hook in given["initialLifecycleHooks"]:
            groups.put_lifecycle_hook(
                **name,
                LifecycleHookName=hook["name"],
                LifecycleTransition=hook["lifecycleTransition"],
                HeartbeatTimeout=hook["heartbeatTimeout"],
                DefaultResult=hook["defaultResult"],
            )
        groups.update_auto_scaling_group(**name, **self._wanted(given), DesiredCapacity=given["minSize"])
        return str(given["name"])

    def _wanted(self, given: Values) -> dict[str, Any]:
        return {
            "MinSize": given["minSize"],
            "MaxSize": given["maxSize"],
            "VPCZoneIdentifier": ",".join(given["vpcZoneIdentifiers"]),
            "LaunchTemplate": {
                "LaunchTemplateId": given["launchTemplate"]["id"],
                "Version": given["launchTemplate"]["version"],
            },
            "HealthCheckType": given["healthCheckType"],
            "DefaultInstanceWarmup": given["defaultInstanceWarmup"],
            "CapacityRebalance": given["capacityRebalance"],
        }

    def _tags(self, given: Values) -> list[dict[str, Any]]:
        return [
            {
                "ResourceId": given["name"],
                "ResourceType": "auto-scaling-group",
                "Key": each["key"],
                "Value": each["value"],
                "PropagateAtLaunch": each["propagateAtLaunch"],
            }
            for each in given.get("tags") or []
        ]

    def read(self, name: str, given: Values) -> Values | None:
        listed = self.aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        for found in listed["AutoScalingGroups"]:
            passed_on = [(each["Key"], each["Value"], each["PropagateAtLaunch"]) for each in found["Tags"]]
            return {
                # What is not listed here the emulator does not tell.
                **given,
                "minSize": found["MinSize"],
                "maxSize": found["MaxSize"],
                "vpcZoneIdentifiers": found["VPCZoneIdentifier"].split(","),
                "tags": [
                    {"key": key, "value": value, "propagateAtLaunch": wanted}
                    for key, value, wanted in passed_on
                    if not key.startswith("aws:")
                ],
                "arn": found["AutoScalingGroupARN"],
            }
        return None

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        groups = self.aws.client("autoscaling")
        if changed - {"tags"}:
            groups.update_auto_scaling_group(AutoScalingGroupName=name, **self._wanted(given))
        if "tags" in changed:
            groups.delete_tags(Tags=self._tags(before))
            groups.create_or_update_tags(Tags=self._tags(given))

    def delete(self, name: str, given: Values) -> None:
        groups = self.aws.client("autoscaling")
        groups.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=0, MaxSize=0, DesiredCapacity=0)
        groups.delete_auto_scaling_group(AutoScalingGroupName=name)


class ScalingPolicy(Kind):
    token = "aws:autoscaling/policy:Policy"
    inputs = {
        "name": "replace",
        "autoscalingGroupName": "replace",
        "policyType": "update",
        "targetTrackingConfiguration": "update",
    }
    computed = ("arn",)
    named = "name"

    def create(self, given: Values) -> str:
        self.update("", given, {}, set())
        return str(given["name"])

    def _find(self, name: str, given: Values) -> dict[str, Any] | None:
        listed = self.aws.client("autoscaling").describe_policies(
            AutoScalingGroupName=given["autoscalingGroupName"], PolicyNames=[name]
        )
        return next(iter(listed["ScalingPolicies"]), None)

    def read(self, name: str, given: Values) -> Values | None:
        found = self._find(name, given)
        if found is None:
            return None
        same = found["TargetTrackingConfiguration"]["TargetValue"] == tracking(given)["TargetValue"]
        state = {
            "name": name,
            "autoscalingGroupName": found["AutoScalingGroupName"],
            "policyType": found["PolicyType"],
            "arn": found["PolicyARN"],
        }
        return {
            **state,
            **({"targetTrackingConfiguration": given["targetTrackingConfiguration"]} if same else {}),
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        self.aws.client("autoscaling").put_scaling_policy(
            AutoScalingGroupName=given["autoscalingGroupName"],
            PolicyName=given["name"],
            PolicyType=given["policyType"],
            TargetTrackingConfiguration=tracking(given),
        )

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("autoscaling").delete_policy(
            AutoScalingGroupName=given["autoscalingGroupName"], PolicyName=name
        )


def template(given: Values) -> dict[str, Any]:
    """What a launch template says, as EC2 writes it."""
    options = given["metadataOptions"]
    made: dict[str, Any] = {
        "ImageId": given["imageId"],
        "InstanceType": given["instanceType"],
        "IamInstanceProfile": {"Name": given["iamInstanceProfile"]["name"]},
        "SecurityGroupIds": given["vpcSecurityGroupIds"],
        "UserData": given["userData"],
        "MetadataOptions": {
            "HttpEndpoint": options["httpEndpoint"],
            "HttpTokens": options["httpTokens"],
            "HttpPutResponseHopLimit": options["httpPutResponseHopLimit"],
        },
        "BlockDeviceMappings": [
            {
                "DeviceName": each["deviceName"],
                "Ebs": {
                    **({"SnapshotId": each["ebs"]["snapshotId"]} if each["ebs"].get("snapshotId") else {}),
                    "VolumeType": each["ebs"]["volumeType"],
                    "VolumeSize": each["ebs"]["volumeSize"],
                    "Encrypted": each["ebs"]["encrypted"] == "true",
                    "DeleteOnTermination": each["ebs"]["deleteOnTermination"] == "true",
                },
            }
            for each in given["blockDeviceMappings"]
        ],
        "TagSpecifications": [
            {"ResourceType": each["resourceType"], "Tags": pairs(each["tags"])}
            for each in given["tagSpecifications"]
        ],
    }
    if given.get("keyName"):
        made["KeyName"] = given["keyName"]
    if given.get("instanceMarketOptions"):
        made["InstanceMarketOptions"] = {"MarketType": given["instanceMarketOptions"]["marketType"]}
    return made


def tracking(given: Values) -> dict[str, Any]:
    """What a group scales by, as AWS writes it."""
    wanted = given["targetTrackingConfiguration"]
    metric = wanted["customizedMetricSpecification"]
    return {
        "TargetValue": wanted["targetValue"],
        "CustomizedMetricSpecification": {
            "Namespace": metric["namespace"],
            "MetricName": metric["metricName"],
            "Statistic": metric["statistic"],
            "Dimensions": [
                {"Name": each["name"], "Value": each["value"]} for each in metric["metricDimensions"]
            ],
        },
    }
