"""`python -m app demo-uploads`: uploads the interview, watches it become text, searches, exports, scores."""

from __future__ import annotations

import re
import time
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from app import settings as settings_module
from app.access.gate import authorization
from app.demo.services import Part, Services, ServicesError
from app.demo.uploads.interview import LINES, SOUGHT, VoicesMissing, speak
from app.settings import Settings
from app.settings.rules import SettingsError
from app.terminal import INTERRUPTED, stop

PART = Part("api_address", ("run", "--no-setup", "api", "transcriber"))
ENOUGH = 0.9
"""Share of the words that have to be heard."""
DONE_WITHIN = 300.0
POLL = 0.3
KINDS = ("txt", "srt", "vtt", "json", "docx")


class DemoError(RuntimeError):
    """The demo can't go on; the message says why."""


def demo(output: Annotated[Path, typer.Option(help="Folder for what is exported.")] = Path("out")) -> None:
    """Upload a made-up interview of two voices, and show what becomes of it."""
    console = Console(highlight=False)
    try:
        run(settings_module.load(), output, console)
    except SettingsError as error:
        stop(f"These settings can't be used:\n{error}\nSee .env.example for every variable.", 2)
    except KeyboardInterrupt:
        stop("Stopped.", INTERRUPTED)
    except (ServicesError, VoicesMissing, DemoError, httpx.HTTPError) as error:
        stop(f"The demo can't run: {error}\nTry `make setup`, then `python -m app doctor`.", 1)


def run(settings: Settings, output: Path, console: Console) -> None:
    """Runs the demo. Raises what `demo` tells."""
    file = output / "interview.wav"
    seconds = speak(file)
    console.print(f"interview: {seconds:.0f} s, two voices, {file}")
    with Services(settings, output / "demo-uploads-services.log", {}, PART) as services:
        console.print(f"services: {'started for this demo' if services.are_ours else 'already running'}")
        headers = authorization(settings)
        base = f"{settings.api_address}/api/v1"
        with httpx.Client(base_url=base, headers=headers, trust_env=False, timeout=60) as client:
            began = time.monotonic()
            new = upload(client, file)
            whole = watch(client, new, console)
            took = time.monotonic() - began
            console.print(f"text: {len(whole['segments'])} segments after {took:.1f} s")
            found = sum(look(client, words, new, console) for words in SOUGHT)
            export(client, new, output)
            console.print(f"exports: {', '.join(str(output / f'interview.{kind}') for kind in KINDS)}")
    share = heard([each["text"] for each in whole["segments"]])
    console.print(
        f"{share:.0%} of the words heard, {found} of {len(SOUGHT)} searches found it, "
        f"{seconds / took:.1f} times faster than it is spoken"
    )
    if share < ENOUGH or found < len(SOUGHT):
        stop("Too little was understood.", 1)


def upload(client: httpx.Client, file: Path) -> str:
    """Sends the file; the id of its transcript. Raises DemoError."""
    with file.open("rb") as sound:
        answer = client.post("/transcripts", files={"file": sound}, data={"title": "The lighthouse"})
    if answer.status_code != 201:
        raise DemoError(answer.json().get("detail", answer.text))
    return str(answer.json()["id"])


def watch(client: httpx.Client, transcript: str, console: Console) -> dict[str, Any]:
    """The transcript once it is done. Raises DemoError."""
    until = time.monotonic() + DONE_WITHIN
    columns = (TextColumn("text:"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task("", total=1.0)
        while time.monotonic() < until:
            whole: dict[str, Any] = client.get(f"/transcripts/{transcript}").json()
            bar.update(shown, completed=whole["progress"])
            if whole["state"] == "done":
                return whole
            if whole["state"] in ("failed", "cancelled"):
                raise DemoError(whole["problem"] or f"it is {whole['state']}")
            time.sleep(POLL)
    raise DemoError(f"it is not done after {DONE_WITHIN:g} s")


def look(client: httpx.Client, words: str, transcript: str, console: Console) -> bool:
    """Whether a search finds the transcript; shows the best place."""
    phrases = client.get("/search", params={"words": words}).json()["phrases"]
    mine = [each for each in phrases if each["transcript"] == transcript]
    if mine:
        marked = "".join(f"[{part}]" if at % 2 else part for at, part in enumerate(mine[0]["parts"]))
        console.print(f"search: {words!r} at {mine[0]['start']:.1f} s: {marked}", markup=False)
    return bool(mine)


def export(client: httpx.Client, transcript: str, output: Path) -> None:
    """Writes every format into the folder."""
    for kind in KINDS:
        answer = client.get(f"/transcripts/{transcript}/export", params={"kind": kind})
        (output / f"interview.{kind}").write_bytes(answer.raise_for_status().content)


def heard(texts: list[str]) -> float:
    """Share of the interview's words that stand in the text, in order."""
    said = plain(" ".join(text for _, text in LINES))
    matches = SequenceMatcher(None, said, plain(" ".join(texts)), autojunk=False).get_matching_blocks()
    return sum(match.size for match in matches) / len(said)


def plain(text: str) -> list[str]:
    """The words, without case and punctuation."""
    return re.findall(r"[a-z']+", text.lower())
