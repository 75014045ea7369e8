"""A worker that dubs nothing but keeps the pipe's contract; its language says how it behaves."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection

from app.dubbing.configs import WorkerConfig
from app.dubbing.messages import (
    Bypass,
    Caption,
    ChooseTracks,
    Drain,
    Phrase,
    Reword,
    SourceGone,
    SourceReady,
    Stop,
)
from app.dubbing.states import Counts, Lag, State, Track

EVERY = 0.05
PLAYS_OUT = 0.5
SILENT, STUBBORN, FAILING, MUTE, HUNGRY = "sil", "stu", "fai", "mut", "hun"
EATS = 400 << 20


def main(config: WorkerConfig, pipe: Connection) -> None:
    """Sends states until Stop, 0.5 s after Drain, or the end of the pipe; a phrase with each first state.

    sil: hangs after its first state; stu: ignores Stop; fai: ends with code 3; mut: never speaks;
    hun: takes 400 MB. Its caption's source is the address that it reads.
    """
    if config.language == FAILING:
        os._exit(3)
    while config.language == MUTE:
        time.sleep(3600)
    bypassed, position, until = False, 0.0, float("inf")
    pipe.send(state(bypassed, position))
    pipe.send(caption(text=config.wording.subject or config.source_url))
    pipe.send(phrase())
    while config.language == SILENT:
        time.sleep(3600)
    held: list[bytes] = []
    if config.language == HUNGRY:
        held.append(b"\1" * EATS)
    while time.monotonic() < until:
        try:
            if pipe.poll(EVERY):
                command = pipe.recv()
                if isinstance(command, Bypass):
                    bypassed = command.on
                if isinstance(command, SourceReady | ChooseTracks):
                    pipe.send(caption(text=command.source_url))
                if isinstance(command, SourceGone):
                    pipe.send(caption(text="gone"))
                if isinstance(command, Reword):
                    pipe.send(caption(text=command.profile.subject))
                if isinstance(command, Drain):
                    until = time.monotonic() + PLAYS_OUT
                if isinstance(command, Stop) and config.language != STUBBORN:
                    return
            position += EVERY
            pipe.send(state(bypassed, position))
        except (EOFError, OSError):
            return


PARTS = ("pul", "pub", "spe")


def real_without_a_part(config: WorkerConfig, pipe: Connection) -> None:
    """The real worker, in which one thread ends at once.

    pul: that which reads the source; pub: that which publishes; spe: that which speaks to the hosts.
    """
    from app.dubbing.worker import publisher, puller, worker
    from app.speech.client import sts_client

    def end(_: object) -> None:
        pass

    if config.language == "pul":
        puller.Puller.run = end  # type: ignore[method-assign,assignment]
    if config.language == "pub":
        publisher.Publisher.run = end  # type: ignore[method-assign,assignment]
    if config.language == "spe":
        sts_client.StsClient._run = end  # type: ignore[method-assign,assignment]
    worker.main(config, pipe)


def state(bypassed: bool = False, position: float = 0.0, problem: str = "") -> State:
    """A state as a healthy worker sends it; the note carries its process id."""
    return State(
        phase="running",
        bypassed=bypassed,
        dubbing=not problem,
        delay=2.8,
        position=position,
        tracks=(Track("video", "h264", "320x180 25 fps"), Track("audio", "aac", "48000 Hz stereo")),
        counts=Counts(in_time=3, late=1),
        lag=Lag(0.01, 0.02, 0.03, 0.0),
        speech_address="ws://127.0.0.1:5003",
        speech_problem=problem,
        queue_seconds=2.8,
        queue_bytes=1000,
        reconnects=1,
        note=str(os.getpid()),
    )


def caption(id: int = 0, shown_at: float | None = None, text: str = "good evening") -> Caption:
    """A caption that is shown now, or at that Unix time."""
    at = time.time() if shown_at is None else shown_at
    return Caption(id, 1.0, 2.5, at, at + 1.5, text, "buenas noches")


def phrase(id: int = 0) -> Phrase:
    """The record of a phrase that was dubbed in time."""
    at = time.time()
    return Phrase(
        id, 1.0, 2.5, at, at + 1.5, "good evening", "buenas noches", "in_time", "", 0.01, 1.1, {"waited": 0.1}
    )
