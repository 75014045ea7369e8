"""`python -m app release list | rollback`: what the hosts run, and putting an older release back."""

from __future__ import annotations

import os
from typing import Annotated, Any, cast, get_args

import typer

from app.release import aws, names
from app.release.history import Release, UnknownRelease, history, target
from app.terminal import show_table, stop

ROLES = get_args(names.Role)
CONVERGED_WITHIN = 3600.0
Stack = Annotated[str, typer.Option(help="Name of the stack.")]

cli = typer.Typer(
    help="The releases of a stack on AWS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def client(service: str) -> Any:
    """A client of boto3, from the environment's account and region; ends the program where there is none."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
    except ImportError:
        stop('boto3 is missing: make setup ARGS="--with dev" installs it')
    try:
        return boto3.client(service, region_name=os.environ.get("AWS_REGION") or None)
    except BotoCoreError as problem:
        stop(f"AWS can't be asked: {problem} (AWS_PROFILE and AWS_REGION say which account and region)")


@cli.command("list")
def show(stack: Stack = "prod") -> None:
    """Show the releases that the hosts were told to run, the wanted ones first."""
    ssm = client("ssm")
    found = {role: history(role, asked(ssm, stack, role)) for role in ROLES}
    if not any(found.values()):
        stop(f"The stack {stack} has no release: pulumi up --stack {stack} makes the first.", 1)
    show_table(
        ("Hosts", "Release", "Told to run it", ""),
        [
            (role, each.name, f"{each.told:%Y-%m-%d %H:%M:%S %Z}", "wanted now" if not place else "")
            for role, releases in found.items()
            for place, each in enumerate(releases)
        ],
    )


@cli.command()
def rollback(
    release: Annotated[
        str, typer.Argument(help="The release, or how its name begins; without it the one before.")
    ] = "",
    role: Annotated[str, typer.Option(help="Hosts: streaming or speech.")] = "streaming",
    stack: Stack = "prod",
) -> None:
    """Put an older release back on the hosts of a role, and wait until it is healthy there."""
    if role not in ROLES:
        stop(f"Unknown role {role!r}. The roles are: {', '.join(ROLES)}")
    chosen_role = cast(names.Role, role)
    ssm = client("ssm")
    try:
        chosen = target(history(chosen_role, asked(ssm, stack, chosen_role)), release)
        found = aws.hosts(client("ec2"), stack, role)
    except (UnknownRelease, aws.HostsError) as problem:
        stop(str(problem), 1)
    if not put_back(ssm, stack, chosen, found):
        raise typer.Exit(1)
    print("It stays until `pulumi up` makes another release: revert in the checkout what was wrong.")


def put_back(ssm: Any, stack: str, chosen: Release, found: list[aws.Host]) -> bool:
    """Has the hosts run that release; whether all of them are healthy with it."""
    print(f"{chosen.role}: release {chosen.name} on {', '.join(each.name for each in found)}", flush=True)
    aws.want(ssm, stack, chosen.role, chosen.key)
    well = True
    for outcome in aws.run(ssm, found, names.CONVERGE, CONVERGED_WITHIN):
        print(outcome.said, flush=True)
        well = well and outcome.ok
    return well


def asked(ssm: Any, stack: str, role: names.Role) -> list[tuple[str, Any]]:
    """What the role's parameter has said; ends the program where AWS does not answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return aws.told(ssm, stack, role)
    except (BotoCoreError, ClientError) as problem:
        stop(f"AWS can't be asked: {problem}", 1)
