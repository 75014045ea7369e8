"""Brings one release up, and the last good one back where that fails."""

from __future__ import annotations

import json
import os
import subprocess
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from . import decide, engine
from .decide import State
from .handover import hand_over
from .host import Host, Places, ReleaseError, keep, made, read
from .watching import watch

PULL_WITHIN = 1800.0
STOP_WITHIN = 10.0
FORMAT = 1


def remembered(places: Places) -> State:
    """What the host knows of its releases; nothing at first. Good ones need a bundle that can be read."""
    known = read(places.state / "state.json")
    good = known.get("good", [])
    failed = known.get("failed", "")
    if not isinstance(good, list) or not isinstance(failed, str):
        return State()
    return State(tuple(each for each in good if read(places.bundle(each))), failed)


def remember(places: Places, state: State) -> None:
    """Keeps the state, whole or not at all."""
    keep(places.state / "state.json", asdict(state))


def bring(host: Host, wanted: str, bundle: Mapping[str, Any], *, boot: bool) -> None:
    """Brings the host to the wanted release. Raises ReleaseError where another one runs afterwards."""
    state = remembered(host.places)
    chosen = decide.to_start(wanted, state, boot=boot)
    if chosen != wanted:
        host.say(f"release {wanted} has failed here before: release {chosen} goes on")
        attempt(host, chosen, kept(host.places, chosen))
        raise ReleaseError(f"release {chosen} runs, because release {wanted} failed here before")
    try:
        attempt(host, wanted, bundle)
    except (ReleaseError, engine.EngineError) as problem:
        # What the host remembers changes first: the host may go down at any moment.
        remember(host.places, decide.failed(state, wanted))
        raise ReleaseError(f"release {wanted} failed: {problem}\n{restored(host, state, wanted)}") from None
    succeed(host.places, state, wanted, bundle)
    host.say(f"release {wanted} is healthy")


def restored(host: Host, state: State, broken: str) -> str:
    """Puts the last good release back; says in words what runs now."""
    before = decide.previous(state, broken)
    if not before:
        return "There is no release before it that could be put back."
    host.say(f"release {broken} failed: putting release {before} back")
    try:
        attempt(host, before, kept(host.places, before))
    except (ReleaseError, engine.EngineError) as problem:
        return f"Release {before}, which was put back, is not healthy either: {problem}"
    return f"Release {before} is back and healthy."


def kept(places: Places, release: str) -> dict[str, Any]:
    """The bundle of a release that the host has kept."""
    return read(places.bundle(release))


def attempt(host: Host, release: str, bundle: Mapping[str, Any]) -> None:
    """Starts a release and waits until it is healthy. Raises ReleaseError or EngineError."""
    if bundle["format"] != FORMAT:
        raise ReleaseError(f"its bundle has format {bundle['format']}; this program reads format {FORMAT}")
    if lacking := decide.missing(bundle["secrets"], host.secrets):
        raise ReleaseError(f"secrets that nobody has set: {', '.join(lacking)}")
    host = replace(host, secrets={**made(host.places, bundle["made"]), **host.secrets})
    for name in bundle["folders"]:
        (host.places.data / name).mkdir(parents=True, exist_ok=True)
    pull(host, bundle["compose"])
    file, secrets = write(host, bundle)
    if bundle["models"]:
        fetch_models(host, bundle["models"], file, secrets)
    hand_over(host, bundle, file, secrets)
    output = host.places.run / "compose.log"
    before = {each.container: each.restarts for each in engine.standings(bundle["compose"]["name"])}
    host.say(f"starting release {release}")
    started = engine.compose_up(file, secrets, output, host.environment)
    try:
        watch(host, bundle, started, before, output)
    finally:
        if started.poll() is None:
            started.terminate()
            try:
                started.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def write(host: Host, bundle: Mapping[str, Any]) -> tuple[Path, Path]:
    """Writes the Compose file, and the secrets that it names into memory, for root alone."""
    file, secrets = host.places.run / "compose.json", host.places.run / "secrets.env"
    file.write_text(json.dumps(bundle["compose"]), encoding="utf-8")
    used = {name: host.secrets[name] for name in (*bundle["secrets"], *bundle["made"])}
    with os.fdopen(os.open(secrets, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        target.write(decide.secrets_file(used))
    return file, secrets


def pull(host: Host, compose: Mapping[str, Any]) -> None:
    """Gets the images that the engine does not have yet. Raises EngineError."""
    lacking = [each for each in engine.images(compose) if not engine.has_image(each)]
    for number, reference in enumerate(lacking, 1):
        name = reference.partition("@")[0].rpartition("/")[2]
        host.say(f"pulling {name} ({number} of {len(lacking)})")
        engine.docker(
            "pull", "--quiet", reference,
            environment={"DOCKER_CONFIG": str(host.docker_config)}, within=PULL_WITHIN,
        )  # fmt: skip


def fetch_models(host: Host, service: str, file: Path, secrets: Path) -> None:
    """Has the models fetched that are missing on the volume. Raises ReleaseError."""
    host.say("fetching the models that are missing")
    lines: deque[str] = deque(maxlen=engine.LOG_LINES)
    try:
        for line in engine.compose_run(file, secrets, service, ("preload", "--all"), host.environment):
            host.say(host.hidden(line))
            lines.append(line)
    except engine.EngineError as problem:
        said = "\n".join([f"models: {problem}; its last lines:", *(f"  | {line}" for line in lines)])
        raise ReleaseError(host.hidden(said)) from None


def succeed(places: Places, state: State, release: str, bundle: Mapping[str, Any]) -> None:
    """Keeps a good release, and removes what no kept one needs."""
    path = places.bundle(release)
    path.parent.mkdir(parents=True, exist_ok=True)
    keep(path, bundle)
    now = decide.succeeded(state, release)
    remember(places, now)
    paths = [each for each in path.parent.glob("*.json") if each.stem not in now.good]
    # Of one that is damaged nobody knows the images.
    dropped = [engine.images(compose) for each in paths if (compose := read(each).get("compose"))]
    for image in decide.superseded(
        [engine.images(kept(places, each)["compose"]) for each in now.good], dropped
    ):
        try:
            engine.docker("image", "rm", image)
        except engine.EngineError:
            # Something that is not ours uses it.
            continue
    for each in paths:
        each.unlink()
