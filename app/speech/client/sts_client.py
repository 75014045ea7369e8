"""A worker's way to the speech hosts: sound and phrases out, dubs back, from the best host there is."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from app.lasting import lasting
from app.speech.client.sts_host import Host
from app.speech.protocol import Config, Dub, Failure, KnownSpeaker, PhraseMark, Profile, Speakers, pack_sound

RETURN_AFTER = 3.0
RETURN_AT_LATEST = 6.0
REST_AFTER_SILENCE = 4.0
REST_AFTER_FAILURES = 10.0
MOST_MISSED = 3
LEAD_IN = 1.0
CHECK_INTERVAL = 0.05

log = structlog.get_logger()


@dataclass(frozen=True)
class Answer:
    """What became of a phrase: its dub with int16 PCM, or the problem as a code and in words.

    `seconds` is the time from the question to the answer, `language` what was spoken, where that is known.
    """

    id: int
    dub: Dub | None
    pcm: bytes
    code: str
    problem: str
    seconds: float
    language: str = ""


@dataclass
class _Asked:
    mark: PhraseMark
    at: float
    until: float


class StsClient:
    """Sends everything to one host at a time, the first usable of the addresses.

    Fails over at once when the host goes away or lets a phrase's deadline pass, with the phrases that
    still wait and the sound before them; goes back to a better one when that has been ready for 3 s
    and nothing waits, or for 6 s. Told three times that a host has no time, it tries each other one, and
    stays where all are full: it tries again after a minute, then more and more seldom. A host that says
    nothing at all while three phrases in a row go without a dub is disconnected even where there is no
    other. Methods may be called from any thread; `on_answer` is called in the client's. Every phrase asked
    for is answered exactly once.

    The addresses may change while it works. A host in use that is no longer among them is used until another
    one can be, and left as for a better one.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        config: Config,
        kept_seconds: float,
        on_answer: Callable[[Answer], None],
        key: str = "",
    ) -> None:
        self._config = config
        self._on_answer = on_answer
        self._kept = round(kept_seconds * config.sample_rate)
        self._recent: deque[tuple[int, bytes]] = deque()
        self._asked: dict[int, _Asked] = {}
        self._missed: list[_Asked] = []
        self._speakers = Speakers(on=False)
        self._known: dict[int, KnownSpeaker] = {}
        self._key = key
        self._wanted = frozenset(addresses)
        self._hosts = [self._host(address) for address in addresses]
        self._tasks: dict[Host, asyncio.Task[None]] = {}
        self._active: Host | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._run,), name="sts", daemon=True
        )

    def start(self) -> None:
        """Starts connecting."""
        self._thread.start()

    def close(self) -> None:
        """Disconnects; phrases that wait get no answer any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2.0)

    def send_sound(self, position: int, pcm: bytes) -> None:
        """Sends int16 mono PCM that starts at sample `position`."""
        self._loop.call_soon_threadsafe(self._take_sound, position, pcm)

    def ask(self, mark: PhraseMark) -> None:
        """Asks for the dub of a phrase whose sound has been sent."""
        self._loop.call_soon_threadsafe(self._take_mark, mark)

    def reword(self, profile: Profile) -> None:
        """The profile holds from the next phrase on."""
        self._loop.call_soon_threadsafe(self._take_profile, profile)

    def use(self, addresses: Sequence[str]) -> None:
        """The speech hosts from now on, best first."""
        self._loop.call_soon_threadsafe(self._take_addresses, tuple(addresses))

    def tell_apart(self, speakers: Speakers) -> None:
        """Speakers are told apart like this from the next phrase on, whichever host dubs it."""
        self._loop.call_soon_threadsafe(self._take_speakers, speakers)

    @property
    def speakers(self) -> tuple[KnownSpeaker, ...]:
        """The speakers that the hosts have told of, by number."""
        return tuple(each for _, each in sorted(self._known.copy().items()))

    @property
    def voices(self) -> tuple[str, ...]:
        """Voices that speakers can be given by the host in use."""
        active = self._active
        return active.voices if active else ()

    @property
    def address(self) -> str:
        """The host in use, or an empty string."""
        active = self._active
        return active.address if active else ""

    @property
    def problem(self) -> str:
        """Why there is no host to use, or why the one in use may not dub, or an empty string."""
        active = self._active
        if active is not None:
            return f"{active.address}: {active.doubt}" if active.doubt else ""
        return "; ".join(f"{host.address}: {host.problem}" for host in self._hosts)

    @property
    def alive(self) -> bool:
        """Whether its thread runs: without it no phrase is answered any more."""
        return self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        for host in self._hosts:
            self._keep(host)
        watch = self._loop.create_task(lasting("the watch over phrases", self._watch))
        try:
            self._loop.run_forever()
        finally:
            # Those of hosts that have just been left, too.
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(watch, *tasks, return_exceptions=True))
            self._loop.close()

    def _host(self, address: str) -> Host:
        return Host(address, self._config, self._answered, lambda _: self._choose(), self._key)

    def _keep(self, host: Host) -> None:
        self._tasks[host] = self._loop.create_task(lasting(host.address, host.run))

    def _take_profile(self, profile: Profile) -> None:
        self._config = self._config.model_copy(update={"profile": profile})
        for host in self._hosts:
            host.reword(profile)

    def _take_addresses(self, addresses: Sequence[str]) -> None:
        known = {host.address: host for host in self._hosts}
        wanted = [known.get(address) or self._host(address) for address in addresses]
        left = [host for host in self._hosts if host not in wanted]
        self._wanted = frozenset(addresses)
        self._hosts = [*wanted, *left]
        for host in wanted:
            if host not in self._tasks:
                self._keep(host)
        self._leave_unwanted()
        self._choose()

    def _leave_unwanted(self) -> None:
        for host in self._hosts:
            if host.address not in self._wanted and host is not self._active:
                self._tasks.pop(host).cancel()
        self._hosts = [host for host in self._hosts if host in self._tasks]

    def _take_sound(self, position: int, pcm: bytes) -> None:
        self._recent.append((position, pcm))
        while self._recent[0][0] < position - self._kept:
            self._recent.popleft()
        if self._active is not None:
            self._active.send(pack_sound(position, pcm))

    def _take_mark(self, mark: PhraseMark) -> None:
        now = time.monotonic()
        if self._active is None:
            self._finish(mark.id, _Asked(mark, now, now), None, b"", "no_host", self.problem)
            return
        self._asked[mark.id] = _Asked(mark, now, now + mark.deadline)
        self._active.send(mark.model_dump_json())

    def _take_speakers(self, speakers: Speakers) -> None:
        self._known |= {each.number: each for each in speakers.known}
        self._speakers = speakers.model_copy(update={"known": ()})
        if self._active is not None and self._active.apart:
            self._active.send(self._speakers.model_dump_json())

    def _answered(self, host: Host, answer: Dub | Failure, pcm: bytes) -> None:
        asked = self._asked.pop(answer.id, None)
        if asked is None or host is not self._active:
            if asked is not None:
                self._asked[answer.id] = asked
            return
        if isinstance(answer, Dub):
            if answer.speaker is not None:
                self._known[answer.speaker.number] = answer.speaker
            self._finish(answer.id, asked, answer, pcm, "", "", answer.language)
        else:
            self._finish(answer.id, asked, None, b"", answer.code, answer.message, answer.language)
        if isinstance(answer, Dub) or answer.code in ("no_speech", "same_language"):
            self._missed.clear()
            host.answered_well()
        else:
            self._miss(host, [asked], answer.message, REST_AFTER_FAILURES, full=answer.code == "overloaded")

    def _miss(
        self, host: Host, asked: list[_Asked], problem: str, rest: float, *, full: bool = False
    ) -> None:
        """Phrases have gone without a dub by the fault of the host in use, or because it is full."""
        self._missed = [*self._missed, *asked][-MOST_MISSED:]
        if len(self._missed) < MOST_MISSED:
            return
        host.doubt = f"{MOST_MISSED} phrases in a row without a dub: {problem}"
        if full:
            host.refused()
            self._choose()
        elif self._spare() is not None or host.heard_at < self._missed[0].at:
            host.rest(host.doubt, rest)
            self._choose()

    def _finish(
        self,
        phrase: int,
        asked: _Asked,
        dub: Dub | None,
        pcm: bytes,
        code: str,
        problem: str,
        language: str = "",
    ) -> None:
        answer = Answer(phrase, dub, pcm, code, problem, time.monotonic() - asked.at, language)
        try:
            self._on_answer(answer)
        except Exception:
            # What becomes of one phrase must not take the host from those that follow.
            log.exception("an answer could not be used", phrase=phrase)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            now = time.monotonic()
            overdue = [key for key, asked in self._asked.items() if asked.until <= now]
            missed = [self._asked.pop(key) for key in overdue]
            for key, asked in zip(overdue, missed, strict=True):
                self._finish(key, asked, None, b"", "no_answer", "no answer in time")
            active = self._active
            if missed and active is not None:
                self._miss(active, missed, "no answer in time", REST_AFTER_SILENCE)
                if active is self._active and self._spare() is not None:
                    active.rest("it let a phrase wait too long", REST_AFTER_SILENCE)
            self._choose()

    def _spare(self) -> Host | None:
        others = (host for host in self._hosts if host is not self._active)
        return next((host for host in others if host.usable and not host.full), None)

    def _best(self) -> Host | None:
        """The first that can be used; of those that are full the one in use, whose line is as good as any."""
        usable = [host for host in self._hosts if host.usable]
        full = self._active if self._active in usable else next(iter(usable), None)
        return next((host for host in usable if not host.full), full)

    def _choose(self) -> None:
        """Picks the host to use, and brings it up to date where it is another one."""
        best, active = self._best(), self._active
        if best is active:
            return
        if active is not None and active.usable and best is not None:
            ready_for = time.monotonic() - (best.ready_since or 0.0)
            if not active.full and ready_for < (RETURN_AT_LATEST if self._asked else RETURN_AFTER):
                return
            active.anew()
        self._active = best
        self._missed.clear()
        self._leave_unwanted()
        if best is None:
            for key in list(self._asked):
                self._finish(key, self._asked.pop(key), None, b"", "no_host", self.problem)
            return
        if active is not None:
            log.warning("changed to another speech host", address=best.address)
        self._catch_up(best)

    def _catch_up(self, host: Host) -> None:
        lead_in = round(LEAD_IN * self._config.sample_rate)
        newest = self._recent[-1][0] if self._recent else 0
        first = min([asked.mark.start for asked in self._asked.values()], default=newest) - lead_in
        if host.apart and self._speakers.on:
            host.send(self._speakers.model_copy(update={"known": self.speakers}).model_dump_json())
        for position, pcm in self._recent:
            if position >= first:
                host.send(pack_sound(position, pcm))
        now = time.monotonic()
        for asked in self._asked.values():
            left = max(asked.until - now, 0.01)
            host.send(asked.mark.model_copy(update={"deadline": left}).model_dump_json())
