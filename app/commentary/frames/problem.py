"""What can be wrong with a source of pictures, in words that say what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "not_found", "permission_denied", "timeout", "unreachable", "codec", "unreadable", "refused", "ended",
    "wrong_key", "left",
]  # fmt: skip
ADVICE: dict[Kind, str] = {
    "not_found": "look at its name, and whether it is there or published",
    "permission_denied": "look at the user and password in its address, or the rights of the file or device",
    "timeout": "look whether the camera or encoder still sends; it is tried again by itself",
    "unreachable": "look at host and port, and whether the server runs; it is tried again by itself",
    "codec": "send H.264, H.265, VP8, VP9, AV1 or MJPEG",
    "unreadable": "choose a video file or stream that a player can play",
    "refused": "ask whoever runs this to allow it (COMMENTARY_FOLDER, COMMENTARY_HOSTS, COMMENTARY_DEVICES)",
    "ended": "start it again, or choose to loop it",
    "wrong_key": "set LIVEKIT_API_KEY and LIVEKIT_API_SECRET as LiveKit's server has them",
    "left": "start it again",
}
TITLES: dict[Kind, str] = {
    "not_found": "source not found",
    "permission_denied": "permission denied",
    "timeout": "stream timeout",
    "unreachable": "source out of reach",
    "codec": "codec not supported",
    "unreadable": "not a video",
    "refused": "source not allowed",
    "ended": "the source has ended",
    "wrong_key": "LiveKit refuses the key",
    "left": "nobody is in the room any more",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with a source. `detail` is for people, and carries no credentials."""

    kind: Kind
    detail: str = ""

    def __str__(self) -> str:
        what = f" ({self.detail})" if self.detail else ""
        return f"{TITLES[self.kind]}{what}: {ADVICE[self.kind]}"


class SourceProblem(Exception):
    """A source can't be read (any more)."""

    def __init__(self, kind: Kind, detail: str = "") -> None:
        super().__init__(detail)
        self.problem = Problem(kind, detail)
