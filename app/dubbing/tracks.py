"""Which of a source's sound tracks, or channels, is the voice, and which the international sound. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal


def words(*these: str) -> re.Pattern[str]:
    """One of these as a whole word."""
    return re.compile(rf"\b(?:{'|'.join(these)})\b")


VOICE = words(
    "voices?", "commentary", "commentators?", "dialog(?:ue)?s?", "narrat(?:ion|or)", "speech", "vo", "dx"
)
BACKGROUND = words(
    *(
        "international",
        "int(?:l)?",
        "m ?[&+]? ?e",
        "m and e",
        "music (?:and|&) effects",
        "effects",
        "sfx",
        "fx",
    ),
    *("it", "is", "its", "clean", "ambien(?:ce|t)", "atmos(?:phere)?", "stadium", "crowd", "background"),
    *("natural sound", "nat(?:s| sound)"),
)
OTHER = words(
    *("mix(?:ed|down)?", "full", "programme", "program", "pgm", "d ?[&+]? ?m ?[&+]? ?e"),
    *("audio description", "descriptive", "described", "ad"),
)
"""Neither: the whole programme, or what is spoken for people who can't see."""
ABBREVIATIONS = frozenset({"it", "is", "its", "me", "int", "vo", "dx", "ad"})
"""Words of other meanings: they count where the title is nothing else, or has them in capitals."""
NO_SPEECH = frozenset({"zxx"})
"""Languages of ISO 639-2 that say that nothing is spoken."""
UNSAID = frozenset({"", "und", "mul", "mis"})
"""Those that say nothing; of `qaa` to `qtz`, whose meaning is everybody's own, a voice is spoken in."""


Channel = Literal["both", "left", "right"]


@dataclass(frozen=True)
class Chosen:
    """The operator's choice, counted from 1; 0 is none. Where both are 0, they are found by their titles.

    Where the voice is one `channel` of its track, the other goes on beside it unless another track does.
    """

    voice: int = 0
    background: int = 0
    channel: Channel = "both"

    def __bool__(self) -> bool:
        return bool(self.voice or self.background)


@dataclass(frozen=True)
class Named:
    """What a sound track says of itself: title and language as the source has them.

    `clean`: it is flagged as the sound without the voice; `described`: as made for who can't see or hear.
    `channels` is 0 where their number is not known yet.
    """

    title: str = ""
    language: str = ""
    clean: bool = False
    described: bool = False
    channels: int = 0


@dataclass(frozen=True)
class Roles:
    """The indexes of the voice (None without any sound) and of what goes on beside it (None: no other track).

    `channel` is what the voice is of its track. `problem`: why the choice could not be followed.
    """

    voice: int | None
    background: int | None = None
    problem: str = ""
    channel: Channel = "both"

    @property
    def divides(self) -> bool:
        """Whether one channel is the voice and the other what goes on beside it."""
        return self.channel != "both" and self.background is None

    @property
    def apart(self) -> bool:
        """Whether something goes on beside the voice."""
        return self.background is not None or self.divides

    def use(self, index: int) -> str:
        """What that track is used as: voice, background, or nothing (empty)."""
        if self.voice == index:
            return "voice"
        return "background" if self.background == index else ""


def roles(tracks: Sequence[Named], chosen: Chosen) -> Roles:
    """As it is chosen, else as the tracks call themselves, else the first track, which has everything."""
    among = among_tracks(tracks, chosen)
    if chosen.channel == "both" or among.voice is None or among.problem:
        return among
    channels = tracks[among.voice].channels
    if channels in (0, 2):
        return replace(among, channel=chosen.channel)
    has = "one channel" if channels == 1 else f"{channels} channels"
    told = (
        f"the {chosen.channel} channel was chosen as the voice, but sound track {among.voice + 1} has {has}"
    )
    return replace(among, problem=told)


def among_tracks(tracks: Sequence[Named], chosen: Chosen) -> Roles:
    """The voice and what goes on beside it by their tracks alone."""
    if not tracks:
        return Roles(None)
    missing = [number for number in (chosen.voice, chosen.background) if number > len(tracks)]
    if missing:
        has = "one sound track" if len(tracks) == 1 else f"{len(tracks)} sound tracks"
        return Roles(0, problem=f"sound track {missing[0]} was chosen, but the source has {has}")
    if chosen:
        background = chosen.background - 1 if chosen.background else None
        others = [index for index in range(len(tracks)) if index != background]
        if not chosen.voice and not others:
            return Roles(0, problem="the only sound track was chosen as what goes on beside the voice")
        return Roles(chosen.voice - 1 if chosen.voice else others[0], background)
    return found(tracks)


def found(tracks: Sequence[Named]) -> Roles:
    """By titles, flags and languages: both must be known without doubt, or the first track has everything."""
    kinds = [kind(track) for track in tracks]
    if kinds.count("background") != 1:
        return Roles(0)
    background = kinds.index("background")
    voices = [index for index, each in enumerate(kinds) if each == "voice"]
    spoken = [index for index, each in enumerate(kinds) if not each and tracks[index].language not in UNSAID]
    # Without a title, a language beside a track without speech is the voice; two of them are a doubt.
    candidates = voices or spoken
    return Roles(candidates[0], background) if len(candidates) == 1 else Roles(0)


def kind(track: Named) -> str:
    """voice, background, other, or an empty string where the track does not say."""
    if track.described:
        return "other"
    if says(OTHER, track.title):
        return "other"
    voice, background = says(VOICE, track.title), says(BACKGROUND, track.title)
    if voice and background:
        return "other"
    if background or track.clean or track.language in NO_SPEECH:
        return "background"
    return "voice" if voice else ""


def says(words: re.Pattern[str], title: str) -> bool:
    """Whether one of the words is in the title."""
    plain = re.sub(r"[_\-./:()\[\]]+", " ", title)
    for match in words.finditer(plain.lower()):
        written = plain[match.start() : match.end()]
        if match[0] not in ABBREVIATIONS or written.isupper() or match[0] == plain.strip().lower():
            return True
    return False
