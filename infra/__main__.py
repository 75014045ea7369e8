"""What `pulumi up` runs: reads the stack's configuration and makes its program."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

# Pulumi starts the program inside infra/; its packages and app's lie above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pulumi

from infra import config
from infra.given import PROJECT

if TYPE_CHECKING:
    from infra.aws.stack import AwsStack
    from infra.local import LocalStack


def program() -> AwsStack | LocalStack:
    """The stack of the kind that its file names; what the other kind needs is not even loaded."""
    if config.given().get("kind") == "aws":
        from infra.aws import read
        from infra.aws.stack import AwsStack

        return AwsStack(PROJECT, read.load())
    from infra.local import LocalStack

    return LocalStack(PROJECT, config.load())


try:
    stack = program()
except config.ConfigError as error:
    raise pulumi.RunError(str(error)) from None

for name, value in stack.outputs.items():
    pulumi.export(name, value)
