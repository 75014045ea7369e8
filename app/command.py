"""`python -m app`: the commands, each a few lines over the module that does the work."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from app import catalog, settings
from app.settings.rules import SettingsError
from app.terminal import show_table, stop

cli = typer.Typer(
    help="Voicestack: live speech that you host yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def load_settings() -> settings.Settings:
    """The settings; ends the program with a line for each that is wrong."""
    try:
        return settings.load()
    except SettingsError as error:
        stop(f"These settings can't be used:\n{error}\nSee .env.example for every variable.")


def install(*options: str) -> None:
    """Installs what is missing, by setup with these options, where the program runs from a checkout; ends it
    where that fails."""
    checkout = Path(__file__).parent.parent
    if not (checkout / "tools" / "setup.py").is_file():
        return
    done = subprocess.run([sys.executable, "-m", "tools.setup", *options], cwd=checkout, check=False)
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
        asked = [*(services or []), *(names or [])]
        chosen = plan.chosen(asked) if asked else ()
    except catalog.UnknownService as error:
        stop(str(error))
    loaded = load_settings()
    if setup:
        install(*(("--edge",) if catalog.has_edge(chosen) else ()))
    raise typer.Exit(run_services(chosen, loaded))


@cli.command()
def serve(
    name: Annotated[
        str, typer.Argument(help="The service; without it the variable SERVICE_MODE.", envvar="SERVICE_MODE")
    ] = "",
    reload: Annotated[bool, typer.Option("--reload", help="Start it anew when the code changes.")] = False,
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

    serve_here(name, load_settings(), reload=reload)


@cli.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Show which services are up, healthy, and where; exit code 1 where one is not."""
    from app.native.status import standings

    found = standings(load_settings())
    if as_json:
        print(json.dumps([each.as_json() for each in found], indent=2))
    else:
        show_table(
            ("Service", "", "Health", "Version", "Address", "Runs as", "Detail"),
            [
                (each.service, each.state, each.health, each.version, each.address, each.runs_as, each.detail)
                for each in found
            ],
        )
    raise typer.Exit(0 if all(each.health in ("ok", "degraded") for each in found) else 1)


Stack = Annotated[str, typer.Option(help="Stack whose containers are meant.", envvar="STACK")]


@cli.command()
def logs(
    services: Annotated[list[str] | None, typer.Argument(help="Services; all without a name.")] = None,
    stack: Stack = "local",
) -> None:
    """Follow the logs of a stack's containers, each line with its service in front."""
    from app.native.containers import find
    from app.native.inside import NoContainer, choose, follow

    try:
        follow(choose(find(), stack, services or []))
    except NoContainer as error:
        stop(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@cli.command()
def shell(
    service: Annotated[str, typer.Argument(help="The service.")],
    stack: Stack = "local",
) -> None:
    """Open a shell in a service's container."""
    from app.native.containers import find
    from app.native.inside import NoContainer, choose
    from app.native.inside import shell as open_shell

    try:
        (container,) = choose(find(), stack, [service])
    except NoContainer as error:
        stop(str(error))
    raise typer.Exit(open_shell(container))


@cli.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Name everything that is missing on this machine and how to get it; exit code 1 where it is needed."""
    from app.native.doctor import examine
    from app.native.finding import show

    raise typer.Exit(show(examine(load_settings()), as_json=as_json))


@cli.command()
def env(
    check: Annotated[bool, typer.Option("--check", help="Only compare .env.example with it.")] = False,
) -> None:
    """Print the text of .env.example."""
    from app.settings.env_file import example

    if not check:
        print(example(), end="")
        return
    path = Path(__file__).parent.parent / ".env.example"
    if not path.is_file() or path.read_text(encoding="utf-8") != example():
        stop(".env.example differs from the settings: python -m app env > .env.example", 1)


@cli.command()
def compose(
    services: Annotated[
        list[str] | None, typer.Option("--services", help="Services, with what they need; repeatable.")
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="CUDA images, on a host with an NVIDIA GPU.")] = False,
    registry: Annotated[
        str, typer.Option(help="Registry that holds the images; without it those of this machine.")
    ] = "",
    tag: Annotated[str, typer.Option(help="Tag of the images.")] = "local",
) -> None:
    """Print the services as a Compose file; secrets stay ${VARIABLES}."""
    from app.native import plan
    from app.render.compose import render
    from app.render.containers import containers, problems

    try:
        chosen = plan.chosen(services or [])
    except catalog.UnknownService as error:
        stop(str(error))
    loaded = load_settings()
    if wrong := problems(chosen, loaded, gpu=gpu):
        stop("\n".join(wrong))
    print(render(containers(chosen, loaded, gpu=gpu), registry, tag), end="")


def run_alone(context: typer.Context, module: str, function: str, name: str) -> None:
    """Runs a command whose options its own module declares, so that only whoever runs it imports that."""
    one = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    one.command()(getattr(importlib.import_module(module), function))
    one(context.args, prog_name=f"python -m app {name}")


@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def demo(context: typer.Context) -> None:
    """Publish a sample stream and show it being dubbed."""
    run_alone(context, "app.demo.command", "demo", "demo")


@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def mic(context: typer.Context) -> None:
    """Write down what the microphone hears, live; with --sales its objections too."""
    run_alone(context, "app.mic.command", "mic", "mic")


@cli.command(
    "demo-sales",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def demo_sales(context: typer.Context) -> None:
    """Play a sample sales call and show its objections as they are found."""
    run_alone(context, "app.demo.sales.command", "demo", "demo-sales")


@cli.command(
    "demo-uploads",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def demo_uploads(context: typer.Context) -> None:
    """Upload a made-up interview, and show it becoming text that is searched and exported."""
    run_alone(context, "app.demo.uploads.command", "demo", "demo-uploads")


@cli.command(
    "demo-commentary",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def demo_commentary(context: typer.Context) -> None:
    """Publish a video in which it is known what happens, show what is said of it, and score that."""
    run_alone(context, "app.demo.commentary.command", "demo", "demo-commentary")


@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def release(context: typer.Context) -> None:
    """Show the releases of a stack on AWS (list), or put an older one back (rollback)."""
    releases = importlib.import_module("app.release.command").cli
    releases(context.args, prog_name="python -m app release")


def run_access(context: typer.Context, name: str) -> None:
    """Runs one of the commands about access, so that only whoever runs it imports them."""
    commands = getattr(importlib.import_module("app.access.commands"), name)
    commands(context.args, prog_name=f"python -m app {name}")


@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def users(context: typer.Context) -> None:
    """Manage who may sign in to the console: add, list, remove, password, sessions, logout."""
    run_access(context, "users")


@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def keys(context: typer.Context) -> None:
    """Manage API keys for programs: add, list, revoke."""
    run_access(context, "keys")


@cli.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def links(context: typer.Context) -> None:
    """Make links that open one stream for a while (add), or end them all (revoke)."""
    run_access(context, "links")


@cli.command()
def preload(
    names: Annotated[list[str] | None, typer.Argument(help="More models.", metavar="[MODEL]...")] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models", help="Models: a size of Whisper (small), a Piper voice, xtts-v2, owner/model."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All models that the settings use.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Fetch anew what is there.")] = False,
) -> None:
    """Fetch speech models that are missing; exit code 0 only if all are there."""
    from app.speech.models.command import preload as fetch

    raise typer.Exit(fetch(load_settings(), [*(models or []), *(names or [])], everything, force))


@cli.command()
def backup(
    to: Annotated[
        str, typer.Argument(help="The file; - for standard output; without it one named by date.")
    ] = "",
    stack: Stack = "local",
) -> None:
    """Write a backup of the archive (transcripts and uploaded files) while it is in use."""
    from app.archive.commands import make_backup

    raise typer.Exit(make_backup(load_settings(), to, stack))


@cli.command()
def restore(
    file: Annotated[str, typer.Argument(help="The backup; - for standard input.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also where there is something; that is lost.")
    ] = False,
    identity: Annotated[
        Path | None,
        typer.Option(help="File with the age key of an encrypted backup; it stays on this machine."),
    ] = None,
    stack: Stack = "local",
) -> None:
    """Restore a backup into an empty archive."""
    from app.archive.commands import restore_backup

    raise typer.Exit(restore_backup(load_settings(), file, stack, force=force, identity=identity))


archive_cli = typer.Typer(no_args_is_help=True)
cli.add_typer(archive_cli, name="archive", help="The archive of transcripts.")


@archive_cli.command("import")
def archive_import(
    file: Annotated[str, typer.Argument(help="SQLite file with the tables transcriptions and audio_files.")],
    files: Annotated[str, typer.Option("--files", help="Folder of its uploads, where they were moved.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come along.")] = False,
) -> None:
    """Bring along what an older service kept (whisper_transcriptions.db); twice does no harm."""
    from app.api.importing import import_old

    raise typer.Exit(import_old(load_settings(), file, files, dry_run=dry_run))


@archive_cli.command("key")
def archive_key(file: Annotated[Path, typer.Argument(help="Where the key is written.")]) -> None:
    """Make an age key for encrypted backups, and print the BACKUP_RECIPIENT that goes with it."""
    from app.archive.commands import make_key

    raise typer.Exit(make_key(file))


@archive_cli.command("decrypt")
def archive_decrypt(
    file: Annotated[str, typer.Argument(help="The backup; - for standard input.")],
    identity: Annotated[Path, typer.Option(help="File with its age key.")],
) -> None:
    """Write an encrypted backup to standard output, decrypted: for a machine that must not have the key."""
    from app.archive.commands import decrypt_backup

    raise typer.Exit(decrypt_backup(load_settings(), file, identity))


models_cli = typer.Typer(no_args_is_help=True)
cli.add_typer(models_cli, name="models", help="Speech models that are recommended.")


@models_cli.command("best")
def models_best(
    pair: Annotated[str, typer.Option(help="Spoken language and the dub's, such as en-es.")],
    yes: Annotated[bool, typer.Option("--yes", help="Fetch them without asking.")] = False,
) -> None:
    """Show the best models for a language pair, fetch them, and print the settings that use them."""
    from app.speech.models.best import best

    raise typer.Exit(best(load_settings(), pair, lambda: yes or typer.confirm("Fetch them?")))


def main() -> None:
    """Runs the command line."""
    cli()
