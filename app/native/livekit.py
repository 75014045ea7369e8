"""`python -m app.native.livekit`: becomes LiveKit's server for `make run`, with a secret made for it."""

from __future__ import annotations

import json
import os
import sys

from app import livekit
from app.native.plan import FOREIGN
from app.settings import load

MISSING = 3


def main() -> int:
    """Takes the place of this process; returns only where there is no server."""
    settings = load()
    try:
        program = str(livekit.find_binary())
    except livekit.LiveKitMissing as error:
        print(error, file=sys.stderr)
        return MISSING
    # Not among its arguments, which everybody on this machine can read.
    environment = {name: value for name, value in os.environ.items() if name in FOREIGN} | {
        "LIVEKIT_KEYS": livekit.keys(settings.livekit_api_key, livekit.made_secret(settings)),
        "LIVEKIT_CONFIG": json.dumps(livekit.configuration(settings)),
    }
    os.execve(program, [program], environment)


if __name__ == "__main__":
    sys.exit(main())
