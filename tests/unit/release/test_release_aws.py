"""What is asked of AWS, checked by botocore against the description of its API; answers are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from app.release import aws, names

HOST = aws.Host("i-1", "streaming", "streaming", "10.40.0.10", "203.0.113.10")


def stand_in(service: str) -> tuple[Any, Stubber]:
    client = boto3.client(
        service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    stub = Stubber(client)
    stub.activate()
    return client, stub


@pytest.fixture
def ssm() -> Iterator[tuple[Any, Stubber]]:
    client, stub = stand_in("ssm")
    yield client, stub
    stub.assert_no_pending_responses()


def instance(number: int, role: str) -> dict[str, Any]:
    tags = {names.ROLE_TAG: role, names.HOST_TAG: f"{role}-{number}"}
    return {
        "InstanceId": f"i-{number}",
        "PrivateIpAddress": f"10.40.0.{number}",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def test_hosts_are_found_by_tag_and_speech_comes_first() -> None:
    ec2, stub = stand_in("ec2")
    filters = [
        {"Name": "tag:stack", "Values": ["prod"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    given = [{"Instances": [instance(1, "streaming"), instance(2, "speech")]}]
    stub.add_response("describe_instances", {"Reservations": given}, {"Filters": filters})
    found = aws.hosts(ec2, "prod")
    assert [(each.name, each.role, each.private) for each in found] == [
        ("speech-2", "speech", "10.40.0.2"),
        ("streaming-1", "streaming", "10.40.0.1"),
    ]


def test_a_stack_without_hosts_says_what_to_look_at() -> None:
    ec2, stub = stand_in("ec2")
    stub.add_response("describe_instances", {"Reservations": []})
    with pytest.raises(aws.HostsError, match=r"stack=prod.*AWS_PROFILE"):
        aws.hosts(ec2, "prod")


def test_the_history_of_a_release_is_the_parameters(ssm: tuple[Any, Stubber]) -> None:
    client, stub = ssm
    when = datetime(2026, 11, 1, tzinfo=UTC)
    stub.add_response(
        "get_parameter_history",
        {"Parameters": [{"Value": "releases/speech/a.json", "LastModifiedDate": when}]},
        {"Name": "/voicestack/prod/speech/release"},
    )
    assert aws.told(client, "prod", "speech") == [("releases/speech/a.json", when)]
    stub.add_client_error("get_parameter_history", "ParameterNotFound")
    assert aws.told(client, "prod", "speech") == []


def test_a_command_is_waited_for_and_told_in_the_hosts_own_words(ssm: tuple[Any, Stubber]) -> None:
    client, stub = ssm
    sent = {"Command": {"CommandId": "0" * 36}}
    stub.add_response(
        "send_command",
        sent,
        {
            "InstanceIds": ["i-1"],
            "DocumentName": "AWS-RunShellScript",
            "Comment": "Voicestack",
            "Parameters": {"commands": [names.CONVERGE], "executionTimeout": ["60"]},
        },
    )
    stub.add_client_error("get_command_invocation", "InvocationDoesNotExist")
    stub.add_response("get_command_invocation", {"Status": "InProgress"})
    ended = {
        "Status": "Failed",
        "StatusDetails": "Failed",
        "StandardOutputContent": "streaming: starting\n",
        "StandardErrorContent": "streaming: dubber ended\n",
    }
    stub.add_response("get_command_invocation", ended)
    slept: list[float] = []
    outcomes = list(aws.run(client, [HOST], names.CONVERGE, 60, slept.append))
    assert outcomes == [aws.Outcome(HOST, False, "streaming: starting\nstreaming: dubber ended")]
    assert len(slept) == 2


def test_a_host_that_never_answers_is_told_of(
    ssm: tuple[Any, Stubber], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, stub = ssm
    monkeypatch.setattr(aws, "FOUND_WITHIN", -1.0)
    stub.add_response("send_command", {"Command": {"CommandId": "0" * 36}})
    stub.add_client_error("get_command_invocation", "InvocationDoesNotExist")
    assert [(each.ok, each.said) for each in aws.run(client, [HOST], "true", 0)] == [
        (False, "no answer within 0 s")
    ]
