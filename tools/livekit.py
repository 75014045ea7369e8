"""What rooms need beside `make setup`: `python3 -m tools.livekit`.

LiveKit's server from its Go module, its Python packages from their lock, its browser library.
"""

from __future__ import annotations

import sys
from pathlib import Path

from app.livekit import LiveKitMissing, find_binary
from tools import browser_libraries, go_modules, pins, setup
from tools.progress import step

LOCK = setup.ROOT / "requirements" / "livekit.txt"


def ensure() -> Path:
    """A LiveKit server: the one that is there, else one built now. Raises BuildFailed."""
    try:
        return find_binary()
    except LiveKitMissing:
        return go_modules.build(pins.LIVEKIT)


def main() -> None:
    """Does every step; ends with a message and exit code 1 where one fails."""
    try:
        step("livekit", f"server {pins.LIVEKIT.version}, built from its Go module", ensure)
        step("livekit", "Python packages (livekit.txt)", lambda: setup.install_lock(LOCK))
        step("livekit", "browser library", lambda: browser_libraries.fetch_all(optional=True))
    except (RuntimeError, OSError) as problem:
        sys.exit(f"livekit: {problem}")
    print(
        "Write LIVEKIT_ENABLED=true into .env, then start it so:\n"
        '  make run ARGS="--services commentary,livekit,tts,web"'
    )


if __name__ == "__main__":
    main()
