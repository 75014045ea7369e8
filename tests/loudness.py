"""Loudness as ffmpeg's meter says it, a second opinion."""

from __future__ import annotations

import re
import subprocess


def loudness(*source: str, content: bytes = b"") -> float:
    """Integrated loudness (EBU R 128) in LUFS of what ffmpeg reads so, from `content` for -."""
    command = ["ffmpeg", "-hide_banner", "-nostats", *source, "-af", "ebur128", "-f", "null", "-"]
    done = subprocess.run(command, input=content, capture_output=True, check=True)
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", done.stderr.decode())[-1])
