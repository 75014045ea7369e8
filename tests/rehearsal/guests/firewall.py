"""The security groups of an instance as its machine meets them: what no rule lets in does not get in."""

from __future__ import annotations

from typing import Any

CHAIN = "SECURITY-GROUPS"
EVERYTHING = "-1"


def rules(ec2: Any, instance: dict[str, Any]) -> list[str]:
    """What may come in to an instance, as options of iptables.

    A rule that names a group lets in the instances of that group, at their private addresses.
    """
    groups = [each["GroupId"] for each in instance["SecurityGroups"]]
    filters = [{"Name": "group-id", "Values": groups}]
    found = ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    return sorted(
        f"--source {source} {ports(rule)}".strip()
        for rule in found
        if not rule["IsEgress"]
        for source in sources(ec2, rule)
    )


def sources(ec2: Any, rule: dict[str, Any]) -> list[str]:
    """Whom a rule lets in."""
    if cidr := rule.get("CidrIpv4"):
        return [cidr]
    group = rule["ReferencedGroupInfo"]["GroupId"]
    filters = [{"Name": "instance.group-id", "Values": [group]}]
    reservations = ec2.describe_instances(Filters=filters)["Reservations"]
    return [
        each["PrivateIpAddress"]
        for reservation in reservations
        for each in reservation["Instances"]
        if each["State"]["Name"] == "running"
    ]


def ports(rule: dict[str, Any]) -> str:
    """The ports of a rule, as options of iptables."""
    if rule["IpProtocol"] == EVERYTHING:
        return ""
    return f"--protocol {rule['IpProtocol']} --dport {rule['FromPort']}:{rule['ToPort']}"


def script(let_in: list[str]) -> str:
    """A shell script that puts those rules in place of the ones before.

    They are looked at before the engine inside leads a packet on to a container: in the table mangle.
    """
    table = "\n".join(
        [
            "*mangle",
            f":{CHAIN} - [0:0]",
            *(f"-A {CHAIN} {each} -j RETURN" for each in let_in),
            f"-A {CHAIN} -j DROP",
            "COMMIT",
        ]
    )
    entered = f"PREROUTING --in-interface eth0 --match conntrack --ctstate NEW --jump {CHAIN}"
    return (
        f"iptables-restore --wait --noflush <<'END'\n{table}\nEND\n"
        f"iptables --wait --table mangle --check {entered} 2> /dev/null "
        f"|| iptables --wait --table mangle --insert {entered}\n"
    )
