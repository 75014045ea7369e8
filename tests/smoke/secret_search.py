"""Runs on a host, as root: looks for its secrets where none may be. Prints names, never a secret.

Arguments: file of secrets, user data, bundle, Compose project. Standard library only.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SHORTEST = 6  # a shorter one is found in any text


def secrets(text: str) -> dict[str, str]:
    """The secrets of the file by name, as Compose reads them."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        plain = re.sub(r'\\(["$\\])', r"\1", value.strip()[1:-1])
        if len(plain) >= SHORTEST:
            found[name] = plain
    return found


def output(*command: str) -> str:
    """What a command prints on both of its outputs; nothing where it is not there."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.decode(errors="replace")


def text(path: str) -> str:
    """What a file says; nothing where there is none."""
    return Path(path).read_text(encoding="utf-8", errors="replace") if Path(path).is_file() else ""


def processes() -> str:
    """What the process list shows to everybody."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            # It ended meanwhile.
            continue
    return "\n".join(lines)


def places(user_data: str, bundle: str, project: str) -> Iterator[tuple[str, str]]:
    """Everywhere that a secret might have got to: the place's name and its text."""
    yield "user data", text(user_data)
    yield "bundle", text(bundle)
    yield "process list", processes()
    yield "journal", output("journalctl", "--quiet", "--no-pager", "--output", "cat", "--boot")
    for log in ("/var/log/cloud-init.log", "/var/log/cloud-init-output.log"):
        yield log, text(log)
    for image in set(output("docker", "image", "ls", "--quiet", "--no-trunc").split()):
        yield (
            f"image {image[7:19]}",
            output("docker", "image", "inspect", image) + output("docker", "history", "--no-trunc", image),
        )
    listed = output(
        "docker",
        "ps",
        "--all",
        "--filter",
        f"label=com.docker.compose.project={project}",
        "--format",
        "{{.Names}}",
    )
    for name in listed.split():
        yield f"log of {name}", output("docker", "logs", name)


def main() -> None:
    """Searches, and prints what was found as JSON."""
    file, user_data, bundle, project = sys.argv[1:]
    wanted = secrets(text(file))
    found, looked = [], 0
    for place, content in places(user_data, bundle, project):
        looked += 1
        found += [f"{name} is in the {place}" for name, value in wanted.items() if value in content]
    print(json.dumps({"searched": len(wanted), "places": looked, "found": found}))


if __name__ == "__main__":
    main()
