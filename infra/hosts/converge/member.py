"""A speech host of a pool: it takes part once it is healthy, and hands its streams over before it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from . import aws, decide, engine
from .host import Places, ReleaseError
from .metadata import Metadata

LOOK_EVERY = 2.0
FORGOTTEN_WITHIN = 20.0
"""Seconds in which all have left a host: 5 until the name's keeper looks, 5 that the name is good for, 2
until the dubber looks it up, and 6 that a dub takes at most to move."""
STOPPED_WITHIN = 90.0
JOINED, LEAVES = "joined", "leaves"  # files in memory: it has taken part; it is ending


class Member:
    """Follows what AWS means to do with this instance, and does what that asks for."""

    def __init__(
        self,
        host: Mapping[str, Any],
        bundle: Mapping[str, Any],
        places: Places,
        metadata: Metadata,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._host = host
        self._pool = bundle["pool"]
        self._project = bundle["compose"]["name"]
        self._places = places
        self._metadata = metadata
        self._sleep = sleep
        self._done: set[str] = set()

    def look(self) -> None:
        """Does what is to be done now. Raises what metadata, AWS's SDK or the engine raise: look again."""
        step = decide.next_step(
            self._metadata.get("autoscaling/target-lifecycle-state"),
            taken_back=bool(self._metadata.get("spot/instance-action")),
            healthy=(self._places.run / JOINED).exists(),
            done=self._done,
        )
        if not step:
            return
        if step == decide.JOIN:
            self._complete(self._pool["arriving"])
        elif step == decide.LEAVE:
            self.leave()
        elif step == decide.END:
            self._complete(self._pool["leaving"])
        self._done.add(step)

    def leave(self) -> None:
        """Has the streams go on elsewhere, then stops the services: they answer what they were asked."""
        (self._places.run / LEAVES).touch()
        if self._metadata.get("autoscaling/target-lifecycle-state") == decide.ENDING:
            # Its name's keeper sees that too, and takes its address out.
            print(f"{self._host['name']}: it is to end: waiting until its streams have left", flush=True)
            self._sleep(FORGOTTEN_WITHIN)
        running = [each.container for each in engine.standings(self._project) if each.status == "running"]
        if running:
            print(f"{self._host['name']}: stopping its services", flush=True)
            engine.docker("stop", *running, within=STOPPED_WITHIN)

    def _complete(self, hook: str) -> None:
        said = aws.complete(self._host["region"], self._pool["group"], hook, self._host["instance"])
        print(f"{self._host['name']}: {hook}: {said}", flush=True)


def described(host: Mapping[str, Any], bundle: Mapping[str, Any], metadata: Metadata) -> dict[str, Any]:
    """A host as it knows itself: one of a pool has a name by its instance, and measures as one of many.

    Raises ReleaseError where the instance's metadata does not answer.
    """
    known = {**host, "measured": host["name"]}
    if is_member(host, bundle):
        try:
            instance = metadata.get("instance-id")
        except OSError as problem:
            raise ReleaseError(f"the instance's metadata does not tell who this is: {problem}") from None
        known |= {"name": f"{host['name']}-{instance}", "instance": instance}
    return known


def takes_part(places: Places) -> bool:
    """Whether it is to be healthy: one that fetches its models is not yet, one that ends is not any more."""
    return (places.run / JOINED).exists() and not (places.run / LEAVES).exists()


def is_member(host: Mapping[str, Any], bundle: Mapping[str, Any]) -> bool:
    """Whether a host is one of a pool's."""
    return "pool" in bundle and host["role"] == "speech"
