"""What Pulumi starts for a program that uses the package."""

from __future__ import annotations

import sys
from pathlib import Path

# Pulumi starts the package inside its folder; ours lie above.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pulumi.provider.experimental import component_provider_host

from app import __version__
from infra.package.components import LocalStack, SpeechHost

if __name__ == "__main__":
    component_provider_host([LocalStack, SpeechHost], "voicestack", version=__version__)
