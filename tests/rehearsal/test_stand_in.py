"""The stand-in of the AWS provider: what it says of each type of resource holds together."""

from __future__ import annotations

import pytest

from tests.rehearsal.provider.kind import Aws, FixedKind, Kind
from tests.rehearsal.provider.registry import kinds

KINDS = list(kinds().values())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_type_answers_for_itself_and_what_it_says_of_its_inputs_holds_together(kind: type[Kind]) -> None:
    made = kind(Aws("eu-central-1", "http://127.0.0.1:1"))
    assert set(made.inputs.values()) <= {"update", "replace"}
    assert isinstance(made, FixedKind) == ("update" not in made.inputs.values())
    assert not set(made.inputs) & set(made.computed)
    assert set(made.moving) <= set(made.computed)
    assert {*made.kept, made.named} - {""} <= set(made.inputs)


def test_a_type_whose_inputs_all_replace_it_is_never_updated() -> None:
    fixed = next(kind for kind in KINDS if issubclass(kind, FixedKind))
    with pytest.raises(ValueError, match="can't be updated"):
        fixed(Aws("eu-central-1", "http://127.0.0.1:1")).update("x", {}, {}, {"instanceId"})


@pytest.mark.parametrize(
    ("service", "action", "given", "problem"),
    [
        ("dlm", "delete_lifecycle_policy", {"PolicyId": "x"}, "policy-"),
        (
            "dlm",
            "create_lifecycle_policy",
            {"ExecutionRoleArn": "arn:aws:iam::1:role/x", "Description": "daily: all", "State": "ENABLED"},
            "Description 'daily: all' is not like",
        ),
        ("ec2", "create_security_group", {"GroupName": "x", "Description": "a host's"}, '"a host\'s" is not'),
        ("logs", "create_log_group", {"logGroupName": "x" * 600}, "logGroupName has 600 characters"),
        ("ecr", "create_repository", {"repositoryName": "Upper"}, "repositoryName 'Upper'"),
        ("ssm", "put_parameter", {"Name": "/x", "Value": "y", "Type": "Secret"}, "none of String"),
    ],
)
def test_what_aws_refuses_is_refused_though_the_emulator_takes_it(
    service: str, action: str, given: dict[str, str], problem: str
) -> None:
    client = Aws("eu-central-1", "http://127.0.0.1:1").client(service)
    with pytest.raises(ValueError, match="AWS would refuse") as refused:
        getattr(client, action)(**given)
    assert problem in str(refused.value)
