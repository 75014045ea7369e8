"""What the terminal shows: a line for each final segment and objection, the running words under them."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from app.mic.live import Words


def clock(seconds: float) -> str:
    """A time as minutes and seconds: 1:05."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


class Screen:
    """Prints lines; where there is a terminal, the words that may still change stand below, dimmed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(Text(""), console=console, transient=True) if console.is_terminal else None
        self.lines = 0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def note(self, words: str) -> None:
        """A line that is no transcript."""
        self._console.print(Text(words, style="dim"), soft_wrap=True)

    def words(self, found: list[Words]) -> None:
        """Words from live."""
        for each in found:
            if each.final:
                self._line(each.start, each.text)
        self._running(next((each.text for each in found if not each.final), ""))

    def event(self, event: dict[str, Any]) -> None:
        """An event of a call."""
        match event["type"]:
            case "segment":
                self._line(event["start"], event["text"])
            case "partial":
                self._running(event["text"])
            case "objection":
                self._objection(event)
            case "state" if event.get("detail"):
                self.note(event["detail"])

    def _line(self, start: float, text: str) -> None:
        if text:
            self.lines += 1
            self._console.print(Text.assemble((f"{clock(start):>6}  ", "dim"), text), soft_wrap=True)

    def _objection(self, event: dict[str, Any]) -> None:
        mark = ", may be a smokescreen" if event["smokescreen"] else ""
        head = f"     !  {event['kind']} ({event['confidence']:.0%}{mark}): "
        self._console.print(Text.assemble((head, "bold yellow"), f"“{event['quote']}”"), soft_wrap=True)
        for answer in event["answers"]:
            self._console.print(Text(f"        → {answer}", style="dim"), soft_wrap=True)

    def _running(self, text: str) -> None:
        if self._live is not None:
            self._live.update(Text(f"{'':>6}  {text}" if text else "", style="dim italic"))
