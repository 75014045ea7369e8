"""What goes wrong and when: a list of faults, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Capability = Literal["NET_ADMIN", "SYS_ADMIN", "SYS_TIME"]
BACK_WITHIN = 30.0
"""Seconds after which what was killed serves again: restarts wait up to that long (app/native/plan.py)."""


@dataclass(frozen=True)
class Kind:
    """Something that goes wrong.

    `lasts`: seconds, at least and at most. `silence`: how long viewers of a stream may hear nothing beyond
    that; None where they may not notice at all. `everybody`: whether all streams may be silent. `needs`: the
    capability of Linux without which it can't be done.
    """

    name: str
    weight: int
    lasts: tuple[float, float] = (0.0, 0.0)
    silence: float | None = None
    everybody: bool = False
    needs: Capability | None = None


KINDS = (
    Kind("speech service killed", 3),
    Kind("speech service stalled", 3, (2.0, 10.0)),
    Kind("worker killed", 3, silence=15.0, everybody=True),
    Kind("worker stalled", 1, (2.0, 6.0), silence=20.0, everybody=True),
    Kind("dubber killed", 2, silence=BACK_WITHIN, everybody=True),
    Kind("media server killed", 2, silence=BACK_WITHIN, everybody=True),
    Kind("publisher killed", 3, (1.0, 10.0), silence=20.0),
    Kind("publisher silent", 2, (2.0, 30.0), silence=20.0),
    Kind("publisher left", 2, (1.0, 20.0), silence=20.0),
    Kind("garbage sent to every port", 2),
    Kind("reader that reads nothing", 2, (10.0, 20.0)),
    Kind("original asked for", 1, (3.0, 6.0)),
    Kind("another stream", 2, (10.0, 20.0)),
    Kind("packets lost on the way in", 2, (10.0, 20.0), silence=20.0, everybody=True, needs="NET_ADMIN"),
    Kind("no packet gets in", 1, (5.0, 30.0), silence=BACK_WITHIN, everybody=True, needs="NET_ADMIN"),
    Kind("disk full", 1, (5.0, 15.0), needs="SYS_ADMIN"),
    Kind("clock put forward", 1, (5.0, 15.0), needs="SYS_TIME"),
    Kind("clock put back", 1, (5.0, 15.0), needs="SYS_TIME"),
)


@dataclass(frozen=True)
class Fault:
    """One of them, `at` seconds from the beginning, done to the stream of that number."""

    at: float
    kind: Kind
    stream: int
    lasts: float


def plan(seed: int, seconds: float, count: int, streams: int, among: Sequence[Kind] = KINDS) -> list[Fault]:
    """So many faults, evenly over the time but for chance; every kind once before any comes again."""
    chance = random.Random(seed)
    kinds: list[Kind] = []
    while len(kinds) < count:
        each_once = list(among)
        chance.shuffle(each_once)
        kinds += (
            each_once if not kinds else chance.choices(among, [kind.weight for kind in among], k=len(among))
        )
    apart = seconds / count
    return [
        Fault(
            (number + chance.uniform(0.2, 0.5)) * apart,
            kind,
            chance.randrange(streams),
            chance.uniform(*kind.lasts),
        )
        for number, kind in enumerate(kinds[:count])
    ]
