"""`python -m infra.aws.images`: names the newest machine images, and writes them into a stack's file.

Publishers tell the ids of their images in public SSM parameters. Those move, so a stack pins the ids that it
has: a newer image is a change that somebody makes and reads in a preview.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.config import ROOT
from infra.given import PROJECT

# Both bring the agent of Systems Manager; the one for GPUs brings driver, engine and container toolkit too.
PARAMETERS = {
    "streamingAmi": "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
    "speechAmi": "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id",
}
PLAIN = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"


class NotFound(RuntimeError):
    """An image can't be looked up; the message says why."""


def newest(ssm: Any, *, gpu: bool = True) -> dict[str, str]:
    """The id of the newest image for each key of the configuration. Raises NotFound."""
    wanted = {**PARAMETERS, "speechAmi": PARAMETERS["speechAmi"] if gpu else PLAIN}
    try:
        found = ssm.get_parameters(Names=list(wanted.values()))
    except (BotoCoreError, ClientError) as problem:
        raise NotFound(f"AWS can't be asked: {problem} (AWS_PROFILE says which account)") from None
    values = {each["Name"]: each["Value"] for each in found["Parameters"]}
    if lacking := [name for name in wanted.values() if name not in values]:
        raise NotFound(f"this region has no {', '.join(lacking)}")
    return {key: values[name] for key, name in wanted.items()}


def region_of(text: str) -> str:
    """The region in the text of a stack's file; empty where it has none."""
    found = re.search(r"^\s+aws:region:\s*[\"']?([a-z0-9-]+)", text, re.MULTILINE)
    return found[1] if found else ""


def pinned(text: str, ids: Mapping[str, str]) -> str:
    """The text of a stack's file with these ids; everything else, comments too, stays as it is."""
    for key, value in ids.items():
        line = f"  {PROJECT}:{key}: {value}"
        text, count = re.subn(rf"^  (# ?)?{PROJECT}:{key}:.*$", line, text, count=1, flags=re.MULTILINE)
        if not count:
            text = text.replace("config:\n", f"config:\n{line}\n", 1)
    return text


def main() -> int:
    """Prints the newest images of a stack's region; with --write they are written into its file."""
    parser = argparse.ArgumentParser(prog="python -m infra.aws.images", description=main.__doc__)
    parser.add_argument("--stack", default="prod", help="whose file, envs/Pulumi.<stack>.yaml (prod)")
    parser.add_argument("--region", default="", help="another region than the one in that file")
    parser.add_argument("--cpu", action="store_true", help="speech hosts without a GPU (variant cpu)")
    parser.add_argument("--write", action="store_true", help="write them into the file")
    asked = parser.parse_args()
    file: Path = ROOT / "envs" / f"Pulumi.{asked.stack}.yaml"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    region = asked.region or region_of(text)
    if not region:
        print(f"which region? --region, or aws:region in {file}", file=sys.stderr)
        return 2
    try:
        ids = newest(boto3.client("ssm", region_name=region), gpu=not asked.cpu)
    except NotFound as problem:
        print(problem, file=sys.stderr)
        return 1
    for key, value in ids.items():
        print(f"{PROJECT}:{key}: {value}")
    if asked.write:
        file.write_text(pinned(text or "config:\n", ids), encoding="utf-8")
        print(f"written to {file}; `make preview STACK={asked.stack}` shows what it changes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
