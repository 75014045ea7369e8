"""A host is brought to its release through Run Command: what is said, and when it fails."""

from __future__ import annotations

from typing import Any

import pytest

from app.release import aws, names
from infra.aws import rollout
from infra.aws.rollout import RolloutFailed, converge

HOST = aws.Host("i-0123", "speech-1", "speech", "10.40.0.20", "")


class StandInManager:
    """A stand-in for Systems Manager with one host, which is online at the second look and then obeys."""

    def __init__(self, ending: str, said: str, *, looks: int = 1, online: bool = True) -> None:
        self.ending, self.said, self.looks, self.online = ending, said, looks, online
        self.asked = 0
        self.sent: list[str] = []

    class exceptions:
        """The errors of the client."""

        class InvocationDoesNotExist(Exception):
            """A command that is not on its way yet."""

    def describe_instance_information(self, **_: Any) -> dict[str, Any]:
        self.asked += 1
        found = [{"PingStatus": "Online"}] if self.online and self.asked > 1 else []
        return {"InstanceInformationList": found}

    def send_command(self, **given: Any) -> dict[str, Any]:
        assert given["InstanceIds"] == [HOST.instance]
        self.sent.append(given["Parameters"]["commands"][0])
        return {"Command": {"CommandId": str(len(self.sent))}}

    def get_command_invocation(self, **given: Any) -> dict[str, Any]:
        if given["CommandId"] != "1":
            said = f"speech-1: pulled {len(self.sent)}\n"
            return {"Status": "Success", "StandardOutputContent": said, "StandardErrorContent": ""}
        self.looks -= 1
        if self.looks > 0:
            return {"Status": "InProgress"}
        return {
            "Status": self.ending,
            "StandardOutputContent": self.said,
            "StandardErrorContent": "",
            "StatusDetails": self.ending,
        }


def test_a_host_that_gets_healthy_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "PROGRESS_EVERY", 0.0)
    told: list[str] = []
    manager = StandInManager("Success", "speech-1: release 1 is healthy", looks=3)
    assert converge(manager, HOST, told.append, sleep=lambda _: None) == "healthy"
    assert told[0] == "speech-1: waiting for it to boot"
    assert told[1:] == ["speech-1: pulled 2", "speech-1: pulled 3", "speech-1: healthy"]
    assert names.CONVERGE in manager.sent[0]


def test_a_host_that_has_nothing_to_do_is_not_waited_for_long() -> None:
    pauses: list[float] = []
    converge(StandInManager("Success", "", looks=7), HOST, lambda _: None, sleep=pauses.append)
    asked = pauses[1:]  # after the wait for the host to be there
    assert asked == sorted(asked)
    assert asked[0] < 0.5
    assert asked[-1] == aws.POLL


def test_a_host_that_fails_says_why_in_its_own_words_without_a_password() -> None:
    said = (
        "speech-1: release 2 failed: sts is unhealthy: rtsp://obs:hush@media\nRelease 1 is back and healthy."
    )
    with pytest.raises(RolloutFailed) as failed:
        converge(StandInManager("Failed", said), HOST, lambda _: None, sleep=lambda _: None)
    assert "speech-1 (i-0123)" in str(failed.value)
    assert "sts is unhealthy" in str(failed.value)
    assert "Release 1 is back" in str(failed.value)
    assert "hush" not in str(failed.value)


def test_a_host_that_never_reports_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "ONLINE_WITHIN", 0.0)
    with pytest.raises(RolloutFailed, match="does it boot"):
        converge(StandInManager("Success", "", online=False), HOST, lambda _: None, sleep=lambda _: None)


def test_the_command_waits_for_the_first_boot_and_says_what_kept_it_from_being_prepared() -> None:
    assert rollout.COMMAND.index("cloud-init status --wait") < rollout.COMMAND.index(names.CONVERGE)
    assert "cloud-init-output.log" in rollout.COMMAND


@pytest.mark.parametrize(
    ("state", "passed_over"), [("running", False), ("stopping", True), ("stopped", True)]
)
def test_an_instance_that_aws_has_stopped_is_known_by_its_state(state: str, passed_over: bool) -> None:
    class StandInEc2:
        """A stand-in for EC2 with one instance."""

        def describe_instances(self, **_: Any) -> dict[str, Any]:
            return {"Reservations": [{"Instances": [{"State": {"Name": state}}]}]}

    assert rollout.stopped(StandInEc2(), HOST.instance) is passed_over
