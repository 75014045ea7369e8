"""One stream in one language as the dubber knows it: what its worker told, over all its runs."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, replace

from app.dubbing import messages
from app.dubbing.service import paths, views
from app.dubbing.states import Counts, Lag, State
from app.service import hide_credentials
from app.speech.protocol import KnownSpeaker, Speakers

LOG = 2000
NO_STATE = State(
    phase="connecting",
    bypassed=False,
    dubbing=False,
    delay=0.0,
    position=0.0,
    tracks=(),
    counts=Counts(),
    lag=Lag(),
    speech_address="",
    speech_problem="",
    queue_seconds=0.0,
    queue_bytes=0,
    reconnects=0,
)


def status(stopped: bool, state: State | None, died: bool) -> views.Status:
    """What people are told. Dubbing is claimed only where the worker says so and nothing is wrong."""
    if stopped:
        return "stopped"
    if state is None:
        return "restarting" if died else "starting"
    if state.phase == "connecting":
        return "starting"
    if state.phase != "running":
        return state.phase
    if state.bypassed:
        return "bypassed"
    return "dubbing" if state.dubbing and not state.speech_problem else "original"


def added(one: Counts, other: Counts) -> Counts:
    """The sum of two counts."""
    return Counts(
        in_time=one.in_time + other.in_time,
        late=one.late + other.late,
        dropped=one.dropped + other.dropped,
        passed_through=one.passed_through + other.passed_through,
        wordless=one.wordless + other.wordless,
    )


def seen_at_once(state: State) -> tuple[object, ...]:
    """What of a heartbeat people should see when it changes, not at the next turn."""
    speakers = [(each.number, each.voice) for each in state.speakers]
    return (state.tracks, state.spoken, state.engines, speakers)


class Dub:
    """The record of a dub. A worker that starts again counts from nothing; the sums here go on."""

    def __init__(self, stream: str, language: str, profile: str) -> None:
        self.stream = stream
        self.language = language
        self.profile = profile
        self.since = 0.0
        self.stopped = False
        self.restarts = 0
        self.problem = ""
        self.state: State | None = None
        self.phrases: deque[views.Phrase] = deque(maxlen=LOG)
        self.same: dict[int, int] = {}
        self.voices: dict[int, str] = {}
        self._known: dict[int, KnownSpeaker] = {}
        self._captions: dict[int, views.Caption] = {}
        self._past_counts = Counts()
        self._past_reconnects = 0
        self._first_id = self._next_id = 0
        self._died = False

    @property
    def status(self) -> views.Status:
        """See `status`."""
        return status(self.stopped, self.state, self._died)

    @property
    def counts(self) -> Counts:
        """Phrases by outcome, over all runs of the worker."""
        return added(self._past_counts, (self.state or NO_STATE).counts)

    @property
    def reconnects(self) -> int:
        """Reconnects to the source, over all runs of the worker."""
        return self._past_reconnects + (self.state or NO_STATE).reconnects

    @property
    def captions(self) -> list[views.Caption]:
        """The captions of the worker's present run, whose timeline is the output's, oldest first."""
        return list(self._captions.values())

    @property
    def carried(self) -> bool:
        """Whether the output is there, or may stay away because the operator or another wants it so."""
        state = self.state
        return self.stopped or (state is not None and (state.phase == "running" or state.standing_by))

    def hear(self, state: State) -> bool:
        """Takes a heartbeat in; says whether anything changed that people should see at once."""
        self._known |= {each.number: each for each in state.speakers}
        before = (self.status, self.problem, self.state and seen_at_once(self.state))
        self.state = state
        self.problem = state.speech_problem
        return before != (self.status, self.problem, seen_at_once(state))

    def record(self, phrase: messages.Phrase) -> views.Phrase:
        """Keeps a phrase, the newest 2000 of them."""
        told = asdict(replace(phrase, sounds=None))
        record = views.Phrase(stream=self.stream, language=self.language, **told)
        record.id = self._number(phrase.id)
        self.phrases.append(record)
        return record

    def caption(self, caption: messages.Caption) -> views.Caption:
        """Keeps a caption; a later one of the same phrase takes its place."""
        record = views.Caption(stream=self.stream, language=self.language, **asdict(caption))
        record.id = self._number(caption.id)
        self._captions[record.id] = record
        if len(self._captions) > LOG:
            del self._captions[next(iter(self._captions))]
        return record

    def speakers(self, told: Speakers) -> Speakers:
        """How speakers are told apart by the profile, by what the operator corrected, and who is known."""
        known = tuple(each for _, each in sorted(self._known.items()))
        return told.model_copy(
            update={"known": known, "same": self.same, "voices": {**told.voices, **self.voices}}
        )

    def correct(self, speaker: int, same: int | None, voice: str | None) -> None:
        """The speaker's phrases are another's (or its own again); it has another voice (empty: any)."""
        if same is not None:
            self.same.pop(speaker, None)
            if same != speaker:
                self.same[speaker] = same
                # Whose phrases these are must not be theirs in turn.
                self.same.pop(same, None)
        if voice is not None:
            self.voices.pop(speaker, None)
            if voice:
                self.voices[speaker] = voice

    def begin(self, since: float) -> None:
        """A worker is about to be started for it, at this Unix time."""
        self.since, self.stopped, self._died = since, False, False

    def stop(self) -> None:
        """The operator stopped it."""
        self._end_run("")
        self.stopped = True

    def run_died(self, problem: str) -> None:
        """The worker is gone and will be started again."""
        self._end_run(problem)
        self.restarts += 1
        self._died = True

    def _end_run(self, problem: str) -> None:
        """What the worker counted is kept; the timeline of its output is over."""
        self._past_counts = self.counts
        self._past_reconnects = self.reconnects
        self._first_id = self._next_id
        self._captions.clear()
        self.state = None
        self.problem = problem

    def view(self) -> views.Dub:
        """The document about this dub."""
        state = self.state or NO_STATE
        counts = self.counts
        return views.Dub(
            stream=self.stream,
            language=self.language,
            path=paths.dub_path(self.stream, self.language),
            status=self.status,
            profile=self.profile,
            delay=state.delay,
            position=state.position,
            tracks=[views.Track(**asdict(track)) for track in state.tracks],
            lag=views.Lag(**asdict(state.lag)),
            counts=views.Counts(phrases=counts.phrases, **asdict(counts)),
            reconnects=self.reconnects,
            restarts=self.restarts,
            since=self.since,
            speech=views.Speech(
                address=hide_credentials(state.speech_address),
                problem=hide_credentials(state.speech_problem),
                engines=list(state.engines),
            ),
            speakers=[
                views.Speaker(
                    number=each.number,
                    voice=each.voice,
                    pitch=each.pitch,
                    same=self.same.get(each.number, each.number),
                )
                for _, each in sorted(self._known.items())
            ],
            voices=list(state.voices),
            queue=views.Queue(seconds=state.queue_seconds, bytes=state.queue_bytes),
            note=hide_credentials(state.note),
            problem=hide_credentials(self.problem),
        )

    def _number(self, id: int) -> int:
        number = self._first_id + id
        self._next_id = max(self._next_id, number + 1)
        return number
