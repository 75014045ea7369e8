"""The delay profiles: how long the picture waits, and how long a phrase may therefore be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """A fixed delay and the phrase lengths that fit in it. All in seconds.

    A phrase is cut at `longest_phrase` at the latest: what is left of `delay` is the time for
    recognition, translation, speech and the way there and back. A dub that would start more than
    `latest_start` after its place is dropped, so that lag can never pile up.
    """

    name: str
    delay: float
    longest_phrase: float
    cut_window: float
    latest_start: float


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("live", delay=2.8, longest_phrase=2.2, cut_window=0.8, latest_start=1.2),
        Profile("steady", delay=5.0, longest_phrase=4.3, cut_window=1.5, latest_start=1.5),
        Profile("quality", delay=8.0, longest_phrase=7.2, cut_window=2.5, latest_start=2.0),
    )
}
