"""The newest machine images are looked up and pinned in a stack's file, which else stays as it is."""

from __future__ import annotations

import json

import boto3
import pytest
import yaml
from botocore.stub import Stubber

from infra.aws.images import PARAMETERS, NotFound, newest, pinned, region_of
from infra.aws.read import read
from infra.config import ROOT, ConfigError

FILE = ROOT / "envs" / "Pulumi.prod.yaml"
IDS = {"streamingAmi": "ami-0123456789abcdef0", "speechAmi": "ami-0fedcba9876543210"}


def answer(parameters: dict[str, str]) -> dict[str, str]:
    """What is found where SSM has these parameters."""
    client = boto3.client("ssm", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        found = [{"Name": name, "Value": value} for name, value in parameters.items()]
        stub.add_response("get_parameters", {"Parameters": found}, {"Names": list(PARAMETERS.values())})
        return newest(client)


def test_the_ids_come_from_the_publishers() -> None:
    assert answer({PARAMETERS[key]: value for key, value in IDS.items()}) == IDS


def test_an_image_that_a_region_lacks_is_named() -> None:
    with pytest.raises(NotFound, match="deeplearning"):
        answer({PARAMETERS["streamingAmi"]: IDS["streamingAmi"]})


def test_a_stacks_file_gets_the_ids_and_keeps_everything_else() -> None:
    before = FILE.read_text(encoding="utf-8")
    after = pinned(before, IDS)
    assert yaml.safe_load(after)["config"] == {
        **yaml.safe_load(before)["config"],
        **{f"voicestack:{key}": value for key, value in IDS.items()},
    }
    assert [line for line in before.splitlines() if "#" in line and "Ami" not in line] == [
        line for line in after.splitlines() if "#" in line
    ]
    assert pinned(after, IDS) == after
    assert region_of(before) == "eu-central-1"


def test_the_committed_file_lacks_only_what_is_nobody_elses_to_say() -> None:
    config = yaml.safe_load(FILE.read_text(encoding="utf-8"))["config"]
    given = {
        key.removeprefix("voicestack:"): value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
        if key.startswith("voicestack:") and not key.endswith("settings")
    }
    with pytest.raises(ConfigError) as told:
        read("prod", given, config["aws:region"], None)
    named = [line.split(":")[1] for line in str(told.value).splitlines()[1:]]
    assert sorted(named) == ["costCentre", "owner", "speechAmi", "streamingAmi"]
