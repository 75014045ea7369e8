"""The network: VPC, subnet, routes, security groups, public addresses."""

from __future__ import annotations

from typing import Any

from tests.rehearsal.provider.kind import Ec2Kind, FixedKind, Kind, Values, tags


class Vpc(Ec2Kind):
    token = "aws:ec2/vpc:Vpc"
    inputs = {
        "cidrBlock": "replace",
        "enableDnsHostnames": "update",
        "enableDnsSupport": "update",
        "tags": "update",
    }
    computed = ("arn",)

    def create(self, given: Values) -> str:
        made = self.aws.ec2.create_vpc(CidrBlock=given["cidrBlock"], **self.tagged("vpc", given))
        name = str(made["Vpc"]["VpcId"])
        self.update(name, given, {}, set(given) - {"tags"})
        return name

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.ec2.describe_vpcs(VpcIds=[name])["Vpcs"][0]
        return {
            "cidrBlock": found["CidrBlock"],
            "enableDnsHostnames": self._attribute(name, "enableDnsHostnames"),
            "enableDnsSupport": self._attribute(name, "enableDnsSupport"),
            "tags": tags(found.get("Tags")),
            "arn": self.aws.arn("vpc", name),
        }

    def _attribute(self, name: str, attribute: str) -> bool:
        found = self.aws.ec2.describe_vpc_attribute(VpcId=name, Attribute=attribute)
        return bool(found[attribute[0].upper() + attribute[1:]]["Value"])

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        super().update(name, given, before, changed)
        for key in sorted({"enableDnsHostnames", "enableDnsSupport"} & changed):
            self.aws.ec2.modify_vpc_attribute(
                VpcId=name, **{key[0].upper() + key[1:]: {"Value": bool(given.get(key))}}
            )

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.delete_vpc(VpcId=name)


class VpcRange(FixedKind):
    token = "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation"
    inputs = {"vpcId": "replace", "cidrBlock": "replace"}

    def create(self, given: Values) -> str:
        made = self.aws.ec2.associate_vpc_cidr_block(VpcId=given["vpcId"], CidrBlock=given["cidrBlock"])
        return str(made["CidrBlockAssociation"]["AssociationId"])

    def read(self, name: str, given: Values) -> Values | None:
        for each in self.aws.ec2.describe_vpcs(VpcIds=[given["vpcId"]])["Vpcs"][0]["CidrBlockAssociationSet"]:
            if each["AssociationId"] == name and each["CidrBlockState"]["State"] == "associated":
                return {"vpcId": given["vpcId"], "cidrBlock": each["CidrBlock"]}
        return None

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.disassociate_vpc_cidr_block(AssociationId=name)


class Subnet(Ec2Kind):
    token = "aws:ec2/subnet:Subnet"
    inputs = {
        "vpcId": "replace",
        "cidrBlock": "replace",
        "availabilityZone": "replace",
        "mapPublicIpOnLaunch": "update",
        "tags": "update",
    }
    computed = ("arn",)

    def create(self, given: Values) -> str:
        made = self.aws.ec2.create_subnet(
            VpcId=given["vpcId"],
            CidrBlock=given["cidrBlock"],
            AvailabilityZone=given["availabilityZone"],
            **self.tagged("subnet", given),
        )
        name = str(made["Subnet"]["SubnetId"])
        self.update(name, given, {}, {"mapPublicIpOnLaunch"})
        return name

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.ec2.describe_subnets(SubnetIds=[name])["Subnets"][0]
        return {
            "vpcId": found["VpcId"],
            "cidrBlock": found["CidrBlock"],
            "availabilityZone": found["AvailabilityZone"],
            "mapPublicIpOnLaunch": found["MapPublicIpOnLaunch"],
            "tags": tags(found.get("Tags")),
            "arn": found["SubnetArn"],
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        super().update(name, given, before, changed)
        if "mapPublicIpOnLaunch" in changed:
            self.aws.ec2.modify_subnet_attribute(
                SubnetId=name, MapPublicIpOnLaunch={"Value": bool(given.get("mapPublicIpOnLaunch"))}
            )

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.delete_subnet(SubnetId=name)


class InternetGateway(Ec2Kind):
    token = "aws:ec2/internetGateway:InternetGateway"
    inputs = {"vpcId": "replace", "tags": "update"}
    computed = ("arn",)

    def create(self, given: Values) -> str:
        made = self.aws.ec2.create_internet_gateway(**self.tagged("internet-gateway", given))
        name = str(made["InternetGateway"]["InternetGatewayId"])
        self.aws.ec2.attach_internet_gateway(InternetGatewayId=name, VpcId=given["vpcId"])
        return name

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.ec2.describe_internet_gateways(InternetGatewayIds=[name])["InternetGateways"][0]
        return {
            "vpcId": next((each["VpcId"] for each in found["Attachments"]), ""),
            "tags": tags(found.get("Tags")),
            "arn": self.aws.arn("internet-gateway", name),
        }

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.detach_internet_gateway(InternetGatewayId=name, VpcId=given["vpcId"])
        self.aws.ec2.delete_internet_gateway(InternetGatewayId=name)


class RouteTable(Ec2Kind):
    token = "aws:ec2/routeTable:RouteTable"
    inputs = {"vpcId": "replace", "tags": "update"}
    computed = ("arn",)

    def create(self, given: Values) -> str:
        made = self.aws.ec2.create_route_table(VpcId=given["vpcId"], **self.tagged("route-table", given))
        return str(made["RouteTable"]["RouteTableId"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.ec2.describe_route_tables(RouteTableIds=[name])["RouteTables"][0]
        return {
            "vpcId": found["VpcId"],
            "tags": tags(found.get("Tags")),
            "arn": self.aws.arn("route-table", name),
        }

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.delete_route_table(RouteTableId=name)


class Route(Kind):
    token = "aws:ec2/route:Route"
    inputs = {"routeTableId": "replace", "destinationCidrBlock": "replace", "gatewayId": "update"}

    def create(self, given: Values) -> str:
        self.aws.ec2.create_route(**self._request(given))
        return f"r-{given['routeTableId']}{given['destinationCidrBlock']}"

    def _request(self, given: Values) -> dict[str, Any]:
        return {
            "RouteTableId": given["routeTableId"],
            "DestinationCidrBlock": given["destinationCidrBlock"],
            "GatewayId": given["gatewayId"],
        }

    def read(self, name: str, given: Values) -> Values | None:
        tables = self.aws.ec2.describe_route_tables(RouteTableIds=[given["routeTableId"]])["RouteTables"]
        for route in tables[0]["Routes"]:
            if route.get("DestinationCidrBlock") == given["destinationCidrBlock"]:
                return {**given, "gatewayId": route.get("GatewayId", "")}
        return None

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        self.aws.ec2.replace_route(**self._request(given))

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.delete_route(
            RouteTableId=given["routeTableId"], DestinationCidrBlock=given["destinationCidrBlock"]
        )


class RouteTableAssociation(FixedKind):
    token = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    inputs = {"subnetId": "replace", "routeTableId": "replace"}

    def create(self, given: Values) -> str:
        made = self.aws.ec2.associate_route_table(
            RouteTableId=given["routeTableId"], SubnetId=given["subnetId"]
        )
        return str(made["AssociationId"])

    def read(self, name: str, given: Values) -> Values | None:
        tables = self.aws.ec2.describe_route_tables(RouteTableIds=[given["routeTableId"]])["RouteTables"]
        for each in tables[0]["Associations"]:
            if each["RouteTableAssociationId"] == name:
                return {"subnetId": each["SubnetId"], "routeTableId": each["RouteTableId"]}
        return None

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.disassociate_route_table(AssociationId=name)


class SecurityGroup(Ec2Kind):
    token = "aws:ec2/securityGroup:SecurityGroup"
    inputs = {"name": "replace", "description": "replace", "vpcId": "replace", "tags": "update"}
    computed = ("arn",)
    named = "name"

    def create(self, given: Values) -> str:
        made = self.aws.ec2.create_security_group(
            GroupName=given["name"],
            Description=given["description"],
            VpcId=given["vpcId"],
            **self.tagged("security-group", given),
        )
        name = str(made["GroupId"])
        # As the real one does: nothing goes out but by rules of the program.
        rules = self.aws.ec2.describe_security_groups(GroupIds=[name])["SecurityGroups"][0]
        if rules["IpPermissionsEgress"]:
            self.aws.ec2.revoke_security_group_egress(
                GroupId=name, IpPermissions=rules["IpPermissionsEgress"]
            )
        return name

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.ec2.describe_security_groups(GroupIds=[name])["SecurityGroups"][0]
        return {
            "name": found["GroupName"],
            "description": found["Description"],
            "vpcId": found["VpcId"],
            "tags": tags(found.get("Tags")),
            "arn": self.aws.arn("security-group", name),
        }

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.delete_security_group(GroupId=name)


class Rule(Ec2Kind):
    inputs = {
        "securityGroupId": "replace",
        "description": "update",
        "ipProtocol": "update",
        "fromPort": "update",
        "toPort": "update",
        "cidrIpv4": "update",
        "referencedSecurityGroupId": "update",
        "prefixListId": "update",
        "tags": "update",
    }
    computed = ("arn", "securityGroupRuleId")
    way: str

    def create(self, given: Values) -> str:
        permission: dict[str, Any] = {"IpProtocol": given["ipProtocol"]}
        if given.get("fromPort") is not None:
            permission |= {"FromPort": given["fromPort"], "ToPort": given["toPort"]}
        described = {"Description": given["description"]} if given.get("description") else {}
        if given.get("cidrIpv4"):
            permission["IpRanges"] = [{"CidrIp": given["cidrIpv4"], **described}]
        elif given.get("prefixListId"):
            permission["PrefixListIds"] = [{"PrefixListId": given["prefixListId"], **described}]
        else:
            source = {"GroupId": given["referencedSecurityGroupId"], **described}
            permission["UserIdGroupPairs"] = [source]
        made = getattr(self.aws.ec2, f"authorize_security_group_{self.way}")(
            GroupId=given["securityGroupId"],
            IpPermissions=[permission],
            **self.tagged("security-group-rule", given),
        )
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def read(self, name: str, given: Values) -> Values | None:
        rules = self.aws.ec2.describe_security_group_rules(SecurityGroupRuleIds=[name])["SecurityGroupRules"]
        if not rules:
            return None
        found = rules[0]
        open_to = {
            "cidrIpv4": found.get("CidrIpv4"),
            "referencedSecurityGroupId": found.get("ReferencedGroupInfo", {}).get("GroupId"),
            "prefixListId": found.get("PrefixListId"),
            "description": found.get("Description"),
        }
        ports = {"fromPort": found.get("FromPort"), "toPort": found.get("ToPort")}
        # AWS writes -1 where a rule is for every port.
        ports = {key: value for key, value in ports.items() if value not in (None, -1)}
        return {
            "securityGroupId": found["GroupId"],
            "ipProtocol": found["IpProtocol"],
            **ports,
            **{key: value for key, value in open_to.items() if value},
            "tags": tags(found.get("Tags")),
            "arn": self.aws.arn("security-group-rule", name),
            "securityGroupRuleId": name,
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        super().update(name, given, before, changed)
        if changed == {"tags"}:
            return
        keys = {
            "ipProtocol": "IpProtocol", "fromPort": "FromPort", "toPort": "ToPort", "cidrIpv4": "CidrIpv4",
            "description": "Description", "referencedSecurityGroupId": "ReferencedGroupId",
            "prefixListId": "PrefixListId",
        }  # fmt: skip
        rule = {theirs: given[ours] for ours, theirs in keys.items() if given.get(ours) is not None}
        self.aws.ec2.modify_security_group_rules(
            GroupId=given["securityGroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": name, "SecurityGroupRule": rule}],
        )

    def delete(self, name: str, given: Values) -> None:
        getattr(self.aws.ec2, f"revoke_security_group_{self.way}")(
            GroupId=given["securityGroupId"], SecurityGroupRuleIds=[name]
        )


class IngressRule(Rule):
    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    way = "ingress"


class EgressRule(Rule):
    token = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    way = "egress"


class Eip(Ec2Kind):
    token = "aws:ec2/eip:Eip"
    inputs = {"domain": "replace", "tags": "update"}
    computed = ("allocationId", "publicIp", "arn")

    def create(self, given: Values) -> str:
        made = self.aws.ec2.allocate_address(Domain=given["domain"], **self.tagged("elastic-ip", given))
        return str(made["AllocationId"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.ec2.describe_addresses(AllocationIds=[name])["Addresses"][0]
        return {
            "domain": found["Domain"],
            "tags": tags(found.get("Tags")),
            "allocationId": name,
            "publicIp": found["PublicIp"],
            "arn": self.aws.arn("elastic-ip", name),
        }

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.release_address(AllocationId=name)


class EipAssociation(FixedKind):
    token = "aws:ec2/eipAssociation:EipAssociation"
    inputs = {"allocationId": "replace", "instanceId": "replace"}

    def create(self, given: Values) -> str:
        made = self.aws.ec2.associate_address(
            AllocationId=given["allocationId"], InstanceId=given["instanceId"]
        )
        return str(made["AssociationId"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.ec2.describe_addresses(AllocationIds=[given["allocationId"]])["Addresses"][0]
        if found.get("AssociationId") != name:
            return None
        return {"allocationId": found["AllocationId"], "instanceId": found["InstanceId"]}

    def delete(self, name: str, given: Values) -> None:
        self.aws.ec2.disassociate_address(AssociationId=name)
