"""The AWS emulator of the rehearsal: `python -m tests.rehearsal.emulator PORT [HOST]`.

Moto answers, and parts of our own for what it lacks: snapshot policies, quotas, a simulator of
permissions, lifecycle hooks that hold instances back, and commands that really run. Everything is in memory:
it ends with the process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

from tests.rehearsal.emulator import account, corrections, groups
from tests.rehearsal.emulator.agents import Agents
from tests.rehearsal.emulator.lifecycle import Lifecycle

Environ = dict[str, Any]


def service(environ: Environ) -> str:
    """The service that a signed request is for: the fourth part of its credential's scope."""
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
    return scope[3] if len(scope) == 5 else ""


def main() -> None:
    """Serves until it is ended."""
    port = int(sys.argv[1])
    host = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    corrections.apply()
    groups.hold_at_hooks()
    moto = DomainDispatcherApplication(create_backend_app)
    own: dict[str, Callable[..., Iterable[bytes]]] = {
        "dlm": Lifecycle(),
        "ssm": Agents(moto, f"http://{host}:{port}"),
        "servicequotas": account.quotas,
        "iam": account.Simulator(moto),
    }

    def application(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        return own.get(service(environ), moto)(environ, start)

    run_simple(host, port, application, threaded=True, request_handler=MotoRequestHandler)


main()
