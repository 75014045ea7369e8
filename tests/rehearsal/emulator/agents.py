"""Run Command that really runs: Moto only pretends. A host's agent answers while its guest runs.

A guest is a container with the label `voicestack.rehearsal.instance`, whose value is the instance's id. An
instance without a guest is an empty machine: with `EMPTY_HOSTS_ANSWER` its agent answers and says that
nothing was run, so that a program's resources can be rehearsed without booting anything.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import boto3
from werkzeug.wrappers import Request, Response

LABEL = "voicestack.rehearsal.instance"
EMPTY_HOSTS_ANSWER = "REHEARSAL_EMPTY_HOSTS_ANSWER"
EMPTY = "an empty machine of the rehearsal: nothing was run"
TARGET = "AmazonSSM."
LONGEST = 24_000  # characters of output that Run Command gives back

Answer = dict[str, Any]


class AgentError(Exception):
    """An error as Systems Manager answers it: its code."""


class Agents:
    """Systems Manager: Run Command and who is online answered here, everything else by what lies below."""

    def __init__(self, below: Callable[..., Iterable[bytes]], endpoint: str) -> None:
        self.below = below
        self.endpoint = endpoint
        self.invocations: dict[tuple[str, str], Answer] = {}

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        action = environ.get("HTTP_X_AMZ_TARGET", "").removeprefix(TARGET)
        actions: dict[str, Callable[[Answer], Answer]] = {
            "DescribeInstanceInformation": self.online,
            "SendCommand": self.send,
            "GetCommandInvocation": self.invocation,
        }
        if action not in actions:
            return self.below(environ, start)
        try:
            status, body = 200, actions[action](json.loads(Request(environ).get_data() or b"{}"))
        except AgentError as error:
            status, body = 400, {"__type": str(error), "message": str(error)}
        answer = Response(json.dumps(body), status=status, content_type="application/x-amz-json-1.1")
        return answer(environ, start)

    def online(self, asked: Answer) -> Answer:
        """The hosts whose agents answer, of those that are asked for."""
        wanted = [
            value
            for each in asked.get("Filters", [])
            if each["Key"] == "InstanceIds"
            for value in each["Values"]
        ]
        listed = [name for name in self._running() if not wanted or name in wanted]
        return {
            "InstanceInformationList": [
                {"InstanceId": name, "PingStatus": "Online", "PlatformType": "Linux"}
                for name in listed
                if guest(name) or os.environ.get(EMPTY_HOSTS_ANSWER)
            ]
        }

    def _running(self) -> list[str]:
        ec2 = boto3.client(
            "ec2", endpoint_url=self.endpoint, region_name=os.environ["AWS_REGION"],
            aws_access_key_id="emulator", aws_secret_access_key="emulator",
        )  # fmt: skip
        state = [{"Name": "instance-state-name", "Values": ["running"]}]
        found = ec2.describe_instances(Filters=state)["Reservations"]
        return [each["InstanceId"] for reservation in found for each in reservation["Instances"]]

    def send(self, asked: Answer) -> Answer:
        """Starts a command on hosts."""
        name, running = str(uuid.uuid4()), self._running()
        if not set(asked["InstanceIds"]) <= set(running):
            raise AgentError("InvalidInstanceId")
        for instance in asked["InstanceIds"]:
            invocation = {
                "CommandId": name,
                "InstanceId": instance,
                "Status": "InProgress",
                "StatusDetails": "InProgress",
                "StandardOutputContent": "",
                "StandardErrorContent": "",
                "ResponseCode": -1,
            }
            self.invocations[name, instance] = invocation
            parameters = asked["Parameters"]
            threading.Thread(
                target=carry_out,
                args=(
                    invocation,
                    "\n".join(parameters["commands"]),
                    float(parameters.get("executionTimeout", ["3600"])[0]),
                ),
                daemon=True,
            ).start()
        return {"Command": {"CommandId": name, "InstanceIds": asked["InstanceIds"], "Status": "Pending"}}

    def invocation(self, asked: Answer) -> Answer:
        """How a command does on a host."""
        found = self.invocations.get((asked["CommandId"], asked["InstanceId"]))
        if found is None:
            raise AgentError("InvocationDoesNotExist")
        return found


def guest(instance: str) -> str:
    """The container that is an instance, or nothing."""
    if not shutil.which("docker"):
        return ""
    done = subprocess.run(
        ["docker", "ps", "--quiet", "--filter", f"label={LABEL}={instance}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip()


def carry_out(invocation: Answer, command: str, within: float) -> None:
    """Runs a command in an instance's guest and writes down how it ended."""
    container = guest(invocation["InstanceId"])
    if not container:
        ended: Answer = {"Status": "Success", "StandardOutputContent": EMPTY, "ResponseCode": 0}
    else:
        ended = run_in(container, command, within)
    # The status last: whoever asks meanwhile still sees it under way.
    status = ended.pop("Status")
    invocation.update({**ended, "StatusDetails": status})
    invocation["Status"] = status


def run_in(container: str, command: str, within: float) -> Answer:
    """Runs a shell command as root in a container."""
    try:
        done = subprocess.run(
            ["docker", "exec", "--interactive", container, "sh", "-s"],
            input=command, capture_output=True, text=True, errors="replace", timeout=within, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"Status": "TimedOut", "ResponseCode": -1}
    return {
        "Status": "Failed" if done.returncode else "Success",
        "StandardOutputContent": done.stdout[:LONGEST],
        "StandardErrorContent": done.stderr[:LONGEST],
        "ResponseCode": done.returncode,
    }
