"""`python -m app mic`: a microphone or a file through live, or through sales, into the terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app import settings as settings_module
from app.access.gate import authorization, own_key
from app.mic import capture, live, sales
from app.mic.feed import Feed
from app.mic.screen import Screen
from app.settings import Settings
from app.settings.rules import SettingsError
from app.terminal import INTERRUPTED, stop

FAILED = 1
BAD_START = 2
NO_MICROPHONE = "There is no microphone here. Plug one in, or play a file: make mic ARGS='--file talk.wav'"


def mic(
    file: Annotated[Path | None, typer.Option(help="Play this file in place of the microphone.")] = None,
    device: Annotated[str, typer.Option(help="The microphone; `--list` names them.")] = "",
    list_devices: Annotated[bool, typer.Option("--list", help="List the microphones and end.")] = False,
    language: Annotated[str, typer.Option(help="What is spoken; SOURCE_LANGUAGE without it.")] = "",
    with_sales: Annotated[bool, typer.Option("--sales", help="Tell objections too, through sales.")] = False,
) -> None:
    """Write down what the microphone hears, live. Ctrl-C ends it, after the last words."""
    if list_devices:
        show_devices()
        return
    try:
        settings = settings_module.load()
    except SettingsError as error:
        stop(f"These settings can't be used:\n{error}\nSee .env.example for every variable.", BAD_START)
    if file is not None and not file.is_file():
        stop(f"There is no file {file}.", BAD_START)
    if file is None and not device and sys.platform.startswith("linux") and not may_have_microphone():
        stop(NO_MICROPHONE, FAILED)
    try:
        asyncio.run(run(settings, file, device, language or settings.first_language, with_sales))
    except asyncio.CancelledError:
        stop("Stopped.", INTERRUPTED)
    except (capture.NoSound, live.LiveProblem, sales.SalesProblem) as error:
        stop(f"This stopped: {error}.", FAILED)


async def run(settings: Settings, file: Path | None, device: str, language: str, with_sales: bool) -> None:
    """Runs until the sound ends or the user ends it; a second Ctrl-C waits for no last words.

    Raises NoSound, LiveProblem, SalesProblem.
    """
    feed = Feed(
        lambda: capture.sound_file(file) if file else capture.microphone(device), paced=file is not None
    )
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def stop() -> None:
        if feed.is_stopped and task is not None:
            task.cancel()
        feed.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        with Screen(Console(highlight=False)) as screen:
            screen.note(f"Listening to {file or device or 'the microphone'}. Ctrl-C ends it.")
            if with_sales:
                await sales.converse(
                    settings.sales_address, language, feed, screen.event, authorization(settings)
                )
            else:
                key = own_key(settings)
                hello = live.greeting(language, settings.whisper_model)
                await live.transcribe(settings.live_address, key, hello, feed, screen.words)
            if feed.dropped:
                screen.note(
                    f"{feed.dropped / 10:.1f} s of sound were dropped: the service took it too slowly."
                )
            if not screen.lines:
                screen.note("No words were heard.")
    finally:
        feed.stop()


def may_have_microphone() -> bool:
    """Whether this Linux machine has a sound card, or was told of one."""
    return (
        bool(capture.devices())
        or "ALSA_CONFIG_PATH" in os.environ
        or Path("~/.asoundrc").expanduser().exists()
    )


def show_devices() -> None:
    """Prints the microphones; ends the program with status 1 where there is none."""
    found = capture.devices()
    if not found:
        stop(NO_MICROPHONE, FAILED)
    for each in found:
        print(f"{each.id}\t{each.name}")
