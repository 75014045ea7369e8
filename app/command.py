"""`python -m app`: the commands, each a few lines over the module that does the work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from app import catalog, settings

BAD_START = 2

cli = typer.Typer(
    help="Voicestack: live speech that you host yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def stop(message: str, status: int = BAD_START) -> NoReturn:
    """Ends the program with a message on standard error."""
    print(message, file=sys.stderr)
    raise typer.Exit(status)


def load_settings() -> settings.Settings:
    """The settings; ends the program with a line for each that is wrong."""
    try:
        return settings.load()
    except settings.SettingsError as error:
        stop(f"These settings can't be used:\n{error}\nSee .env.example for every variable.")


def install() -> None:
    """Installs what is missing, where the program runs from a checkout; ends it where that fails."""
    checkout = Path(__file__).parent.parent
    if not (checkout / "tools" / "setup.py").is_file():
        return
    done = subprocess.run([sys.executable, "-m", "tools.setup"], cwd=checkout, check=False)
    if done.returncode != 0:
        raise typer.Exit(done.returncode)


@cli.command()
def run(
    names: Annotated[
        list[str] | None, typer.Argument(help="Services to start, with what they need; all without a name.")
    ] = None,
    services: Annotated[
        list[str] | None, typer.Option("--services", help="The same, as an option; may be given repeatedly.")
    ] = None,
    setup: Annotated[
        bool, typer.Option("--setup/--no-setup", help="Install first what is missing on this machine.")
    ] = True,
) -> None:
    """Start the services as plain processes; Ctrl-C stops them."""
    from app.native import plan
    from app.native.run import run as run_services

    try:
        chosen = plan.chosen([*(services or []), *(names or [])])
    except catalog.UnknownService as error:
        stop(str(error))
    loaded = load_settings()
    if setup:
        install()
    raise typer.Exit(run_services(chosen, loaded))


@cli.command()
def serve(
    name: Annotated[
        str, typer.Argument(help="The service; without it the variable SERVICE_MODE.", envvar="SERVICE_MODE")
    ] = "",
) -> None:
    """Run one service in this process."""
    choices = ", ".join(each.name for each in catalog.CATALOG if each.module is not None)
    if not name:
        stop(f"Which service? `python -m app serve NAME`, or SERVICE_MODE=NAME. The services are: {choices}")
    try:
        service = catalog.get(name)
    except catalog.UnknownService:
        stop(f"Unknown service {name!r}. The services are: {choices}")
    if service.module is None:
        stop(f"{name} is not a Python service; `python -m app run` starts it. The services are: {choices}")
    from app.service import serve as serve_here

    serve_here(name, load_settings())


def main() -> None:
    """Runs the command line."""
    cli()
