"""Who may do what: roles, their policies, instance profiles."""

from __future__ import annotations

import json

from tests.rehearsal.provider.kind import Kind, Values, pairs, tags


class Role(Kind):
    token = "aws:iam/role:Role"
    inputs = {"name": "replace", "assumeRolePolicy": "update", "tags": "update"}
    computed = ("arn", "uniqueId")
    named = "name"

    def create(self, given: Values) -> str:
        self.aws.client("iam").create_role(
            RoleName=given["name"],
            AssumeRolePolicyDocument=given["assumeRolePolicy"],
            Tags=pairs(given.get("tags")),
        )
        return str(given["name"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.client("iam").get_role(RoleName=name)["Role"]
        return {
            "name": found["RoleName"],
            "assumeRolePolicy": json.dumps(found["AssumeRolePolicyDocument"]),
            "tags": tags(self.aws.client("iam").list_role_tags(RoleName=name)["Tags"]),
            "arn": found["Arn"],
            "uniqueId": found["RoleId"],
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        iam = self.aws.client("iam")
        if "assumeRolePolicy" in changed:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=given["assumeRolePolicy"])
        if "tags" in changed:
            iam.untag_role(RoleName=name, TagKeys=list(before.get("tags") or {}))
            iam.tag_role(RoleName=name, Tags=pairs(given.get("tags")))

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("iam").delete_role(RoleName=name)


class RolePolicy(Kind):
    token = "aws:iam/rolePolicy:RolePolicy"
    inputs = {"name": "replace", "role": "replace", "policy": "update"}
    named = "name"

    def create(self, given: Values) -> str:
        self.update("", given, {}, set())
        return f"{given['role']}:{given['name']}"

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.client("iam").get_role_policy(RoleName=given["role"], PolicyName=given["name"])
        return {"name": given["name"], "role": given["role"], "policy": json.dumps(found["PolicyDocument"])}

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        self.aws.client("iam").put_role_policy(
            RoleName=given["role"], PolicyName=given["name"], PolicyDocument=given["policy"]
        )

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("iam").delete_role_policy(RoleName=given["role"], PolicyName=given["name"])


class InstanceProfile(Kind):
    token = "aws:iam/instanceProfile:InstanceProfile"
    inputs = {"name": "replace", "role": "update", "tags": "update"}
    computed = ("arn", "uniqueId")
    named = "name"

    def create(self, given: Values) -> str:
        iam = self.aws.client("iam")
        iam.create_instance_profile(InstanceProfileName=given["name"], Tags=pairs(given.get("tags")))
        iam.add_role_to_instance_profile(InstanceProfileName=given["name"], RoleName=given["role"])
        return str(given["name"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.client("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        return {
            "name": found["InstanceProfileName"],
            "role": next((each["RoleName"] for each in found["Roles"]), ""),
            "tags": tags(found.get("Tags")),
            "arn": found["Arn"],
            "uniqueId": found["InstanceProfileId"],
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        iam, profile = self.aws.client("iam"), {"InstanceProfileName": name}
        if "role" in changed:
            if before.get("role"):
                iam.remove_role_from_instance_profile(**profile, RoleName=before["role"])
            iam.add_role_to_instance_profile(**profile, RoleName=given["role"])
        if "tags" in changed:
            iam.untag_instance_profile(**profile, TagKeys=list(before.get("tags") or {}))
            iam.tag_instance_profile(**profile, Tags=pairs(given.get("tags")))

    def delete(self, name: str, given: Values) -> None:
        iam, profile = self.aws.client("iam"), {"InstanceProfileName": name}
        iam.remove_role_from_instance_profile(**profile, RoleName=given["role"])
        iam.delete_instance_profile(**profile)
