"""Secrets in what is told: in logs, in answers, in what /health says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

HIDDEN = "***"
NAME = "(?:pass|passwd|password|pwd|token|key|secret)"


def without_user(found: re.Match[str]) -> str:
    """An address without user and password, which may hold anything that an address may not."""
    _, at, host = found[0].rpartition("@")
    return f"://{HIDDEN}@{host}" if at else found[0]


# More is hidden than need be where one can't tell. Each is linear in the text: others may have written it.
CREDENTIALS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(rf"(?i)((?:{NAME}|\blink)=)[^&\s]+"), rf"\1{HIDDEN}"),
    (re.compile(r"://\S+"), without_user),
    (
        re.compile(rf"(?i)({NAME}([\"'])\s*:\s*)\2(?:\\.|(?!\2)[^\\])*\2"),
        rf"\1\g<2>{HIDDEN}\g<2>",
    ),
    # <key> is what our own messages tell people to put there.
    (
        re.compile(
            r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)(?!\w+\s+<)((?:basic|bearer|digest)\s+)?(?!<)\S+"
        ),
        rf"\1\g<2>{HIDDEN}",
    ),
    (re.compile(r"(?i)(\bbearer\s+)(?!<)\S+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(\bapi-?key:\s*)\S+"), rf"\1{HIDDEN}"),
)


def hide_credentials(text: str) -> str:
    """The text without what opens something: user and password in an address, values called password, token,
    key or secret in queries and JSON, and what an Authorization header carries."""
    for pattern, shown in CREDENTIALS:
        text = pattern.sub(shown, text)
    return text


def hide_in_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's processor: nothing of what is logged says a secret."""
    for key, value in event.items():
        event[key] = hide_in(value)
    return event


def hide_in(value: Any) -> Any:
    """The value without secrets, also those in what it holds."""
    if isinstance(value, (str, BaseException)):
        return hide_credentials(str(value))
    if isinstance(value, Mapping):
        return {key: hide_in(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [hide_in(each) for each in value]
    return value
