"""Every host of the stack is as its release says (DEP-11)."""

from __future__ import annotations

import os

import boto3
import pytest

from app.release import aws, names
from app.release.history import history
from tests.smoke.checks import CHECKS
from tests.smoke.facts import CheckFailed, Facts
from tests.smoke.host import SshHost
from tests.smoke.report import Report


@pytest.mark.parametrize("check", CHECKS)
def test_a_host_is_as_it_should_be(check: str, host: SshHost, known: Facts, report: Report) -> None:
    try:
        found = CHECKS[check](host, known)
    except CheckFailed as problem:
        report.add(host.name, check, False, str(problem))
        raise
    report.add(host.name, check, True, found)


def test_a_host_runs_the_release_that_the_stack_wants(
    found: aws.Host, known: Facts, pytestconfig: pytest.Config, report: Report
) -> None:
    stack = pytestconfig.getoption("--stack")
    told = aws.told(boto3.client("ssm", region_name=os.environ.get("AWS_REGION")), stack, found.role)
    wanted = history(found.role, told)
    assert wanted, f"{names.release_parameter(stack, found.role)} is missing"
    report.add(found.name, "wanted", known.release == wanted[0].name, f"the stack wants {wanted[0].name}")
    assert known.release == wanted[0].name
