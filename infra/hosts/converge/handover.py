"""Replaces a container without a break: the new one starts beside the old one, which stops last.

The new one says that it is healthy when it has taken over. One that never is leaves the old one untouched.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import decide, engine
from .decide import Standing
from .host import Host
from .watching import Watch


def hand_over(host: Host, bundle: Mapping[str, Any], file: Path, secrets: Path) -> None:
    """Replaces the services of a release that can overlap. Raises ReleaseError or EngineError."""
    if not bundle["overlaps"]:
        return
    wanted = engine.configurations(file, secrets, bundle["overlaps"], host.environment)
    for service, old in decide.to_hand_over(wanted, engine.standings(bundle["compose"]["name"])).items():
        host.say(f"starting the new {service} beside the old one")
        try:
            engine.start_beside(file, secrets, service, host.environment)
            take_over(host, bundle, service, old)
        except BaseException:
            for each in others(bundle, service, old):
                with suppress(engine.EngineError):
                    engine.docker("rm", "--force", each.container)
            raise
        host.say(f"the new {service} has taken over: stopping the old one")
        engine.stop(old)


def take_over(host: Host, bundle: Mapping[str, Any], service: str, old: str) -> None:
    """Waits until the new container is healthy. Raises ReleaseError as soon as it never will be."""
    watching = Watch(host, [service], {}, bundle["within"])
    while awaited := watching.look(others(bundle, service, old), settled=True):
        watching.tell(awaited)


def others(bundle: Mapping[str, Any], service: str, old: str) -> list[Standing]:
    """The service's containers but for the old one."""
    found = engine.standings(bundle["compose"]["name"])
    return [each for each in found if each.service == service and each.container != old]
