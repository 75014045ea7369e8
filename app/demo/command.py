"""`python -m app demo`: publishes the sample, shows phrases as they are dubbed, measures, records."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from app import settings as settings_module
from app.access.gate import authorization
from app.demo.follow import Document, Following
from app.demo.measure import Measurement
from app.demo.publish import ingest_address, publish
from app.demo.read import read, watch_address
from app.demo.report import (
    phrase_line,
    phrase_table,
    summarise,
    summary_rows,
    summary_table,
    verdict,
)
from app.demo.sample import NEWS, SampleError, sample_video
from app.demo.services import Services, ServicesError
from app.settings import Settings
from app.settings.rules import SettingsError
from app.terminal import INTERRUPTED, as_interrupt, stop

STREAM = "demo"
FIRST_PICTURE_WITHIN = 30.0
EVERY = 0.25


def demo(
    seconds: Annotated[float, typer.Option(min=10, help="How long to dub.")] = 60.0,
    output: Annotated[Path, typer.Option(help="Where the dubbed recording goes (MP4).")] = Path(
        "out/demo-dubbed.mp4"
    ),
    language: Annotated[
        str, typer.Option(help="Language to dub into; the first of TARGET_LANGUAGES without it.")
    ] = "",
    source: Annotated[
        str,
        typer.Option("--from", help=f"Language of the sample: {', '.join(NEWS)}. Others than en: into en."),
    ] = "en",
) -> None:
    """Dub a sample broadcast, show every phrase, and measure delay, lag and skew."""
    try:
        settings = settings_module.load()
    except SettingsError as error:
        stop(f"These settings can't be used:\n{error}\nSee .env.example for every variable.", 2)
    signal.signal(signal.SIGTERM, as_interrupt)
    try:
        if source not in NEWS:
            raise SampleError(f"there is no sample in {source!r}; there are: {', '.join(NEWS)}")
        into = settings.target_languages[0] if source == "en" else "en"
        run(settings, seconds, output, language or into, source)
    except (SampleError, ServicesError) as error:
        stop(f"The demo can't run: {error}\nTry `make setup`, then `python -m app doctor`.", 1)
    except KeyboardInterrupt:
        stop("Stopped.", INTERRUPTED)


def run(settings: Settings, seconds: float, output: Path, language: str, source: str) -> None:
    """Runs the demo; ends the program with status 1 where nothing was dubbed."""
    console = Console(stderr=False, highlight=False)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)
    video = sample_video(seconds + 10, lambda stage: console.print(f"sample: {stage}"), source)
    environment = {"TARGET_LANGUAGES": language} | ({"SOURCE_LANGUAGE": "auto"} if source != "en" else {})
    measurement = Measurement()
    phrases: list[Document] = []
    live: Live | None = None

    def on_phrase(phrase: Document) -> None:
        phrases.append(phrase)
        if live is None:
            console.print(phrase_line(phrase), markup=False, soft_wrap=True)

    with ExitStack() as stack:
        console.print("services: starting, or using those that run")
        services = stack.enter_context(Services(settings, output.with_name("demo-services.log"), environment))
        if source != "en" and not services.are_ours and settings.source_language not in ("auto", source):
            raise ServicesError(
                f"the services that run listen for {settings.source_language!r}; stop them, or start them "
                "with SOURCE_LANGUAGE=auto"
            )
        console.print(f"services: {'started for this demo' if services.are_ours else 'already running'}")
        console.print(f"watch it meanwhile: http://{settings.local_host}:{settings.web_port}")
        following = stack.enter_context(
            Following(settings.dubber_address, STREAM, language, on_phrase, authorization(settings))
        )
        stack.enter_context(publish(ingest_address(settings, STREAM), video, measurement.on_sent))
        reader = stack.enter_context(
            read(
                watch_address(settings, f"dub/{STREAM}/{language}"),
                measurement.on_received,
                wait=FIRST_PICTURE_WITHIN,
                record=output,
            )
        )
        if console.is_terminal:
            live = stack.enter_context(Live(console=console, refresh_per_second=4, transient=True))
        began = time.monotonic()
        while reader.running and (waited := time.monotonic() - began) < seconds + FIRST_PICTURE_WITHIN:
            if measurement.first_at is not None and time.monotonic() - measurement.first_at >= seconds:
                break
            if live is not None:
                live.update(phrase_table(phrases, title(measurement, waited)))
            time.sleep(EVERY)
        reader.stop()
    finish(console, measurement, phrases, output, following)


def finish(
    console: Console,
    measurement: Measurement,
    phrases: list[Document],
    output: Path,
    following: Following,
) -> None:
    """Shows the summary; ends the program with status 1 where nothing was dubbed."""
    summary, figures = summarise(phrases), measurement.figures()
    if console.is_terminal:
        for phrase in phrases:
            console.print(phrase_line(phrase), markup=False)
    recording = str(output) if output.exists() and output.stat().st_size else ""
    console.print(summary_table(summary_rows(summary, figures, recording)))
    problems = [following.dub.get("problem", ""), figures.problem, following.problem]
    reason = verdict(measurement.received, summary, problems)
    if reason:
        stop(reason, 1)


def title(measurement: Measurement, waited: float) -> str:
    """What stands above the table while the demo runs."""
    delay = measurement.latest_delay
    if measurement.first_at is None:
        return f"waiting for the dubbed stream, {waited:.0f} s"
    return f"dubbing, picture delay {delay:.2f} s" if delay is not None else "dubbing"
