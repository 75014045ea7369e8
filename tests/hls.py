"""What players are told of a stream, read and checked by the published rules.

Sources: RFC 8216 (sections in brackets); Apple's "HLS Authoring Specification for Apple Devices" (rules with
their numbers), of which mediastreamvalidator checks the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')


@dataclass(frozen=True)
class Piece:
    """A piece of a media playlist, with what stands before it."""

    uri: str
    seconds: float
    date: str
    beginning: str
    broken: bool


@dataclass
class Playlist:
    """A playlist: its tags without EXT-X-, and what it names."""

    tags: dict[str, str] = field(default_factory=dict)
    renditions: list[dict[str, str]] = field(default_factory=list)
    variants: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)

    @property
    def addresses(self) -> list[str]:
        """The playlists that a master names, each once."""
        named = [uri for uri, _ in self.variants] + [each["URI"] for each in self.renditions]
        return list(dict.fromkeys(named))

    def number(self, tag: str) -> int:
        """A tag's number, 0 without it."""
        return int(self.tags.get(tag, "0"))


def attributes(text: str) -> dict[str, str]:
    """A tag's attributes, without their quotes."""
    return {name: value.strip('"') for name, value in ATTRIBUTE.findall(text)}


def read(text: str) -> Playlist:
    """The playlist of that text. Raises ValueError where it is none."""
    lines = text.splitlines()
    if not lines or lines[0] != "#EXTM3U":
        raise ValueError("a playlist begins with #EXTM3U")
    found = Playlist()
    variant: dict[str, str] | None = None
    seconds, date, beginning, broken = 0.0, "", "", False
    for line in lines[1:]:
        tag, _, value = line.partition(":")
        if tag == "#EXT-X-MEDIA":
            found.renditions.append(attributes(value))
        elif tag == "#EXT-X-STREAM-INF":
            variant = attributes(value)
        elif tag == "#EXTINF":
            seconds = float(value.rstrip(","))
        elif tag == "#EXT-X-MAP":
            beginning = attributes(value)["URI"]
        elif tag == "#EXT-X-PROGRAM-DATE-TIME":
            date = value
        elif tag == "#EXT-X-DISCONTINUITY":
            broken = True
        elif tag.startswith("#EXT-X-"):
            found.tags[tag.removeprefix("#EXT-X-")] = value
        elif line and not line.startswith("#") and variant is not None:
            found.variants.append((line, variant))
            variant = None
        elif line and not line.startswith("#"):
            found.pieces.append(Piece(line, seconds, date, beginning, broken))
            broken, date = False, ""
    return found


def faults(master: Playlist, medias: Mapping[str, Playlist]) -> list[str]:
    """Which rules a master playlist and the media playlists that it names break; none where all are kept."""
    found = [*master_faults(master)]
    for uri, media in medias.items():
        text = any(each["URI"] == uri and each["TYPE"] == "SUBTITLES" for each in master.renditions)
        found += [f"{uri}: {fault}" for fault in media_faults(media, text=text)]
    first_uri, _ = master.variants[0]
    first = medias[first_uri]
    for uri, media in medias.items():
        # Renditions must be in step: 6.2.4, Apple 2.14 and 8.21.
        for tag in ("TARGETDURATION", "MEDIA-SEQUENCE", "DISCONTINUITY-SEQUENCE"):
            if media.number(tag) != first.number(tag):
                found.append(f"{uri}: another EXT-X-{tag} than {first_uri}")
        if [(each.seconds, each.broken) for each in media.pieces] != [
            (each.seconds, each.broken) for each in first.pieces
        ]:
            found.append(f"{uri}: its pieces are not those of {first_uri}")
    return found


def master_faults(master: Playlist) -> list[str]:
    """Rules of the master playlist alone."""
    found = []
    if "INDEPENDENT-SEGMENTS" not in master.tags:
        found.append("EXT-X-INDEPENDENT-SEGMENTS is missing (Apple 2.17)")
    if master.number("VERSION") < 6:
        found.append("EXT-X-MAP without I-frames alone needs version 6 (7)")
    groups = {(each["TYPE"], each["GROUP-ID"]) for each in master.renditions}
    for group in groups:
        members = [each for each in master.renditions if (each["TYPE"], each["GROUP-ID"]) == group]
        if len({each["NAME"] for each in members}) != len(members):
            found.append(f"{group}: a NAME stands twice (4.3.4.1.1)")
        if sum(each.get("DEFAULT") == "YES" for each in members) > 1:
            found.append(f"{group}: more than one DEFAULT (4.3.4.1.1)")
        chosen = [each.get("LANGUAGE") for each in members if each.get("AUTOSELECT") == "YES"]
        if len(set(chosen)) != len(chosen):
            found.append(f"{group}: two of one LANGUAGE with AUTOSELECT (4.3.4.1.1)")
    for each in master.renditions:
        if each.get("DEFAULT") == "YES" and each.get("AUTOSELECT") != "YES":
            found.append(f"{each['NAME']}: DEFAULT without AUTOSELECT (4.3.4.1)")
        if each["TYPE"] == "AUDIO" and "CHANNELS" not in each:
            found.append(f"{each['NAME']}: no CHANNELS (Apple 9.13)")
    for uri, variant in master.variants:
        wanted = ["BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "CLOSED-CAPTIONS"]
        if "," in variant.get("CODECS", ""):
            wanted += ["RESOLUTION", "FRAME-RATE"]
        found += [f"{uri}: no {name} (Apple 9.1 to 9.16)" for name in wanted if name not in variant]
        if int(variant["AVERAGE-BANDWIDTH"]) > int(variant["BANDWIDTH"]):
            found.append(f"{uri}: on average more than at most")
        for kind in ("AUDIO", "SUBTITLES"):
            if kind in variant and (kind, variant[kind]) not in groups:
                found.append(f"{uri}: there is no group {variant[kind]} (4.3.4.2)")
    return found


def media_faults(media: Playlist, *, text: bool) -> list[str]:
    """Rules of one media playlist."""
    found = []
    target = media.number("TARGETDURATION")
    if target < 1:
        found.append("no EXT-X-TARGETDURATION (4.3.3.1)")
    found += [
        f"{each.uri} is longer than EXT-X-TARGETDURATION says (4.3.3.1)"
        for each in media.pieces
        if int(each.seconds + 0.5) > target
    ]
    if any(not each.date for each in media.pieces):
        found.append("pieces without EXT-X-PROGRAM-DATE-TIME (Apple 8.13)")
    if not text and any(not each.beginning for each in media.pieces):
        found.append("fragments without EXT-X-MAP (3.3)")
    if media.tags.get("PLAYLIST-TYPE") == "VOD" and "ENDLIST" not in media.tags:
        found.append("a whole without EXT-X-ENDLIST (4.3.3.5)")
    return found
