"""Tags of everything, given in one place: a resource says none but those that are its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi_aws import autoscaling

from app.release.names import HOST_TAG, ROLE_TAG
from infra.aws.config import AwsConfig


def of_stack(config: AwsConfig) -> pulumi.ResourceTransformation:
    """Gives whatever takes tags those of its stack, and its name."""
    return giving(config.tags)


def of_hosts(opts: pulumi.ResourceOptions | None, role: str, host: str = "") -> pulumi.ResourceOptions:
    """The options of a component whose resources all belong to the hosts of a role, or to one host."""
    own = {ROLE_TAG: role, **({HOST_TAG: host} if host else {})}
    tagging = pulumi.ResourceOptions(transformations=[giving(lambda _: own)])
    return pulumi.ResourceOptions.merge(opts, tagging)


def giving(tags: Callable[[str], Mapping[str, str]]) -> pulumi.ResourceTransformation:
    """Gives tags to every resource of AWS that takes some; what it has already, or from nearer, stays."""

    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        taken = isinstance(getattr(type(args.resource), "tags", None), property)
        if not taken or not args.type_.startswith("aws:"):
            return None
        # The short name, by which existing stacks know a resource too.
        short = next((each.name for each in args.opts.aliases or () if isinstance(each, pulumi.Alias)), ...)
        before: Any = args.props.get("tags") or {}
        listed = isinstance(args.resource, autoscaling.Group)
        if listed:
            before = {each.key: each.value for each in before}
        given: Any = {**tags(short if isinstance(short, str) else args.name), **before}
        if listed:
            given = passed_on(given)
        return pulumi.ResourceTransformationResult({**args.props, "tags": given}, args.opts)

    return transform


def passed_on(tags: Mapping[str, str]) -> list[autoscaling.GroupTagArgs]:
    """Tags of a group, which its hosts have too."""
    return [
        autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=True)
        for key, value in tags.items()
    ]
