#!/usr/bin/python3
"""Fetches the release that this host's parameter names, and has the program in it bring the host there.

It stays as small as it can: a change of it replaces the host, while a change of the program is a release.
Where AWS does not answer, the program and the bundle of the last time do.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HOST = Path("/etc/voicestack/host.json")
OWN_ENVIRONMENT = Path("/etc/default/voicestack")
STATE = Path("/var/lib/voicestack")
RUN = Path("/run/voicestack")


def read_environment() -> None:
    """Takes over the host's own settings, such as a proxy."""
    if OWN_ENVIRONMENT.is_file():
        for line in OWN_ENVIRONMENT.read_text(encoding="utf-8").splitlines():
            name, equals, value = line.partition("=")
            if equals and not name.lstrip().startswith("#"):
                os.environ.setdefault(name.strip(), value.strip().strip('"'))


def wait_for_turn() -> None:
    """Waits until no other one is at work, and keeps the others waiting until the program has ended."""
    RUN.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(RUN / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
    os.set_inheritable(lock, True)
    fcntl.flock(lock, fcntl.LOCK_EX)


def fetch(host: dict[str, str]) -> None:
    """Puts bundle and program of the release that is wanted in their places."""
    import boto3
    from botocore.config import Config

    options: dict[str, Any] = {
        "region_name": host["region"],
        "endpoint_url": os.environ.get("AWS_ENDPOINT_URL") or None,
        "config": Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 5}),
    }
    ssm = boto3.client("ssm", **options)
    try:
        key = ssm.get_parameter(Name=host["parameter"])["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return
    content = boto3.client("s3", **options).get_object(Bucket=host["bucket"], Key=key)["Body"].read()
    release = Path(key).stem
    if hashlib.sha256(content).hexdigest()[:16] != release:
        sys.exit(f"{key}: its content is not what its name says; the release is not touched")
    before = (STATE / "wanted").resolve()
    fresh = Path(tempfile.mkdtemp(prefix="fetched-", dir=STATE))
    (fresh / "converge").mkdir(mode=0o700)
    (fresh / "wanted.json").write_bytes(content)
    (fresh / "release").write_text(release, encoding="utf-8")
    for name, text in json.loads(content)["program"].items():
        (fresh / "converge" / name).write_text(text, encoding="utf-8")
    # All of it is on the disk before the link leads there, and the link leads somewhere at every moment.
    os.sync()
    link = STATE / "wanted.new"
    link.unlink(missing_ok=True)
    link.symlink_to(fresh.name)
    link.replace(STATE / "wanted")
    for folder in STATE.glob("fetched-*"):
        # A report may still be reading the one before.
        if folder not in (fresh, before):
            shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Fetches, then becomes the program."""
    read_environment()
    host = json.loads(HOST.read_text(encoding="utf-8"))
    STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
    boot = "--boot" in sys.argv
    if "--report" not in sys.argv:
        wait_for_turn()
        try:
            fetch(host)
        except Exception as problem:
            # A deployment must not take the old release for the new one; a boot makes do with it.
            if not boot:
                sys.exit(f"{host['name']}: AWS does not answer ({problem})")
            print(f"{host['name']}: AWS does not answer ({problem}); going on with what is here", flush=True)
    if not (STATE / "wanted").is_dir():
        print(f"{host['name']}: no release yet", flush=True)
        sys.exit(1 if len(sys.argv) == 1 else 0)
    os.chdir(STATE / "wanted")
    os.execv(sys.executable, [sys.executable, "-B", "-m", "converge", *sys.argv[1:]])


if __name__ == "__main__":
    main()
