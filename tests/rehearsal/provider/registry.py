"""Every type of resource that the stand-in knows, by its token, and the functions that programs call."""

from __future__ import annotations

import base64
from collections.abc import Callable

from tests.rehearsal.provider.kind import Aws, Kind, Values
from tests.rehearsal.provider.kinds import access, delivery, hosts, network, pool, stores, watching, zones
from tests.rehearsal.provider.kinds.stores import registry

CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"


def kinds() -> dict[str, type[Kind]]:
    """The types by token: every class of the modules that has one of its own."""
    return {
        each.token: each
        for module in (access, delivery, hosts, network, pool, stores, watching, zones)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Kind) and "token" in vars(each)
    }


def caller_identity(aws: Aws) -> Values:
    """Whose account it is."""
    found = aws.client("sts").get_caller_identity()
    return {
        "accountId": found["Account"],
        "arn": found["Arn"],
        "id": found["Account"],
        "userId": found["UserId"],
    }


def authorization_token(aws: Aws) -> Values:
    """A login to the registry."""
    found = aws.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(found["authorizationToken"]).decode().partition(":")
    return {
        "authorizationToken": found["authorizationToken"],
        "expiresAt": found["expiresAt"].isoformat(),
        "id": aws.region,
        "password": password,
        "proxyEndpoint": registry(found["proxyEndpoint"].removeprefix("https://")),
        "userName": user,
    }


def prefix_list(aws: Aws) -> Values:
    """The addresses that CloudFront asks from, the one list of AWS's that is used."""
    named = [{"Name": "prefix-list-name", "Values": [CLOUDFRONT]}]
    (found,) = aws.ec2.describe_managed_prefix_lists(Filters=named)["PrefixLists"]
    return {"id": found["PrefixListId"], "name": found["PrefixListName"], "arn": found["PrefixListArn"]}


INVOKES: dict[str, Callable[[Aws], Values]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": authorization_token,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": prefix_list,
}
