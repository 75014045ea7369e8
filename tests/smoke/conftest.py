"""`pytest tests/smoke --stack NAME`: the hosts of a running stack, found by tag and logged in to over SSH."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from app.release import aws
from tests.smoke import facts
from tests.smoke.host import Login, SshHost
from tests.smoke.reaching import jump_host, reached
from tests.smoke.report import Report

REPORT: pytest.StashKey[Report] = pytest.StashKey()
FOUND: pytest.StashKey[list[aws.Host]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Whom to look at, and how to get in."""
    group = parser.getgroup("smoke", "smoke tests of a running stack")
    group.addoption("--stack", default="", help="name of the stack, as in pulumi up --stack NAME")
    group.addoption("--ssh-user", default="ubuntu", help="who logs in (default: ubuntu)")
    group.addoption(
        "--ssh-key", default="", help="file of the private key; without it the agent's, or ~/.ssh"
    )
    group.addoption("--known-hosts", default="", help="file of host keys to insist on")
    group.addoption("--jump-host", default="", help="[USER@]ADDRESS[:PORT] to go through to every host")
    group.addoption(
        "--address", action="append", default=[], metavar="HOST=ADDRESS[:PORT]",
        help="where a host is reached, instead of its public address; repeatable",
    )  # fmt: skip
    group.addoption("--reboot", action="store_true", help="reboot each host too: this interrupts streams")
    group.addoption("--no-stream", action="store_true", help="publish no test stream")


def pytest_configure(config: pytest.Config) -> None:
    """Finds the hosts once, before any test is collected."""
    stack = config.getoption("--stack")
    if not stack:
        raise pytest.UsageError("Which stack? make smoke STACK=prod, or pytest tests/smoke --stack prod")
    config.stash[REPORT] = Report()
    try:
        config.stash[FOUND] = aws.hosts(boto3.client("ec2", region_name=os.environ.get("AWS_REGION")), stack)
    except (aws.HostsError, BotoCoreError, ClientError) as problem:
        raise pytest.UsageError(f"The hosts of {stack} can't be found: {problem}") from None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out what was not asked for."""
    left_out = {
        "test_2_stream.py": config.getoption("--no-stream"),
        "test_3_reboot.py": not config.getoption("--reboot"),
    }
    return left_out.get(collection_path.name) or None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `found` runs for every host, one that takes `streaming` for the streaming host."""
    hosts = metafunc.config.stash[FOUND]
    chosen = {"found": hosts, "streaming": [each for each in hosts if each.role == "streaming"]}
    for name, every in chosen.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, every, ids=[each.name for each in every], scope="session")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Ends with the table."""
    terminalreporter.write_line("")
    terminalreporter.write(config.stash[REPORT].text())


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Where every check tells what it found."""
    return pytestconfig.stash[REPORT]


@pytest.fixture(scope="session")
def ssh(pytestconfig: pytest.Config) -> Iterator[Callable[[aws.Host], SshHost]]:
    """Gives the SSH connection of a host; one each for the whole run."""
    login = Login(
        pytestconfig.getoption("--ssh-user"),
        pytestconfig.getoption("--ssh-key"),
        pytestconfig.getoption("--known-hosts"),
    )
    made: dict[str, SshHost] = {}
    with ExitStack() as open_ones:
        through = pytestconfig.getoption("--jump-host")
        jump = open_ones.enter_context(jump_host(through, login)) if through else None

        def give(found: aws.Host) -> SshHost:
            if found.name not in made:
                address, port = reached(found, pytestconfig.getoption("--address"), jump is not None)
                made[found.name] = open_ones.enter_context(SshHost(found.name, address, login, port, jump))
            return made[found.name]

        yield give


@pytest.fixture
def host(found: aws.Host, ssh: Callable[[aws.Host], SshHost]) -> SshHost:
    """The connection to the host that the test runs for."""
    return ssh(found)


@pytest.fixture
def known(host: SshHost) -> facts.Facts:
    """What that host says it should be."""
    return facts.read(host)
