"""The playlists of a showing, drawn from its segments. Pure.

Sources: RFC 8216 and its successor draft-pantos-hls-rfc8216bis; Apple's "HLS Authoring Specification".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.dubbing.service.paths import LANGUAGE_PATTERN
from app.dubbing.showing import SOUND_BEGINNING, Segment, picture_file, sound_file, text_file

LIVE_SEGMENTS = 8
"""How many a player of the live stream is told of."""
REPLAY = "replay-"
MASTER, REPLAY_MASTER = "index.m3u8", "replay.m3u8"
STEERED, STEERING = "steered.m3u8", "steering.json"
BEGINNINGS = (MASTER, STEERED)
"""What a live stream is opened by."""
OPENED_BY = (*BEGINNINGS, REPLAY_MASTER)
MEDIA = re.compile(rf"({REPLAY})?(picture|sound|text)(?:-({LANGUAGE_PATTERN}))?\.m3u8")
ADDRESS = re.compile(r'(URI=")([^"]+)(")|^([^#\n].*)$', re.MULTILINE)
NO_TEXT = "nothing.vtt"
NOTHING = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n"
SOUND_CODEC = "mp4a.40.2"
SPLICE_KINDS = {"out": "OUT", "in": "IN", "other": "CMD"}
TEXT_RATE = 1000
"""Bits a second that subtitles take at most, about."""
NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "ga": "Irish", "gl": "Galician", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


@dataclass(frozen=True)
class Pathway:
    """A place that has the whole stream, and what its addresses begin with: nothing where it is this one."""

    id: str
    base: str = ""


HERE = (Pathway(""),)
"""Where there is no other."""


def is_playlist(file: str) -> bool:
    """Whether a playlist is called so."""
    return file in (MASTER, STEERED, REPLAY_MASTER) or MEDIA.fullmatch(file) is not None


def playlist(
    file: str, segments: Sequence[Segment], *, ended: bool, pathways: Sequence[Pathway] = HERE
) -> str | None:
    """The playlist of that name; None where there is none. There is at least one segment."""
    if file in BEGINNINGS:
        return master(segments, REPLAY if ended else "", pathways)
    if file == REPLAY_MASTER:
        return master(segments, REPLAY, pathways)
    found = MEDIA.fullmatch(file)
    if found is None:
        return None
    replay, kind, language = bool(found[1]), found[2], found[3] or ""
    last = segments[-1]
    if language and language not in last.languages:
        return None
    if kind == "picture" and (language or not last.picture):
        return None
    shown = segments if replay else segments[-LIVE_SEGMENTS:]
    return media(shown, kind, language, ended=ended, whole=replay and ended)


def master(segments: Sequence[Segment], prefix: str, pathways: Sequence[Pathway]) -> str:
    """The playlist that names the picture, once, every sound and all subtitles.

    Where there are several pathways it names all of these once for each, and a player begins with the first
    (draft-pantos-hls-rfc8216bis, 7: content steering).
    """
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if len(pathways) > 1:
        first = f'SERVER-URI="{STEERING}",PATHWAY-ID="{pathways[0].id}"'
        lines.append(f"#EXT-X-CONTENT-STEERING:{first}")
    for pathway in pathways:
        lines += renditions(segments[-1], prefix, pathway)
    for pathway in pathways:
        lines.append(f"#EXT-X-STREAM-INF:{variant(segments, pathway)}")
        kind = "picture" if segments[-1].picture else "sound"
        lines.append(f"{pathway.base}{prefix}{kind}.m3u8")
    return "\n".join(lines) + "\n"


def steering(pathways: Sequence[Pathway], seconds: int) -> str:
    """The order in which a player tries pathways, and after how many seconds it asks again."""
    order = [pathway.id for pathway in pathways]
    return json.dumps({"VERSION": 1, "TTL": seconds, "PATHWAY-PRIORITY": order})


def renditions(last: Segment, prefix: str, pathway: Pathway) -> list[str]:
    """Every sound and all subtitles of a pathway."""
    original = f"Original ({named(last.spoken)})" if last.spoken else "Original"
    lines = [rendition("AUDIO", original, last.spoken, f"{prefix}sound.m3u8", pathway, default=True)]
    for language in last.languages:
        # Of two in one language a player may choose one alone by itself.
        chosen = language != last.spoken
        address = f"{prefix}sound-{language}.m3u8"
        lines.append(rendition("AUDIO", named(language), language, address, pathway, chosen=chosen))
    lines += [
        rendition("SUBTITLES", named(language), language, f"{prefix}text-{language}.m3u8", pathway)
        for language in last.languages
    ]
    if last.languages:
        chosen = last.spoken not in last.languages
        address = f"{prefix}text.m3u8"
        lines.append(rendition("SUBTITLES", original, last.spoken, address, pathway, chosen=chosen))
    return lines


def group(kind: str, pathway: Pathway) -> str:
    """What the group of a pathway's renditions of a kind is called."""
    return f"{kind.lower()}-{pathway.id}" if pathway.id else kind.lower()


def rendition(
    kind: str,
    name: str,
    language: str,
    address: str,
    pathway: Pathway,
    *,
    default: bool = False,
    chosen: bool = True,
) -> str:
    """One sound, or the subtitles of one language."""
    attributes = [f"TYPE={kind}", f'GROUP-ID="{group(kind, pathway)}"', f'NAME="{name}"']
    if language:
        attributes.append(f'LANGUAGE="{language}"')
    attributes += [f"DEFAULT={yes(default)}", f"AUTOSELECT={yes(chosen)}"]
    attributes.append('CHANNELS="2"' if kind == "AUDIO" else "FORCED=NO")
    return f'#EXT-X-MEDIA:{",".join(attributes)},URI="{pathway.base}{address}"'


def variant(segments: Sequence[Segment], pathway: Pathway) -> str:
    """What the picture and one sound take together."""
    last = segments[-1]
    picture = last.picture
    rates = [8 * (each.picture_bytes + each.sound_bytes) / each.seconds for each in segments]
    everything = sum(each.picture_bytes + each.sound_bytes for each in segments)
    seconds = sum(each.seconds for each in segments)
    attributes = [
        f"BANDWIDTH={round(max(rates)) + TEXT_RATE}",
        f"AVERAGE-BANDWIDTH={round(8 * everything / seconds) + TEXT_RATE}",
        f'CODECS="{picture.codecs + "," if picture else ""}{SOUND_CODEC}"',
    ]
    if picture:
        pictures = sum(each.pictures for each in segments)
        attributes.append(f"RESOLUTION={picture.width}x{picture.height}")
        attributes.append(f"FRAME-RATE={pictures / seconds:.3f}")
    attributes.append(f'AUDIO="{group("AUDIO", pathway)}"')
    if last.languages:
        attributes.append(f'SUBTITLES="{group("SUBTITLES", pathway)}"')
    attributes.append("CLOSED-CAPTIONS=NONE")
    if pathway.id:
        attributes.append(f'PATHWAY-ID="{pathway.id}"')
    return ",".join(attributes)


def media(segments: Sequence[Segment], kind: str, language: str, *, ended: bool, whole: bool) -> str:
    """The playlist of the picture, of one sound, or of one language's subtitles."""
    first = segments[0]
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{segments[-1].longest}",
        f"#EXT-X-MEDIA-SEQUENCE:{first.number}",
    ]
    if before := first.breaks - first.broken:
        lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{before}")
    lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    if whole:
        lines.append("#EXT-X-PLAYLIST-TYPE:VOD")
    begun, splices = "", dict.fromkeys(line for each in segments for line in splice_lines(each))
    for segment in segments:
        if segment.broken:
            lines.append("#EXT-X-DISCONTINUITY")
        beginning = beginning_of(segment, kind)
        if beginning and (beginning != begun or segment.broken):
            lines.append(f'#EXT-X-MAP:URI="{beginning}"')
            begun = beginning
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{date(segment.at)}")
        if kind != "text":
            # Each once, where it is told first: a break that goes on stands in all of its segments.
            lines += [line for line in splice_lines(segment) if splices.pop(line, "") is None]
        lines += [f"#EXTINF:{segment.seconds:.5f},", file_of(segment, kind, language)]
    if ended:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def splice_lines(segment: Segment) -> list[str]:
    """Its splices as draft-pantos-hls-rfc8216bis, 4.4.5.1.1, has them."""
    found = []
    for each in segment.splices:
        attributes = [f'ID="{each.id}"', f'START-DATE="{date(each.date)}"']
        if each.seconds is not None:
            planned = "PLANNED-" if each.kind != "in" else ""
            attributes.append(f"{planned}DURATION={each.seconds:.3f}")
        attributes.append(f"SCTE35-{SPLICE_KINDS[each.kind]}=0x{each.section}")
        found.append(f"#EXT-X-DATERANGE:{','.join(attributes)}")
    return found


def date(at: float) -> str:
    """A Unix time as playlists have it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def beginning_of(segment: Segment, kind: str) -> str:
    """The file with what comes before the first piece; empty for text."""
    if kind == "sound":
        return SOUND_BEGINNING
    return segment.picture.beginning if kind == "picture" and segment.picture else ""


def file_of(segment: Segment, kind: str, language: str) -> str:
    """The piece itself. Where a language has no sound in it, the original's is heard."""
    if kind == "picture":
        return picture_file(segment.number)
    if kind == "sound":
        return sound_file(language if language in segment.own else "", segment.number)
    return text_file(language, segment.number) if language in segment.texts else NO_TEXT


def readdressed(drawn: str, change: Callable[[str], str]) -> str:
    """A playlist with every address in it changed."""
    return ADDRESS.sub(
        lambda found: change(found[4]) if found[4] else f"{found[1]}{change(found[2])}{found[3]}", drawn
    )


def named(language: str) -> str:
    """What a language is called in English, or its code."""
    return NAMES.get(language, language)


def yes(is_so: bool) -> str:
    """As playlists say it."""
    return "YES" if is_so else "NO"
