"""The Docker engine and Compose, asked through their command line."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .decide import Standing

LOG_LINES = 20
LABEL = "com.docker.compose"
ASK_WITHIN = 60.0
RUN_WITHIN = "4h"
# The way to where models come from, which only the host knows.
PASSED_ON = ("HF_ENDPOINT", "HF_TOKEN", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
LEAVING = ("removing", "dead")


class EngineError(RuntimeError):
    """The engine refused; the message has its own words."""


def docker(
    *arguments: str, given: str = "", environment: Mapping[str, str] | None = None, within: float = ASK_WITHIN
) -> str:
    """What a docker command prints. Raises EngineError with its own words where it fails."""
    try:
        done = subprocess.run(
            ["docker", *arguments], input=given, env={**os.environ, **(environment or {})},
            capture_output=True, text=True, timeout=within, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise EngineError(f"docker {arguments[0]}: no answer within {within:g} s") from None
    if done.returncode != 0:
        raise EngineError((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
    return done.stdout


def has_image(reference: str) -> bool:
    """Whether the engine has that image already."""
    try:
        docker("image", "inspect", "--format", "{{.Id}}", reference)
    except EngineError:
        return False
    return True


def images(compose: Mapping[str, Any]) -> list[str]:
    """The references of the images of a Compose file, each once."""
    return list(dict.fromkeys(service["image"] for service in compose["services"].values()))


def standings(project: str) -> list[Standing]:
    """The containers of a Compose project, those that ended included, those being removed not."""
    ids = docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}.project={project}").split()
    if not ids:
        return []
    try:
        found = [standing(each) for each in json.loads(docker("inspect", *ids))]
    except EngineError:
        # One was removed in between: Compose replaces it.
        return []
    return [each for each in found if each.status not in LEAVING]


def standing(container: Mapping[str, Any]) -> Standing:
    """A container from what the engine says of it."""
    state = container["State"]
    return Standing(
        service=container["Config"]["Labels"][f"{LABEL}.service"],
        container=container["Id"],
        image=container["Config"]["Image"],
        status=state["Status"],
        health=state.get("Health", {}).get("Status", ""),
        restarts=container["RestartCount"],
        exit_code=state["ExitCode"],
        configuration=container["Config"]["Labels"].get(f"{LABEL}.config-hash", ""),
    )


def last_lines(container: str) -> list[str]:
    """The last lines that a container said."""
    try:
        done = subprocess.run(
            ["docker", "logs", "--tail", str(LOG_LINES), container],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=ASK_WITHIN, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ["(its log can't be read)"]
    return done.stdout.decode(errors="replace").splitlines()[-LOG_LINES:]


def compose_run(
    file: Path, secrets: Path, service: str, words: Sequence[str], environment: Mapping[str, str]
) -> Iterator[str]:
    """Runs a command in a service's image, beside the service; gives its lines. Raises EngineError."""
    passed = [option for name in PASSED_ON if os.environ.get(name) for option in ("--env", name)]
    command = (
        "timeout", RUN_WITHIN, "docker", *compose(file, secrets), "--progress", "quiet",
        "run", "--rm", "--no-deps", "--no-TTY", *passed, service, *words,
    )  # fmt: skip
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as running:  # fmt: skip
        assert running.stdout is not None
        yield from (line.rstrip() for line in running.stdout)
    if running.returncode != 0:
        raise EngineError(f"{' '.join(words)} ended with exit code {running.returncode}")


def compose(file: Path, secrets: Path) -> tuple[str, ...]:
    """How each command of Compose begins."""
    return ("compose", "--file", str(file), "--env-file", str(secrets))


def configurations(
    file: Path, secrets: Path, services: Sequence[str], environment: Mapping[str, str]
) -> dict[str, str]:
    """Compose's hash of what each of these services is to be made from. Raises EngineError."""
    asked = ("config", "--hash", ",".join(services))
    said = docker(*compose(file, secrets), *asked, environment=environment)
    return dict(line.split() for line in said.splitlines())


def start_beside(file: Path, secrets: Path, service: str, environment: Mapping[str, str]) -> None:
    """Starts another container of a service, and leaves the one that runs as it is. Raises EngineError."""
    docker(
        *compose(file, secrets), "--progress", "quiet",
        "up", "--detach", "--no-build", "--pull", "never", "--no-deps", "--no-recreate",
        "--scale", f"{service}=2", service,
        environment=environment,
    )  # fmt: skip


def stop(container: str) -> None:
    """Stops a container within the grace period that it was made with, and removes it. Raises EngineError."""
    docker("stop", container)
    docker("rm", container)


def compose_up(
    file: Path, secrets: Path, output: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Starts `docker compose up`, which changes only what is not yet as the file says."""
    command: Sequence[str] = (
        "docker", *compose(file, secrets), "--progress", "plain",
        "up", "--detach", "--no-build", "--pull", "never", "--remove-orphans",
    )  # fmt: skip
    with output.open("wb") as sink:
        return subprocess.Popen(
            command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
            stdout=sink, stderr=subprocess.STDOUT,
        )  # fmt: skip
