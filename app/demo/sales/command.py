"""`python -m app demo-sales`: plays the call, shows transcript and objections, scores them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from app import settings as settings_module
from app.access.gate import authorization
from app.demo.sales import report
from app.demo.sales.play import Player, PlayError
from app.demo.sales.score import Seen, score
from app.demo.sales.script import CALL, Placed, lay_out, reading_times
from app.demo.services import Part, Services, ServicesError
from app.sales.messages import Channel, Event, ObjectionEvent, PartialEvent, SegmentEvent, StateEvent
from app.settings import Settings
from app.settings.rules import SettingsError
from app.terminal import INTERRUPTED, as_interrupt, stop

TITLE = "Demo"
SOUND = Part("sales_address", ("run", "--no-setup", "sales"))
# Without sound the recogniser is not needed, so that sales may miss it.
TEXT = Part("sales_address", ("serve", "sales"), ("ok", "degraded"))


def demo(
    text: Annotated[bool, typer.Option("--text", help="Without sound: the lines go in as text.")] = False,
    output: Annotated[Path, typer.Option(help="Folder for the services' log.")] = Path("out"),
) -> None:
    """Play a sample sales call with planted objections, show what is found, and score it."""
    try:
        settings = settings_module.load()
    except SettingsError as error:
        stop(f"These settings can't be used:\n{error}\nSee .env.example for every variable.", 2)
    signal.signal(signal.SIGTERM, as_interrupt)
    try:
        run(settings, text, output)
    except KeyboardInterrupt:
        stop("Stopped.", INTERRUPTED)
    except (ServicesError, PlayError) as error:
        stop(f"The demo can't run: {error}\nTry `make setup`, then `python -m app doctor`.", 1)


def run(settings: Settings, text: bool, output: Path) -> None:
    """Runs the demo; ends the program with status 1 where too little was found, or too much."""
    console = Console(stderr=False, highlight=False)
    call = lay_out(CALL, reading_times(CALL))
    tracks: dict[Channel, bytes] = {}
    if not text:
        from app.demo.sales.voices import VoicesMissing, speak

        console.print("call: being spoken")
        try:
            call, tracks = speak(CALL)
        except VoicesMissing as error:
            stop(f"The call can't be spoken: {error}\n`--text` plays it without sound.", 1)
    with ExitStack() as stack:
        console.print("services: starting, or using those that run")
        log = output / "demo-sales-services.log"
        services = stack.enter_context(Services(settings, log, {}, TEXT if text else SOUND))
        console.print(f"services: {'started for this demo' if services.are_ours else 'already running'}")
        show = stack.enter_context(Show(console))
        asyncio.run(play(settings, show, call, tracks))
    finish(console, call, show)


async def play(settings: Settings, show: Show, call: Sequence[Placed], tracks: dict[Channel, bytes]) -> None:
    """Plays the call with its sound, or as text where it has none. Raises PlayError."""
    player = Player(settings.sales_address, TITLE, show.event, authorization(settings))
    try:
        if tracks:
            from app.demo.sales.voices import RATE

            ended = await player.play_sound(tracks, RATE)
        else:
            ended = await player.play_text(call, ["seller", "customer"])
    finally:
        await player.close()
    if ended.dropped:
        show.console.print(f"{ended.dropped:.1f} s of sound could not be recognised")


class Show:
    """What is shown while the call goes on: a live table, or lines where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seen: list[Seen] = []
        self._shown: list[SegmentEvent | Seen] = []
        self._speaking: dict[Channel, str] = {}
        self._state = ""
        self._live = (
            Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Show:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def event(self, event: Event, arrived: float) -> None:
        """Takes an event of the call in."""
        match event:
            case PartialEvent():
                self._speaking[event.channel] = event.text
            case SegmentEvent():
                self._add(event)
            case ObjectionEvent():
                seen = Seen(event, arrived)
                self.seen.append(seen)
                self._add(seen)
            case StateEvent():
                self._state = f"{event.state} {event.detail}".strip()
                if self._live is None and event.detail:
                    self.console.print(self._state, markup=False)
        if self._live is not None:
            self._live.update(report.table(self._shown, self._speaking, self._state))

    def transcript(self) -> Sequence[SegmentEvent | Seen]:
        """Everything that a live table has shown and taken away again."""
        return self._shown if self._live is not None else ()

    def _add(self, event: SegmentEvent | Seen) -> None:
        self._shown.append(event)
        if self._live is None:
            self.console.print(report.line(event), soft_wrap=True)


def finish(console: Console, call: Sequence[Placed], show: Show) -> None:
    """Shows the score; ends the program with status 1 where it is bad."""
    for event in show.transcript():
        console.print(report.line(event), soft_wrap=True)
    result = score(call, show.seen)
    console.print(report.score_table(result))
    console.print(report.sentence(result))
    if not result.is_good:
        stop("Too few objections were found, or too many that are none.", 1)
