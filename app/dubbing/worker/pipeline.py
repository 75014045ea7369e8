"""What a dubbing worker's two ends share: the delayed stream, phrases and the way to the speech hosts."""

from __future__ import annotations

from collections.abc import Callable

from app.dubbing.configs import WorkerConfig
from app.dubbing.messages import Caption, Phrase
from app.dubbing.signals.kept import Signal
from app.dubbing.worker.delayed import Delayed, Samples
from app.dubbing.worker.lengths import Lengths
from app.dubbing.worker.phrases import Phrases
from app.dubbing.worker.profiles import PROFILES
from app.dubbing.worker.recorder import Recorder
from app.dubbing.worker.source import Source, VideoPacket
from app.dubbing.worker.subtitles import Subtitles
from app.dubbing.worker.untouched import Untouched
from app.speech.client.listener import Listener
from app.speech.client.sts_client import Answer, StsClient
from app.speech.cutter import Cut, Rules
from app.speech.protocol import Config


class Pipeline(Delayed):
    """A stream that is played a fixed time later, so that dubs can be mixed over it in time."""

    def __init__(self, config: WorkerConfig, tell: Callable[[Caption | Phrase], None]) -> None:
        self.profile = PROFILES[config.profile]
        super().__init__(self.profile.delay, loudness=config.loudness)
        self.subtitles = Subtitles() if config.captions_608 else None
        self.recorder = Recorder(tell, self.profile.longest_phrase, config.record)
        self.phrases = Phrases(
            self.profile, self.mixer, self.lock, self.playhead, self._tell, self.recorder.placed
        )
        self.speech = StsClient(
            config.sts_addresses,
            Config(
                source=config.source_language,
                target=config.language,
                voice=config.voice,
                profile=config.wording,
            ),
            kept_seconds=self.profile.longest_phrase + 2.0,
            on_answer=self._answered,
            key=config.sts_key,
        )
        self.bypassed = False
        self._untouched = Untouched(config.breaks_original)
        self._in_break = False
        self.spoken = ""
        self.heard = ""
        self.engines: tuple[str, ...] = ()
        self.note = ""
        self._lengths = Lengths(self.profile)
        self._listener = Listener(
            Rules(longest=self.profile.longest_phrase, window=self.profile.cut_window),
            self._send_sound,
            self._ask,
        )

    def hear(self, position: int, samples: Samples) -> None:
        """What is said is cut into phrases, unless the original is wanted."""
        before, self._in_break = self._in_break, self._untouched.covers(position)
        if self._in_break:
            if not before:
                self._listener.pause()
        elif not self.bypassed:
            self._listener.hear(position, samples)

    def source_opened(self, source: Source) -> None:
        """Takes note of what the source is made of."""
        super().source_opened(source)
        self._untouched.source_opened(source)

    def see(self, item: VideoPacket, placed: float) -> None:
        """Its place tells where signals belong."""
        self._untouched.see(item, placed)

    def signalled(self, signal: Signal) -> None:
        """The stream carries this beside its picture and sound."""
        with self.lock:
            self._untouched.take(signal)
            self.mixer.untouched = self._untouched.spans

    def leave_breaks(self, on: bool) -> None:
        """Whether the original is heard where splices leave the programme."""
        with self.lock:
            self._untouched.turn(on)
            self.mixer.untouched = self._untouched.spans

    def pause(self) -> None:
        """What has been said is dubbed, what comes next stands alone."""
        self._listener.pause()

    def bypass(self, on: bool) -> None:
        """Original sound only, or dubbing again; takes effect at once."""
        self.bypassed = on
        if on:
            self.phrases.forget()
            if self.subtitles is not None:
                with self.lock:
                    self.subtitles.clear()

    def _tell(self, event: Caption | Phrase) -> None:
        if self.subtitles is not None and isinstance(event, Caption):
            with self.lock:
                self.subtitles.add(event.start, event.end, event.target)
        self.recorder.tell(event)

    def _send_sound(self, position: int, pcm: bytes) -> None:
        self.recorder.hear(position, pcm)
        self.speech.send_sound(position, pcm)

    def _ask(self, cut: Cut) -> None:
        if not self.bypassed:
            mark = self.phrases.cut(cut)
            self.recorder.cut(mark.id, mark.start, mark.end)
            self.speech.ask(mark.model_copy(update={"spoken": self.spoken}))

    def _answered(self, answer: Answer) -> None:
        self.heard = answer.language or self.heard
        if answer.dub is not None or answer.code == "deadline":
            self._lengths.answered(answer.seconds)
            self._listener.phrases_up_to(self._lengths.longest)
        if answer.dub is not None:
            self.engines, self.note = answer.dub.engines, answer.dub.note
        if not self.bypassed:
            self.phrases.answered(answer)
