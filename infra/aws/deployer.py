"""`python -m infra.aws.deployer`: the policy of who runs `make deploy`, as JSON for IAM.

What changes something is named action by action, as the rehearsal records them; reading is let through by
kind, for Pulumi's provider reads more of each resource than any list of ours would keep up with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

OURS = "voicestack-*"
ANYTHING = "*"

READS = (
    "acm:Describe*", "acm:List*", "autoscaling:Describe*", "cloudfront:Get*", "cloudfront:List*",
    "cloudwatch:Describe*", "cloudwatch:ListTagsForResource", "dlm:Get*", "dlm:List*", "ec2:Describe*",
    "ec2:Get*", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:Describe*", "ecr:Get*",
    "ecr:List*", "iam:Get*", "iam:List*", "iam:SimulatePrincipalPolicy", "logs:Describe*", "logs:List*",
    "route53:Get*", "route53:List*", "s3:Get*", "s3:List*", "servicequotas:GetServiceQuota", "sns:Get*",
    "sns:List*", "ssm:Describe*", "ssm:Get*", "ssm:List*", "sts:GetCallerIdentity",
)  # fmt: skip

WRITES: Mapping[str, tuple[str, ...]] = {
    "acm": (
        "AddTagsToCertificate", "DeleteCertificate", "RemoveTagsFromCertificate", "RequestCertificate",
    ),
    "autoscaling": (
        "CreateAutoScalingGroup", "CreateOrUpdateTags", "DeleteAutoScalingGroup", "DeletePolicy",
        "DeleteTags", "PutLifecycleHook", "PutScalingPolicy", "UpdateAutoScalingGroup",
    ),
    "cloudfront": (
        "CreateDistribution", "DeleteDistribution", "TagResource", "UntagResource", "UpdateDistribution",
    ),
    "cloudwatch": (
        "DeleteAlarms", "PutMetricAlarm", "TagResource", "UntagResource",
    ),
    "dlm": (
        "CreateLifecyclePolicy", "DeleteLifecyclePolicy", "TagResource", "UntagResource",
        "UpdateLifecyclePolicy",
    ),
    "ec2": (
        "AllocateAddress", "AssociateAddress", "AssociateRouteTable", "AssociateVpcCidrBlock",
        "AttachInternetGateway", "AttachVolume", "AuthorizeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "CreateInternetGateway", "CreateLaunchTemplate", "CreateLaunchTemplateVersion", "CreateRoute",
        "CreateRouteTable", "CreateSecurityGroup", "CreateSubnet", "CreateSubnetCidrReservation",
        "CreateTags", "CreateVolume", "CreateVpc", "DeleteInternetGateway", "DeleteKeyPair",
        "DeleteLaunchTemplate", "DeleteRoute", "DeleteRouteTable", "DeleteSecurityGroup", "DeleteSubnet",
        "DeleteSubnetCidrReservation", "DeleteVolume", "DeleteVpc", "DetachInternetGateway", "DetachVolume",
        "DisassociateAddress", "DisassociateRouteTable", "DisassociateVpcCidrBlock",
        "ImportKeyPair", "ModifyInstanceAttribute",
        "ModifyLaunchTemplate", "ModifySecurityGroupRules", "ModifySubnetAttribute",
        "ModifyVolume", "ModifyVpcAttribute", "ReleaseAddress", "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress", "RunInstances", "StartInstances", "StopInstances",
        "TerminateInstances",
    ),
    "ecr": (
        "CompleteLayerUpload", "CreateRepository", "DeleteLifecyclePolicy", "DeleteRepository",
        "InitiateLayerUpload", "PutImage", "PutImageScanningConfiguration", "PutLifecyclePolicy",
        "TagResource", "UntagResource", "UploadLayerPart",
    ),
    "iam": (
        "AddRoleToInstanceProfile", "CreateInstanceProfile", "CreateRole", "DeleteInstanceProfile",
        "DeleteRole", "DeleteRolePolicy", "PassRole", "PutRolePolicy", "RemoveRoleFromInstanceProfile",
        "TagInstanceProfile", "TagRole", "UntagInstanceProfile", "UntagRole", "UpdateAssumeRolePolicy",
    ),
    "logs": (
        "CreateLogGroup", "DeleteLogGroup", "PutRetentionPolicy", "TagResource", "UntagResource",
    ),
    "route53": (
        "ChangeResourceRecordSets", "ChangeTagsForResource", "CreateHealthCheck", "CreateHostedZone",
        "DeleteHealthCheck", "DeleteHostedZone", "UpdateHealthCheck",
    ),
    "s3": (
        "CreateBucket", "DeleteBucket", "DeleteObject", "PutBucketPublicAccessBlock", "PutBucketTagging",
        "PutEncryptionConfiguration", "PutLifecycleConfiguration", "PutObject", "PutObjectTagging",
    ),
    "sns": (
        "CreateTopic", "DeleteTopic", "Subscribe", "TagResource", "Unsubscribe", "UntagResource",
    ),
    "ssm": (
        "AddTagsToResource", "DeleteParameter", "PutParameter", "RemoveTagsFromResource", "SendCommand",
    ),
}  # fmt: skip

WITHIN: Mapping[str, tuple[str, ...]] = {
    "autoscaling": (f"arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/{OURS}",),
    "iam": (f"arn:aws:iam::*:role/{OURS}", f"arn:aws:iam::*:instance-profile/{OURS}"),
    "s3": (f"arn:aws:s3:::{OURS}",),
    "ecr": (f"arn:aws:ecr:*:*:repository/{OURS}",),
    "logs": ("arn:aws:logs:*:*:log-group:/voicestack/*",),
    "sns": (f"arn:aws:sns:*:*:{OURS}",),
    "cloudwatch": (f"arn:aws:cloudwatch:*:*:alarm:{OURS}",),
}
"""What of a service may be changed; of one that is not named here everything: it gives no names of ours."""

# The roles that AWS's own services act by, made with the first group, and the first spot host, of an account.
SERVICE_ROLES = tuple(
    f"arn:aws:iam::*:role/aws-service-role/{service}.amazonaws.com/*" for service in ("autoscaling", "spot")
)


def actions() -> list[str]:
    """Every action that changes something."""
    return [f"{service}:{action}" for service, several in WRITES.items() for action in several]


def policy() -> dict[str, Any]:
    """The policy document."""
    statements = [
        {
            "Sid": service.title().replace("-", ""),
            "Effect": "Allow",
            "Action": [f"{service}:{action}" for action in several],
            "Resource": list(WITHIN.get(service, (ANYTHING,))),
        }
        for service, several in WRITES.items()
    ]
    read = {"Sid": "Read", "Effect": "Allow", "Action": list(READS), "Resource": ANYTHING}
    roles = {
        "Sid": "ServiceRoles",
        "Effect": "Allow",
        "Action": ["iam:CreateServiceLinkedRole"],
        "Resource": list(SERVICE_ROLES),
    }
    return {"Version": "2012-10-17", "Statement": [read, *statements, roles]}


def main() -> None:
    """Prints it."""
    print(json.dumps(policy(), indent=2))


if __name__ == "__main__":
    main()
