"""All streams: which are published, which dubs each has, and what the operator wants of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Protocol

import structlog

from app.access.keys import shared_key
from app.dubbing import messages
from app.dubbing.configs import WorkerConfig
from app.dubbing.messages import (
    Breaks,
    Bypass,
    ChooseTracks,
    Command,
    Event,
    RecordPhrases,
    Reword,
    Signalled,
    SourceGone,
    SourceReady,
    SpeechAddresses,
    Spoken,
    TellApart,
)
from app.dubbing.service import addresses, paths, views
from app.dubbing.service.dub import Dub
from app.dubbing.service.events import Hub
from app.dubbing.service.profile import BadProfile, StreamProfile, read
from app.dubbing.service.recorded import Recorded, key
from app.dubbing.service.speech_pool import SpeechPool
from app.dubbing.service.watcher import Publisher
from app.dubbing.signals.kept import Recent, Signal
from app.dubbing.states import State
from app.service import hide_credentials
from app.settings import Settings

LINGER = 60.0
CLOSE_WITHIN = 6.0
MAX_DUBS = 16
MAX_WORKERS = 64

log = structlog.get_logger()


class Unknown(LookupError):
    """A stream or language that is not there. The message names what is."""


class Conflict(RuntimeError):
    """What was asked for can't be done in the present state; the message says why."""


class Runner(Protocol):
    """What keeps one worker running; see app.dubbing.service.keepers.Supervisor."""

    def start(self, after: asyncio.Task[None] | None = None) -> None: ...

    def send(self, command: Command) -> None: ...

    def stop(self, *, drain: bool = False) -> asyncio.Task[None] | None: ...


MakeRunner = Callable[[WorkerConfig, Callable[[Event], None], Callable[[str], None]], Runner]


class Stream:
    """A stream: its publisher, the one before where it is gone (`gone_at`, monotonic), and its dubs.

    `spoken` is the language that the operator chose, or what the settings say; `track_language` is what the
    stream itself tells of its sound, empty where it doesn't.
    """

    def __init__(self, publisher: Publisher, spoken: str, profile: StreamProfile) -> None:
        self.publisher = publisher
        self.spoken = spoken
        self.profile = profile
        self.gone_at: float | None = None
        self.recording = False
        self.track_language = ""
        self.signals = Recent()
        self.dubs: dict[str, Dub] = {}

    @property
    def there_since(self) -> float | None:
        """Since when its publisher is there (Unix time), None while it is gone."""
        return self.publisher.since if self.gone_at is None else None

    def view(self) -> views.Stream:
        """The document about this stream."""
        return views.Stream(
            name=self.publisher.name,
            ready=self.gone_at is None,
            since=self.publisher.since,
            source=views.Source(type=self.publisher.source_type, tracks=list(self.publisher.tracks)),
            spoken=views.Spoken(set=self.spoken, heard=self._heard()),
            recording=self.recording,
            dubs=[self.dubs[language].view() for language in sorted(self.dubs)],
        )

    @property
    def said(self) -> str:
        """The language that is spoken, as far as it is known; else empty."""
        return self._heard() if self.spoken == "auto" else self.spoken

    @property
    def source_language(self) -> str:
        """The language that dubs go by: what the stream itself tells, where it is to be found out."""
        return (self.track_language or self.spoken) if self.spoken == "auto" else self.spoken

    def _heard(self) -> str:
        if self.track_language:
            return self.track_language
        return next((dub.state.spoken for dub in self.dubs.values() if dub.state and dub.state.spoken), "")


class Streams:
    """The streams and their workers. Everything happens in the event loop; nothing here waits.

    A stream whose publisher goes away keeps its dubs for `linger` seconds, so that its readers stay,
    and is forgotten then, what the operator stopped or started included.
    """

    def __init__(
        self,
        settings: Settings,
        secret: str,
        make_runner: MakeRunner,
        hub: Hub,
        linger: float = LINGER,
        clock: Callable[[], float] = time.monotonic,
        recorded: Recorded | None = None,
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._make_runner = make_runner
        self._hub = hub
        self._linger = linger
        self._clock = clock
        self._recorded = recorded
        self._keeping: set[asyncio.Task[None]] = set()
        self._streams: dict[str, Stream] = {}
        self._runners: dict[tuple[str, str], Runner] = {}
        self._ending: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.speech = SpeechPool(settings.sts_found, self._tell_addresses)
        self.changed = asyncio.Event()

    def seen(self, publishers: Mapping[str, Publisher]) -> None:
        """Brings the streams in line with who publishes now."""
        for publisher in publishers.values():
            stream = self._streams.get(publisher.name)
            if stream is None:
                self._appear(publisher)
            elif stream.gone_at is not None or stream.publisher.since != publisher.since:
                self._come_back(stream, publisher)
            elif stream.publisher != publisher:
                stream.publisher = publisher
                self.changed.set()
        now = self._clock()
        for name, stream in list(self._streams.items()):
            if name in publishers:
                continue
            if stream.gone_at is None:
                stream.gone_at = now
                self._tell_dubs(stream, lambda _: SourceGone())
                self.changed.set()
                log.info("publisher gone, keeping the output", stream=name, seconds=self._linger)
            elif now - stream.gone_at >= self._linger:
                self._forget(name)

    def start(self, name: str, language: str) -> tuple[Dub, bool]:
        """Starts a dub where none runs; says whether it was started now. Raises Unknown, Conflict."""
        stream = self.stream(name)
        dub = stream.dubs.get(language)
        if dub is not None and not dub.stopped:
            return dub, False
        if len(self._runners) >= MAX_WORKERS:
            raise Conflict(f"{MAX_WORKERS} dubs run already; stop one first")
        if dub is None and len(stream.dubs) >= MAX_DUBS:
            raise Conflict(f"{name} has {MAX_DUBS} languages already; no more are kept for one stream")
        dub = dub or Dub(name, language, self._settings.dub_profile)
        dub.profile = stream.profile.delay or self._settings.dub_profile
        dub.begin(time.time())
        stream.dubs[language] = dub
        self._run(dub)
        return dub, True

    def stop(self, name: str, language: str) -> Dub:
        """Stops a dub until it is started again or the stream ends. Raises Unknown."""
        dub = self.dub(name, language)
        if not dub.stopped:
            self._end(name, language)
            dub.stop()
            self.changed.set()
            log.info("dub stopped", stream=name, language=language)
        return dub

    def bypass(self, name: str, language: str, on: bool) -> Dub:
        """Original sound only, or dubbing again. Raises Unknown, Conflict where the dub is stopped."""
        dub = self.dub(name, language)
        runner = self._runners.get((name, language))
        if runner is None:
            raise Conflict(f"the dub of {name} into {language} is stopped; start it first")
        runner.send(Bypass(on))
        return dub

    def speak(self, name: str, language: str) -> Stream:
        """What is spoken in the stream, for all its dubs, from their next phrase on. Raises Unknown."""
        stream = self.stream(name)
        stream.spoken = language
        self._tell_dubs(stream, lambda _: Spoken(stream.source_language))
        self.changed.set()
        log.info("spoken language set", stream=name, spoken=language)
        return stream

    def record(self, name: str, on: bool) -> Stream:
        """Keeps the sounds of the stream's phrases from the next one on, or no more. Raises Unknown."""
        stream = self.stream(name)
        stream.recording = on
        self._tell_dubs(stream, lambda _: RecordPhrases(on))
        self.changed.set()
        log.info("phrases are recorded" if on else "phrases are not recorded any more", stream=name)
        return stream

    def profile(self, name: str, profile: StreamProfile) -> StreamProfile:
        """The stream has this profile until it ends; its wording holds from the next phrase on.

        Languages that are new are started; another delay holds for dubs that are started after. Raises
        Unknown, and Conflict where a language can't be started.
        """
        stream = self.stream(name)
        before, stream.profile = stream.profile, profile
        if profile.tracks != before.tracks:
            url = self.source_url(stream)
            self._tell_dubs(stream, lambda _: ChooseTracks(profile.tracks, url))
        if profile.breaks != before.breaks:
            self._tell_dubs(stream, lambda _: Breaks(profile.breaks == "original"))
        self._tell_dubs(stream, lambda language: Reword(profile.wording(language)))
        self._tell_dubs(stream, lambda language: self._apart(stream, language))
        for language in profile.languages:
            if language not in stream.dubs:
                self.start(name, language)
        log.info("profile edited", stream=name)
        return profile

    def correct_speaker(self, name: str, language: str, speaker: int, wish: views.SpeakerRequest) -> Dub:
        """Whose phrases a speaker's are, or its voice, from the next phrase on. Raises Unknown, Conflict."""
        dub = self.dub(name, language)
        known = {each.number for each in dub.view().speakers}
        for number in (speaker, speaker if wish.same is None else wish.same):
            if number not in known:
                there = ", ".join(map(str, sorted(known))) or "none"
                raise Unknown(f"{name} has no speaker {number} in {language}; speakers: {there}")
        if wish.voice and (dub.state is None or wish.voice not in dub.state.voices):
            there = ", ".join(dub.state.voices if dub.state else ()) or "none"
            raise Conflict(f"speakers can't have the voice {wish.voice!r} here; voices: {there}")
        dub.correct(speaker, wish.same, wish.voice)
        if runner := self._runners.get((name, language)):
            runner.send(self._apart(self.stream(name), language))
        self.changed.set()
        return dub

    def _apart(self, stream: Stream, language: str) -> TellApart:
        dub = stream.dubs[language]
        return TellApart(dub.speakers(stream.profile.told_apart(language)))

    def _tell_dubs(self, stream: Stream, command: Callable[[str], Command]) -> None:
        """Sends each dub that runs its command, made for its language."""
        for language in stream.dubs:
            if runner := self._runners.get((stream.publisher.name, language)):
                runner.send(command(language))

    def signalled(self, name: str, signal: Signal) -> None:
        """The stream carries this beside its picture and sound."""
        stream = self._streams.get(name)
        if stream is not None:
            stream.signals.add(signal)
            self._tell_dubs(stream, lambda _: Signalled(signal))

    def track_language(self, name: str, language: str) -> None:
        """The stream tells that its sound is in that language; empty where it tells nothing."""
        stream = self._streams.get(name)
        if stream is None or stream.track_language == language:
            return
        stream.track_language = language
        if stream.spoken == "auto":
            self._tell_dubs(stream, lambda _: Spoken(stream.source_language))
        self.changed.set()

    def switch(self, name: str, language: str, other: str) -> Dub:
        """Starts the dub in the other language and stops this one. Raises Unknown, Conflict."""
        self.dub(name, language)
        dub, _ = self.start(name, other)
        if other != language:
            self.stop(name, language)
        return dub

    def stream(self, name: str) -> Stream:
        """The stream of that name. Raises Unknown, naming the streams there are."""
        try:
            return self._streams[name]
        except KeyError:
            there = ", ".join(sorted(self._streams)) or "none"
            raise Unknown(f"there is no stream {name!r}; streams: {there}") from None

    def dub(self, name: str, language: str) -> Dub:
        """The stream's dub in that language. Raises Unknown, naming the languages there are."""
        dubs = self.stream(name).dubs
        try:
            return dubs[language]
        except KeyError:
            there = ", ".join(sorted(dubs)) or "none"
            raise Unknown(f"{name} is not dubbed into {language!r}; languages: {there}") from None

    def all(self) -> list[Stream]:
        """All streams by name."""
        return [self._streams[name] for name in sorted(self._streams)]

    @property
    def workers(self) -> int:
        """How many dubs have a worker, or are about to."""
        return len(self._runners)

    def view(self) -> views.Streams:
        """The document about all streams."""
        return views.Streams(streams=[stream.view() for stream in self.all()])

    @property
    def carried(self) -> bool:
        """Whether every dub is out, by this dubber or by another that publishes it still."""
        return all(dub.carried for stream in self.all() for dub in stream.dubs.values())

    async def drain(self) -> None:
        """Plays out what the workers have taken in already, and ends them: a bounded time."""
        ends = [runner.stop(drain=True) for runner in self._runners.values()]
        if tasks := [task for task in ends if task is not None]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Stops all workers at once and waits until they are gone, for 6 s at most."""
        for name in list(self._streams):
            self._forget(name)
        if self._ending:
            await asyncio.wait(self._ending.values(), timeout=CLOSE_WITHIN)

    def _appear(self, publisher: Publisher) -> None:
        profile = self._read_profile(publisher.name)
        self._streams[publisher.name] = Stream(publisher, self._settings.source_language, profile)
        log.info("publisher appeared", stream=publisher.name, source=publisher.source_type)
        self.changed.set()
        for language in profile.languages or self._settings.target_languages:
            try:
                self.start(publisher.name, language)
            except Conflict as error:
                log.warning("not dubbed", stream=publisher.name, language=language, problem=str(error))

    def _read_profile(self, name: str) -> StreamProfile:
        try:
            return read(self._settings.profiles_dir, name)
        except BadProfile as error:
            log.error("the stream's profile is not used", stream=name, problem=str(error))
            return StreamProfile()

    def _come_back(self, stream: Stream, publisher: Publisher) -> None:
        stream.publisher, stream.gone_at = publisher, None
        log.info("publisher is back", stream=publisher.name)
        self.changed.set()
        for language in stream.dubs:
            runner = self._runners.get((publisher.name, language))
            if runner is not None:
                runner.send(SourceReady(self.source_url(stream)))

    def source_url(self, stream: Stream) -> str:
        """Where the stream is read, with credentials: never log it."""
        return addresses.source_url(self._settings, self._secret, stream.publisher, stream.profile.tracks)

    def _forget(self, name: str) -> None:
        stream = self._streams.pop(name)
        for language in stream.dubs:
            self._end(name, language)
        self.changed.set()
        log.info("stream ended", stream=name)

    def _run(self, dub: Dub) -> None:
        key = (dub.stream, dub.language)

        def told(event: Event) -> None:
            if self._runners.get(key) is runner:
                self._told(dub, event)

        def restarting(reason: str) -> None:
            if self._runners.get(key) is runner:
                dub.run_died(hide_credentials(reason))
                # Who is known by now is known to the next worker too.
                runner.send(self._apart(self._streams[dub.stream], dub.language))
                self.changed.set()

        runner = self._make_runner(self._config(dub), told, restarting)
        self._runners[key] = runner
        runner.start(after=self._ending.get(key))
        stream = self._streams[dub.stream]
        if stream.gone_at is not None:
            runner.send(SourceGone())
        for signal in stream.signals:
            runner.send(Signalled(signal))
        self.changed.set()

    def _end(self, name: str, language: str) -> None:
        key = (name, language)
        runner = self._runners.pop(key, None)
        self.speech.leave(key)
        task = runner.stop() if runner is not None else None
        if task is None:
            return
        self._ending[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))

    def _tell_addresses(self, key: Hashable, found: tuple[str, ...]) -> None:
        for each, runner in self._runners.items():
            if each == key:
                runner.send(SpeechAddresses(found))

    def _ended(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        if self._ending.get(key) is task:
            del self._ending[key]

    def _told(self, dub: Dub, event: Event) -> None:
        if isinstance(event, State):
            if dub.hear(event):
                self.changed.set()
        elif isinstance(event, messages.Phrase):
            record = dub.record(event)
            if event.sounds is None or self._recorded is None:
                self._hub.tell("phrase", record, dub.stream, dub.language)
                return
            task = asyncio.create_task(self._keep(self._recorded, record, event.sounds))
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)
        elif isinstance(event, messages.Caption):
            self._hub.tell("caption", dub.caption(event), dub.stream, dub.language)

    async def _keep(self, recorded: Recorded, record: views.Phrase, sounds: messages.Sounds) -> None:
        """Tells of the phrase once its sounds can be asked for."""
        name = key(record)
        if await recorded.keep(record.model_copy(update={"recorded": name}), sounds):
            record.recorded = name
        self._hub.tell("phrase", record, record.stream, record.language)

    def _config(self, dub: Dub) -> WorkerConfig:
        settings, secret = self._settings, self._secret
        path = paths.dub_path(dub.stream, dub.language)
        return WorkerConfig(
            stream=dub.stream,
            language=dub.language,
            source_url=self.source_url(self._streams[dub.stream]),
            publish_url=addresses.publish_url(settings, secret, path),
            look_at=addresses.look_at(settings, secret, path),
            sts_addresses=self.speech.join((dub.stream, dub.language)),
            sts_key=shared_key(settings),
            source_language=self._streams[dub.stream].source_language,
            voice=settings.dub_voice,
            profile=dub.profile,
            reconnect_delay=settings.reconnect_delay,
            max_reconnect_delay=settings.max_reconnect_delay,
            record=self._streams[dub.stream].recording,
            log_level=settings.log_level,
            log_format=settings.log_format,
            wording=self._streams[dub.stream].profile.wording(dub.language),
            loudness=settings.loudness_lufs,
            captions_608=settings.captions_608,
            chosen=self._streams[dub.stream].profile.tracks,
            breaks_original=self._streams[dub.stream].profile.breaks == "original",
            speakers=self._apart(self._streams[dub.stream], dub.language).speakers,
        )
