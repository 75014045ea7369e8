"""What `pulumi up` runs: reads the stack's configuration and makes its program."""

from __future__ import annotations

import sys
from pathlib import Path

# Pulumi starts the program inside infra/; its packages and app's lie above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pulumi

from infra import config
from infra.aws import read
from infra.aws.stack import AwsStack
from infra.local import LocalStack

try:
    stack = (
        AwsStack(config.PROJECT, read.load())
        if config.given().get("kind") == "aws"
        else LocalStack(config.PROJECT, config.load())
    )
except config.ConfigError as error:
    raise pulumi.RunError(str(error)) from None

for name, value in stack.outputs.items():
    pulumi.export(name, value)
