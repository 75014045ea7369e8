"""`python -m app demo-commentary`: publishes the video, shows the comments as they come, and scores them."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from app import settings as settings_module
from app.access.gate import authorization
from app.demo.commentary import report
from app.demo.commentary.follow import Following
from app.demo.commentary.score import Said, score
from app.demo.commentary.script import Planted, lay_out
from app.demo.commentary.video import RATE, video
from app.demo.lines import Event
from app.demo.publish import ingest_address, publish
from app.demo.services import Part, Services, ServicesError
from app.settings import Settings
from app.settings.rules import SettingsError
from app.terminal import INTERRUPTED, as_interrupt, stop

PART = Part(
    "commentary_address", ("run", "--no-setup", "web", "tts", "commentary"), beside=("dubber_address",)
)
STREAM = "demo-commentary"
FOUND_WITHIN = 20.0
SILENCE = 20.0
"""Seconds without a word after which a service is given up."""
POLL = 0.1


class DemoError(RuntimeError):
    """The demo can't go on; the message says why."""


def demo(
    quick: Annotated[bool, typer.Option("--quick", help="Half a minute instead of four.")] = False,
    output: Annotated[Path, typer.Option(help="Folder for the services' log.")] = Path("out"),
) -> None:
    """Publish a video in which it is known what happens, show what is said of it, and score that."""
    try:
        settings = settings_module.load()
    except SettingsError as error:
        stop(f"These settings can't be used:\n{error}\nSee .env.example for every variable.", 2)
    signal.signal(signal.SIGTERM, as_interrupt)
    planted = lay_out(1, 1, 5.0) if quick else lay_out(3, 6, 20.0)
    try:
        run(settings, planted, output)
    except KeyboardInterrupt:
        stop("Stopped.", INTERRUPTED)
    except (ServicesError, DemoError, httpx.HTTPError) as error:
        stop(f"The demo can't run: {error}\nTry `make setup`, then `python -m app doctor`.", 1)


def run(settings: Settings, planted: list[Planted], output: Path) -> None:
    """Runs the demo; ends the program with status 1 where too little was said, or too much."""
    console = Console(highlight=False)
    console.print(f"video: {planted[-1].until:.0f} s, being drawn unless it is there already")
    file = video(planted)
    sent: dict[int, float] = {}
    problems: list[str] = []

    def on_sent(event: Event) -> None:
        if event["type"] == "sent":
            sent[event["frame"]] = event["at"]
        elif event["type"] == "problem":
            problems.append(event["message"])

    with ExitStack() as stack:
        console.print("services: starting, or using those that run")
        services = stack.enter_context(Services(settings, output / "demo-commentary-services.log", {}, PART))
        console.print(f"services: {'started for this demo' if services.are_ours else 'already running'}")
        console.print(f"watch it meanwhile: http://{settings.local_host}:{settings.web_port}/commentary/")
        publisher = stack.enter_context(publish(ingest_address(settings, STREAM), file, on_sent, loops=1))
        client = stack.enter_context(asking(settings))
        following = stack.enter_context(
            Following(
                client,
                begin(client),
                lambda said: console.print(report.line(said, min(sent.values())), soft_wrap=True),
            )
        )
        if not following.watching.wait(FOUND_WITHIN):
            raise DemoError("commentary gets no picture of the stream; does it reach the media server?")
        if len(sent) > planted[0].until * RATE:
            raise DemoError("the stream was found too late; the machine is too busy")
        while publisher.running:
            if following.problem or problems:
                raise DemoError(following.problem or problems[0])
            time.sleep(POLL)
        if problems:
            raise DemoError(problems[0])
    finish(console, planted, sent, list(following.said.values()))


def asking(settings: Settings) -> httpx.Client:
    """A client of commentary's API."""
    base = f"{settings.commentary_address}/api"
    return httpx.Client(base_url=base, headers=authorization(settings), trust_env=False, timeout=SILENCE)


def begin(client: httpx.Client) -> str:
    """A session over the stream, once it is there. Raises DemoError."""
    wishes = {"source": {"kind": "stream", "name": f"live/{STREAM}"}}
    until = time.monotonic() + FOUND_WITHIN
    while time.monotonic() < until:
        if f"live/{STREAM}" in client.get("/sources").raise_for_status().json()["streams"]:
            answer = client.post("/sessions", json=wishes)
            if answer.status_code != 201:
                raise DemoError(answer.json().get("detail", answer.text))
            return str(answer.json()["id"])
        time.sleep(POLL)
    raise DemoError("the media server does not offer the stream")


def finish(console: Console, planted: list[Planted], sent: dict[int, float], said: list[Said]) -> None:
    """Shows the score; ends the program with status 1 where it is bad."""
    result = score([(each, sent[round(each.at * RATE)]) for each in planted], said)
    console.print(report.score_table(result))
    if not result.is_good:
        stop("Too few cuts were commented on, or still scenes too often.", 1)
