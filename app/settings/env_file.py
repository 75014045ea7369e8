"""`.env.example`, written from the settings."""

from __future__ import annotations

import textwrap

from app.settings import Settings
from app.settings.rules import shown

HEADER = """\
# Voicestack's settings. Written by `python -m app env`; don't edit .env.example by hand.
# `make env` copies it to .env: remove the # before a line to change its value.
# A variable of the environment wins over .env.
"""

READ_DIRECTLY = """\
# ---- Read directly from the environment, not from .env ----

# Service that `python -m app serve` runs where none is named.
#SERVICE_MODE=dubber

# Folder for what setup builds and fetches (in its subfolder voicestack); empty means ~/.cache.
#XDG_CACHE_HOME=

# Address of the proxy in front of the console that is believed about whom it asks for; empty means
# this machine.
#FORWARDED_ALLOW_IPS=

# Set to anything for output without colours.
#NO_COLOR=
"""


def example() -> str:
    """The text of `.env.example`: every setting by section, with its meaning, example and default."""
    sections: dict[str, list[str]] = {}
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        lines = textwrap.wrap(field.description or "", 96)
        default = shown(field.default)
        if extra.get("example") not in (None, "", default):
            lines.append(f"Example: {name.upper()}={extra['example']}")
        block = "".join(f"# {line}\n" for line in lines) + f"#{name.upper()}={default}\n"
        sections.setdefault(str(extra.get("section", "Other")), []).append(block)
    parts = [HEADER]
    parts += [f"# ---- {title} ----\n\n" + "\n".join(blocks) for title, blocks in sections.items()]
    return "\n".join([*parts, READ_DIRECTLY])
