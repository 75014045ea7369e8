"""A worker process: one stream dubbed into one language, from the media server and back to it."""

from __future__ import annotations

from multiprocessing.connection import Connection

from app.dubbing.configs import WorkerConfig
from app.dubbing.messages import (
    Breaks,
    Bypass,
    Command,
    RecordPhrases,
    Reword,
    Signalled,
    SpeechAddresses,
    Spoken,
    TellApart,
)
from app.dubbing.states import State
from app.dubbing.worker.pipeline import Pipeline
from app.dubbing.worker.running import Running


class Worker(Running[Pipeline]):
    """Dubs, as it is told."""

    def __init__(self, config: WorkerConfig, pipe: Connection) -> None:
        super().__init__(config, pipe, Pipeline(config, self.tell))
        self.line.speech.tell_apart(config.speakers)

    def run(self) -> None:
        """Works until told to stop, or until the parent is gone."""
        self.line.speech.start()
        super().run()

    def works(self) -> bool:
        """Whether it can speak to the speech hosts."""
        return self.line.speech.alive

    def obey(self, command: Command) -> None:
        """Does what the operator wants of the dub."""
        match command:
            case Bypass(on):
                self.line.bypass(on)
            case Spoken(language):
                self.line.spoken = language
            case RecordPhrases(on):
                self.line.recorder.record(on)
            case Reword(profile):
                self.line.speech.reword(profile)
            case Signalled(signal):
                self.line.signalled(signal)
            case Breaks(original):
                self.line.leave_breaks(original)
            case TellApart(speakers):
                self.line.speech.tell_apart(speakers)
            case SpeechAddresses(addresses):
                self.line.speech.use(addresses)

    def state(self) -> State:
        """The heartbeat."""
        pipeline, puller, publisher = self.line, self.puller, self.publisher
        return State(
            phase=self.phase,
            bypassed=pipeline.bypassed,
            dubbing=self.phase == "running"
            and not pipeline.bypassed
            and not pipeline.speech.problem
            and not puller.problem,
            delay=pipeline.profile.delay,
            position=max(pipeline.playhead(), 0.0),
            tracks=puller.tracks,
            counts=pipeline.phrases.counts,
            lag=pipeline.phrases.lag.lag(),
            speech_address=pipeline.speech.address,
            speech_problem=pipeline.speech.problem,
            queue_seconds=pipeline.delay_line.seconds,
            queue_bytes=pipeline.delay_line.bytes,
            reconnects=puller.reconnects,
            note=publisher.problem or puller.problem or puller.note or pipeline.note,
            standing_by=publisher.standing_by,
            spoken=pipeline.heard,
            engines=pipeline.engines,
            speakers=pipeline.speech.speakers,
            voices=pipeline.speech.voices,
        )


def main(config: WorkerConfig, pipe: Connection) -> None:
    """Runs a worker in this process."""
    Worker(config, pipe).run()
