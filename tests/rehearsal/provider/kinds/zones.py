"""Zones of names that are known in a network alone."""

from __future__ import annotations

import uuid

from tests.rehearsal.provider.kind import Kind, Values, pairs, tags


class Zone(Kind):
    token = "aws:route53/zone:Zone"
    inputs = {
        "name": "replace",
        "comment": "replace",
        "vpcs": "replace",
        "forceDestroy": "update",
        "tags": "update",
    }
    computed = ("arn", "zoneId")

    def create(self, given: Values) -> str:
        (network,) = given["vpcs"]
        made = self.aws.client("route53").create_hosted_zone(
            Name=given["name"],
            CallerReference=str(uuid.uuid4()),
            HostedZoneConfig={"Comment": given["comment"], "PrivateZone": True},
            VPC={"VPCRegion": self.aws.region, "VPCId": network["vpcId"]},
        )
        name = str(made["HostedZone"]["Id"]).rpartition("/")[2]
        self.update(name, given, {}, {"tags"})
        return name

    def read(self, name: str, given: Values) -> Values | None:
        route53 = self.aws.client("route53")
        found = route53.get_hosted_zone(Id=name)
        listed = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=name)
        return {
            "name": found["HostedZone"]["Name"].rstrip("."),
            "comment": found["HostedZone"]["Config"]["Comment"],
            "vpcs": [{"vpcId": each["VPCId"]} for each in found["VPCs"]],
            "forceDestroy": given["forceDestroy"],
            "tags": tags(listed["ResourceTagSet"]["Tags"]),
            "arn": f"arn:aws:route53:::hostedzone/{name}",
            "zoneId": name,
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        if "tags" in changed:
            lost = [key for key in before.get("tags") or {} if key not in (given.get("tags") or {})]
            removed = {"RemoveTagKeys": lost} if lost else {}
            self.aws.client("route53").change_tags_for_resource(
                ResourceType="hostedzone", ResourceId=name, AddTags=pairs(given.get("tags")), **removed
            )

    def delete(self, name: str, given: Values) -> None:
        route53 = self.aws.client("route53")
        for record in route53.list_resource_record_sets(HostedZoneId=name)["ResourceRecordSets"]:
            if record["Type"] not in ("NS", "SOA"):
                changes = [{"Action": "DELETE", "ResourceRecordSet": record}]
                route53.change_resource_record_sets(HostedZoneId=name, ChangeBatch={"Changes": changes})
        route53.delete_hosted_zone(Id=name)
