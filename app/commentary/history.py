"""What was said as a file: subtitles, or JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from app.commentary.messages import Comment

Format = Literal["srt", "vtt", "json"]
MEDIA_TYPES: dict[Format, str] = {
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
}
SHORTEST, LETTERS_A_SECOND = 1.5, 15.0


def export(comments: Sequence[Comment], form: Format) -> str:
    """The text of the file; times are from the session's start."""
    if form == "json":
        return json.dumps([comment.model_dump() for comment in comments], indent=2, ensure_ascii=False)
    cues = []
    for index, comment in enumerate(comments):
        following = comments[index + 1].shown if index + 1 < len(comments) else float("inf")
        lasts = max(SHORTEST, comment.spoken, len(comment.text) / LETTERS_A_SECOND)
        # Two cues are never seen at once.
        until = max(min(comment.shown + lasts, following), comment.shown + 0.001)
        mark = "," if form == "srt" else "."
        times = f"{clock(comment.shown, mark)} --> {clock(until, mark)}"
        text = comment.text.replace("-->", "→").replace("&", "&amp;").replace("<", "&lt;")
        cues.append(f"{index + 1}\n{times}\n{comment.text if form == 'srt' else text}\n")
    return ("WEBVTT\n\n" if form == "vtt" else "") + "\n".join(cues)


def clock(seconds: float, mark: str) -> str:
    """A time as subtitles write it, with that mark before the thousandths."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
