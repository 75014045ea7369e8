"""What the stand-in knows of a type of resource, and what all types share."""

from __future__ import annotations

import abc
import json
import os
import time
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any, ClassVar, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.rehearsal.provider import strict

Values = dict[str, Any]
Change = Literal["update", "replace"]
GONE = ("NotFound", "NoSuch", "DoesNotExist", "NonExist", "404", "InvalidVolume.Unknown")
SETTLED_WITHIN = 600.0
CALLS = "REHEARSAL_CALLS"
NOT_OURS = ("region", "tagsAll")  # what the SDK may add to the inputs of any resource


class Aws:
    """Clients of one region at one endpoint, made when they are first used."""

    def __init__(self, region: str, endpoint: str) -> None:
        self.region, self.endpoint = region, endpoint
        self.session = boto3.Session(
            aws_access_key_id="stand-in", aws_secret_access_key="stand-in", region_name=region
        )
        self.client = cache(self._client)

    def _client(self, service: str) -> Any:
        style = {"addressing_style": "path"}
        made = self.session.client(service, endpoint_url=self.endpoint, config=Config(s3=style))
        made.meta.events.register("before-parameter-build", strict.refuse)
        made.meta.events.register("before-call", note)
        return made

    @property
    def ec2(self) -> Any:
        """The client that most types use."""
        return self.client("ec2")

    @cached_property
    def account(self) -> str:
        """The number of the account."""
        return str(self.client("sts").get_caller_identity()["Account"])

    def arn(self, kind: str, name: str, service: str = "ec2") -> str:
        """The ARN of something in this region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{kind}/{name}"


def note(model: Any, **_: Any) -> None:
    """Writes down what AWS is asked to do, where the environment names a file for it."""
    if file := os.environ.get(CALLS):
        with open(file, "a", encoding="utf-8") as calls:
            calls.write(f"{model.service_model.service_name}:{model.name}\n")


class Kind(abc.ABC):
    """A type of resource. `inputs` says of each input whether its change updates or replaces the resource.

    `computed` are outputs beyond the inputs, `moving` those of them that an update may change, and `named`
    the input that no two resources share, so that the old one goes before its replacement comes. Inputs that
    are `kept` stay as they are when they are no longer given.
    """

    token: ClassVar[str]
    inputs: ClassVar[Mapping[str, Change]]
    computed: ClassVar[tuple[str, ...]] = ()
    moving: ClassVar[tuple[str, ...]] = ()
    named: ClassVar[str] = ""
    kept: ClassVar[tuple[str, ...]] = ()

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    @abc.abstractmethod
    def create(self, given: Values) -> str:
        """Makes the resource; its id."""

    @abc.abstractmethod
    def read(self, name: str, given: Values) -> Values | None:
        """What AWS says of the resource, by inputs and computed outputs; None or an error if it is gone."""

    @abc.abstractmethod
    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        """Brings the inputs that have changed to AWS."""

    @abc.abstractmethod
    def delete(self, name: str, given: Values) -> None:
        """Removes the resource."""

    def state(self, name: str, given: Values) -> Values | None:
        """Like `read`, None too where an error says that it is gone; equal values as they were given."""
        try:
            found = self.read(name, given)
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        return None if found is None else as_given(found, given)

    def remove(self, name: str, given: Values) -> None:
        """Like `delete`; what is gone already is no error."""
        try:
            self.delete(name, given)
        except ClientError as error:
            if not is_gone(error):
                raise


class FixedKind(Kind):
    """A type whose every input replaces the resource, so that it is never updated."""

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        raise ValueError(f"{self.token}: {', '.join(sorted(changed))} can't be updated")


class Ec2Kind(Kind):
    """A type of EC2, whose tags are changed by the id of the resource."""

    def tagged(self, kind: str, given: Values, key: str = "tags") -> dict[str, Any]:
        """The part of a request that gives a new resource its tags."""
        wanted = pairs(given.get(key))
        return {"TagSpecifications": [{"ResourceType": kind, "Tags": wanted}]} if wanted else {}

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        if "tags" in changed:
            self.retag(name, given.get("tags") or {}, before.get("tags") or {})

    def retag(self, name: str, wanted: Values, before: Values) -> None:
        """Changes the tags of a resource of EC2."""
        lost = [{"Key": key} for key in before if key not in wanted]
        if lost:
            self.aws.ec2.delete_tags(Resources=[name], Tags=lost)
        if wanted:
            self.aws.ec2.create_tags(Resources=[name], Tags=pairs(wanted))


def is_gone(error: ClientError) -> bool:
    """Whether AWS says that there is no such thing."""
    return any(word in str(error.response["Error"]["Code"]) for word in GONE)


def pairs(tags: Mapping[str, str] | None) -> list[dict[str, str]]:
    """Tags as most of AWS writes them."""
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def tags(found: Any) -> dict[str, str]:
    """Tags as Pulumi writes them, without those of AWS's own."""
    listed = found if isinstance(found, dict) else {each["Key"]: each["Value"] for each in found or []}
    return {key: value for key, value in listed.items() if not key.startswith("aws:")}


def as_given(found: Values, given: Values) -> Values:
    """What was found, with every value that means the same as the given one written as that."""
    return {
        key: given[key] if key in given and same(given[key], value) else value for key, value in found.items()
    }


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same: lists as sets, and JSON whatever its spaces."""
    if isinstance(one, list) and isinstance(other, list):
        return sorted(map(repr, one)) == sorted(map(repr, other))
    if isinstance(one, str) and isinstance(other, str | dict) and one.startswith("{"):
        try:
            return bool(json.loads(one) == (json.loads(other) if isinstance(other, str) else other))
        except ValueError:
            return False
    return bool(one == other)


def settled(what: str, done: Callable[[], bool]) -> None:
    """Waits until AWS has done what it was asked for. Raises TimeoutError."""
    deadline = time.monotonic() + SETTLED_WITHIN
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took more than {SETTLED_WITHIN:g} s")
        time.sleep(0.2)
