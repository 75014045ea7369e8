"""What a host asks of AWS, with its own role: secrets, a login for images, and telling how it is."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any


def client(service: str, region: str) -> Any:
    """A client of boto3; the host's own environment may name another address of AWS."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        region_name=region,
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL") or None,
        config=Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 5}),
    )


def secrets(region: str, path: str) -> dict[str, str]:
    """The secrets below a path of SSM, by their variables."""
    pages = client("ssm", region).get_paginator("get_parameters_by_path")
    return {
        each["Name"].rpartition("/")[2]: each["Value"]
        for page in pages.paginate(Path=path, WithDecryption=True)
        for each in page["Parameters"]
    }


def registry_password(region: str) -> str:
    """A password for ECR, good for twelve hours; the user is AWS."""
    answer = client("ecr", region).get_authorization_token()
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    return token.partition(":")[2]


def assumed(region: str, role: str, name: str) -> dict[str, Any]:
    """Credentials of a role, good for an hour, as `credential_process` of the SDK writes them."""
    found = client("sts", region).assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
    kept = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    return {"Version": 1, "Expiration": found["Expiration"].isoformat(), **{key: found[key] for key in kept}}


def complete(region: str, group: str, hook: str, instance: str) -> str:
    """Tells the group that an instance need not wait at a hook any more; gives how that was taken."""
    from botocore.exceptions import ClientError

    try:
        client("autoscaling", region).complete_lifecycle_action(
            AutoScalingGroupName=group,
            LifecycleHookName=hook,
            InstanceId=instance,
            LifecycleActionResult="CONTINUE",
        )
    except ClientError as refusal:
        # It does not wait there, as after a reboot.
        if refusal.response["Error"]["Code"] != "ValidationError":
            raise
        return "nothing waits"
    return "done"


def put_metrics(
    region: str, namespace: str, dimensions: Mapping[str, str], values: Mapping[str, float]
) -> None:
    """Tells CloudWatch how the host is."""
    client("cloudwatch", region).put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Value": value,
                "Dimensions": [{"Name": key, "Value": each} for key, each in dimensions.items()],
            }
            for name, value in values.items()
        ],
    )
