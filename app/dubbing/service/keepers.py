"""What keeps a dub, or what joins or describes a stream, running: it remembers what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from app.dubbing.configs import Config, DescribeConfig, JoinConfig, WorkerConfig
from app.dubbing.messages import (
    Breaks,
    Bypass,
    ChooseTracks,
    Command,
    Dubbed,
    Event,
    RecordPhrases,
    Reword,
    Said,
    SentencePart,
    Signalled,
    SourceGone,
    SourceReady,
    SpeechAddresses,
    Spoken,
    TellApart,
)
from app.dubbing.service.launching import Launcher
from app.dubbing.service.process import Process
from app.dubbing.service.workers import PATIENCE, Keeper, Patience
from app.dubbing.signals.kept import Recent

TRIES, TRY_AGAIN = 50, 0.02


Reading = TypeVar("Reading", WorkerConfig, JoinConfig, DescribeConfig)


class SignalKeeper(Keeper[Config]):
    """Keeps a process that makes something of a stream's signals, and remembers them."""

    def __init__(
        self,
        config: Config,
        launch: Callable[[Config], Awaitable[Process]],
        told: Callable[[Event], None],
        restarting: Callable[[str], None],
        patience: Patience = PATIENCE,
    ) -> None:
        super().__init__(config, launch, told, restarting, patience)
        self._signals = Recent()

    def _remember(self, command: object) -> None:
        if isinstance(command, Signalled):
            self._signals.add(command.signal)

    def _tell_signals(self, process: Process) -> None:
        for each in self._signals:
            process.send(Signalled(each))


class SourceKeeper(SignalKeeper[Reading]):
    """Keeps a process that reads a stream's source, and remembers what it was told of that."""

    _gone = False

    def _remember(self, command: object) -> None:
        super()._remember(command)
        match command:
            case SourceReady(url):
                self._config = replace(self._config, source_url=url)
                self._gone = False
            case SourceGone():
                self._gone = True
            case ChooseTracks(chosen, url):
                self._config = replace(self._config, chosen=chosen, source_url=url)

    def _tell_source(self, process: Process, started_with: Reading) -> None:
        if self._config != started_with:
            process.send(ChooseTracks(self._config.chosen, self._config.source_url))
        if self._gone:
            process.send(SourceGone())


class Supervisor(SourceKeeper[WorkerConfig]):
    """Keeps one stream's dub running in a worker process, and remembers what the operator told it."""

    def __init__(
        self,
        config: WorkerConfig,
        launcher: Launcher,
        told: Callable[[Event], None],
        restarting: Callable[[str], None],
        patience: Patience = PATIENCE,
    ) -> None:
        super().__init__(
            config, launcher.worker, told, lambda reason: restarting(f"worker {reason}"), patience
        )
        self._bypassed = False

    def send(self, command: Command) -> None:
        """Tells the worker; what is to last is remembered for the runs to come."""
        self._remember(command)
        if isinstance(command, Bypass):
            self._bypassed = command.on
        if isinstance(command, Spoken):
            self._config = replace(self._config, source_language=command.language)
        if isinstance(command, RecordPhrases):
            self._config = replace(self._config, record=command.on)
        if isinstance(command, Reword):
            self._config = replace(self._config, wording=command.profile)
        if isinstance(command, Breaks):
            self._config = replace(self._config, breaks_original=command.original)
        if isinstance(command, TellApart):
            self._config = replace(self._config, speakers=command.speakers)
        if isinstance(command, SpeechAddresses):
            self._config = replace(self._config, sts_addresses=command.addresses)
        if self._process is not None:
            self._process.send(command)

    def _tell_again(self, process: Process, started_with: WorkerConfig) -> None:
        if self._bypassed:
            process.send(Bypass(True))
        if self._config != started_with:
            process.send(Spoken(self._config.source_language))
            process.send(RecordPhrases(self._config.record))
            process.send(Reword(self._config.wording))
            process.send(Breaks(self._config.breaks_original))
            process.send(TellApart(self._config.speakers))
            process.send(SpeechAddresses(self._config.sts_addresses))
        self._tell_source(process, started_with)
        self._tell_signals(process)


class JoinKeeper(SourceKeeper[JoinConfig]):
    """Keeps the process that joins a stream with its dubs, and remembers what it was told."""

    _dubbed = Dubbed(())

    def send(
        self, command: SourceReady | SourceGone | ChooseTracks | Spoken | Dubbed | Said | Signalled
    ) -> None:
        """Tells the process; what is to last is remembered for the runs to come."""
        self._remember(command)
        match command:
            case Spoken(language):
                self._config = replace(self._config, spoken=language)
            case Dubbed():
                self._dubbed = command
        if self._process is not None:
            self._process.send(command)

    def _tell_again(self, process: Process, started_with: JoinConfig) -> None:
        self._tell_source(process, started_with)
        if self._config != started_with:
            process.send(Spoken(self._config.spoken))
        process.send(self._dubbed)
        self._tell_signals(process)


class DescribeKeeper(SourceKeeper[DescribeConfig]):
    """Keeps the process that publishes a stream with descriptions."""

    def send(self, command: SourceReady | SourceGone | ChooseTracks) -> None:
        """Tells the process, and those that come after it."""
        self._remember(command)
        if self._process is not None:
            self._process.send(command)

    async def say(self, parts: Sequence[SentencePart]) -> bool:
        """Sends a sentence; False where the process did not take it in: it is forgotten then."""
        for part in parts:
            # The pipe holds a few parts: a process that is at work takes them out.
            for _ in range(TRIES):
                if self._process is None:
                    return False
                if self._process.send(part):
                    break
                await asyncio.sleep(TRY_AGAIN)
            else:
                return False
        return True

    def _tell_again(self, process: Process, started_with: DescribeConfig) -> None:
        self._tell_source(process, started_with)
