"""Recognition by faster-whisper: the sound not yet committed is transcribed anew at each commit."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.speech import device, licences
from app.speech.engines.short_window import shorten
from app.speech.guards import plain, without_loops
from app.speech.models import places
from app.speech.models.folders import folder_name
from app.speech.rest.transcript import Segment
from app.speech.types import AUTO, RECOGNISER_RATE, EngineMissing, Samples, SpeechError, Word

DEFAULT_MODEL = "small"
LONGEST_BUFFER = 28.0
SHORTEST = 0.3
"""Seconds of sound that a word needs; in less, what Whisper hears is made up more often than not."""
CONTEXT = 3.0
"""Seconds of sound before what is not committed that are heard again."""
SAME_WORD = 0.15
QUIETEST = 0.001
PROMPT_CHARACTERS = 200
SUBJECT_CHARACTERS = 400
"""Both together stay well below the 223 tokens that a prompt may have."""
NO_SPEECH = 0.6
LOG_PROBABILITY = -1.0
"""Whisper's own thresholds: a segment above the one and below the other is silence."""
GUESSED = -1.6
"""Log probability below which a word or two alone are a guess at what noise may be."""
SURE = 0.7
ENOUGH = 1.5
LONG_SILENCE = 5.0
"""A language that is found out is kept where it is as likely as this in so many seconds of sound, until
nothing was said for as long as that."""
TRANSLATION_BEAM = 3
FEWEST_TOKENS = 10
TOKENS_A_SECOND = 9.0
"""What is said in a second at most; more is made up, and takes long."""
NO_TIME = 0.05
FAINT = 0.05
"""A word that is as faint as this against the loudest of the sound (-26 dB) is silence."""
CERTAIN = 0.2
"""How sure the model is of a word that was said, at least; of what it makes up it is by 0.02."""
FRAME = 0.01
"""Whisper tells where a phrase starts to this many seconds, rounded down."""
MOST_THREADS = 4
COMPUTE = {"cpu": "int8", "cuda": "float16"}


class Whisper:
    """Many languages; one model for all sessions, `at_once` of which use it at the same time on a processor.

    A tiny model gains nothing from a second thread, and two pieces at once take 0.6 of the time of one after
    the other. Of larger ones a piece alone does gain (docs/benchmarks/speech-parts.md).
    """

    name = "whisper"
    licences = (licences.FASTER_WHISPER, licences.CTRANSLATE2, licences.WHISPER_MODELS)
    memory = 1000
    batch = 8
    languages: tuple[str, ...] = ("*",)
    hears_anew = True
    into_english = False

    def __init__(self, model: str, wanted_device: str, models_dir: Path, at_once: int = 1) -> None:
        self.model_name = model or DEFAULT_MODEL
        self.wanted_device = wanted_device
        self.models_dir = models_dir
        self.device = "cpu"
        self.source = ""
        self._model: Any = None
        self._at_once = at_once
        self._turn: AbstractContextManager[Any] = threading.Lock()

    def load(self) -> None:
        """Loads the model from its folder under DATA_DIR/models, where it is put from its package first.

        Has faster-whisper fetch it where neither has it.

        Raises EngineMissing, naming the variable, where that can't be done.
        """
        if importlib.util.find_spec("faster_whisper") is None:
            raise EngineMissing(
                "ASR_ENGINE=whisper, but it is not installed: pip install 'voicestack[speech]'"
            )
        from faster_whisper import WhisperModel

        self.device = device.choose(self.wanted_device, "ASR_DEVICE")
        at_once = self._at_once if self.device == "cpu" else 1
        self._turn = threading.Semaphore(at_once)
        cores = min(MOST_THREADS, os.cpu_count() or 1)
        folder = self.models_dir / folder_name(self.model_name)
        found = places.ready(self.model_name, self.models_dir) or (folder if folder.is_dir() else None)
        try:
            self._model = WhisperModel(
                str(found) if found else self.model_name,
                device=self.device,
                compute_type=COMPUTE[self.device],
                # Its own choice is four: more than there are cores, they get in each other's way.
                cpu_threads=0
                if "OMP_NUM_THREADS" in os.environ
                else (1 if at_once > 1 and "tiny" in self.model_name else cores),
                num_workers=at_once,
                download_root=str(self.models_dir),
            )
        except Exception as error:
            raise EngineMissing(
                f"ASR_MODEL={self.model_name} can't be loaded ({type(error).__name__}: {error}); put the "
                f"CTranslate2 model into {folder}, or name one of faster-whisper's, for example small"
            ) from error
        shorten(self._model)
        self.source = places.source(self.model_name, self.models_dir) or "hub"
        if self._model.model.is_multilingual:
            self.languages = tuple(self._model.supported_languages)
            # Turbo and distilled models were not taught to translate.
            self.into_english = not re.search("turbo|distil", self.model_name)
        else:
            self.languages = ("en",)
        self.transcribe(np.zeros(RECOGNISER_RATE, np.float32), self.languages[0], "")

    def close(self) -> None:
        """Frees the model."""
        self._model = None

    def session(self, language: str, translate: bool = False) -> WhisperSession:
        """A session that listens to one language, or finds it out. Raises SpeechError."""
        if translate and not self.into_english:
            raise SpeechError(f"the model {self.model_name} does not translate")
        return WhisperSession(self, language, translate)

    def check(self, language: str) -> None:
        """Raises SpeechError where the model doesn't know the language, or can't find it out."""
        if language == AUTO and len(self.languages) == 1:
            raise SpeechError(f"the model {self.model_name} knows {self.languages[0]} alone: name it")
        if language not in (AUTO, *self.languages):
            raise SpeechError(f"the model {self.model_name} does not know the language {language!r}")

    def language_of(self, samples: Samples) -> tuple[str, float]:
        """The language that is most likely spoken, and how likely that is (0 to 1)."""
        with self._turn:
            if self._model is None:
                raise SpeechError("whisper is not loaded")
            language, probability, _ = self._model.detect_language(audio=samples)
        return str(language), float(probability)

    def translate(self, samples: Samples, language: str) -> list[Word]:
        """What is said in the samples, in English; the time is shared out among its words."""
        with self._turn:
            segments = self._decoded(samples, language, task="translate", beam_size=TRANSLATION_BEAM)
            text = " ".join(
                segment.text for segment in segments if believable(segment, len(segment.text.split()))
            )
        words = [word for word in text.split() if plain(word)]
        each = samples.size / RECOGNISER_RATE / max(1, len(words))
        return without_loops([Word(word, at * each, (at + 1) * each) for at, word in enumerate(words)])

    def transcribe(self, samples: Samples, language: str, prompt: str) -> list[Word]:
        """The words in the samples with their times from the first sample; silence gives none."""
        with self._turn:
            segments = self._decoded(
                samples, language, beam_size=1, initial_prompt=prompt or None, word_timestamps=True
            )
            found = [
                (word, sure)
                for segment in without_remainder(segments)
                if believable(segment, len(segment.words or ()))
                for word, sure in _joined(segment.words or ())
                if plain(word.text)
            ]
        certain = {word for word, probability in found if probability >= CERTAIN}
        words = without_invention([word for word, _ in found])
        # The time of a last word is often told too late, in the silence that follows it.
        heard = audible(words, samples)
        late = itertools.takewhile(certain.__contains__, words[len(heard) :])
        return without_loops([*heard, *late])

    def _decoded(self, samples: Samples, language: str, **options: Any) -> Iterable[Any]:
        """The segments of a piece, decoded as they are taken. Raises SpeechError."""
        if self._model is None:
            raise SpeechError("whisper is not loaded")
        segments: Iterable[Any]
        segments, _ = self._model.transcribe(
            samples,
            language=language,
            temperature=0.0,
            condition_on_previous_text=False,
            no_speech_threshold=NO_SPEECH,
            log_prob_threshold=LOG_PROBABILITY,
            without_timestamps=True,
            max_new_tokens=FEWEST_TOKENS + round(TOKENS_A_SECOND * samples.size / RECOGNISER_RATE),
            **options,
        )
        return segments

    def transcribe_batch(
        self, phrases: list[Samples], language: str, prompt: str, task: str
    ) -> tuple[list[Segment], str]:
        """Segments of several phrases of one file, at once, on the timeline of the phrases joined together.

        `language` empty finds it out; the second result is the language.
        """
        from faster_whisper import BatchedInferencePipeline

        ends = np.cumsum([phrase.size for phrase in phrases]) / RECOGNISER_RATE
        starts = np.concatenate([[0.0], ends[:-1]])
        with self._turn:
            if self._model is None:
                raise SpeechError("whisper is not loaded")
            found, about = BatchedInferencePipeline(self._model).transcribe(
                np.concatenate(phrases),
                language=language or None,
                task=task,
                beam_size=1,
                temperature=0.0,
                initial_prompt=prompt or None,
                word_timestamps=True,
                no_speech_threshold=NO_SPEECH,
                log_prob_threshold=LOG_PROBABILITY,
                vad_filter=False,
                clip_timestamps=[
                    {"start": float(start), "end": float(end)}
                    for start, end in zip(starts, ends, strict=True)
                ],
                batch_size=self.batch,
            )
            return [
                _within(each, starts, ends)
                for each in found
                if not is_silence(each.no_speech_prob, each.avg_logprob)
            ], str(about.language)


def _within(each: Any, starts: NDArray[np.float64], ends: NDArray[np.float64]) -> Segment:
    """A segment of faster-whisper's; what it places in the padding after its phrase is moved into it."""
    phrase = max(0, int(np.searchsorted(starts, each.seek / 100 + FRAME, "right")) - 1)
    first, last = float(starts[phrase]), float(ends[phrase])

    def clip(time: float) -> float:
        return min(max(float(time), first), last)

    return Segment(
        clip(each.start),
        clip(each.end),
        tuple(Word(word.text, clip(word.start), clip(word.end)) for word, _ in _joined(each.words or ())),
        float(each.avg_logprob),
        float(each.no_speech_prob),
        float(each.compression_ratio),
    )


def _joined(tokens: Iterable[Any]) -> list[tuple[Word, float]]:
    """The words, and how sure of each it is; what belongs to the one before it ("11" and ",000") joins it."""
    found: list[tuple[Word, float]] = []
    for token in tokens:
        text, sure = token.word.strip(), float(token.probability)
        if not text:
            continue
        # Scripts without spaces have none between words either.
        if found and not token.word[0].isspace() and not text[0].isalpha():
            before, surest = found.pop()
            found.append((Word(before.text + text, before.start, float(token.end)), min(surest, sure)))
        else:
            found.append((Word(text, float(token.start), float(token.end)), sure))
    return found


def believable(segment: Any, words: int) -> bool:
    """Whether a segment of so many words is neither silence nor a guess at what noise may be."""
    silent = is_silence(segment.no_speech_prob, segment.avg_logprob)
    return not silent and (segment.avg_logprob > GUESSED or words > 2)


def without_remainder(segments: Iterable[Any]) -> Iterator[Any]:
    """The segments up to one that is made up of the silence that the first left over.

    All of a piece fits into one window. Where its last word ends early, the rest is decoded once more, and a
    farewell found in it ("Thanks."), of which the model itself is not sure.
    """
    for number, segment in enumerate(segments):
        if number and segment.avg_logprob < LOG_PROBABILITY:
            return
        yield segment


def without_invention(words: list[Word]) -> list[Word]:
    """The words without those that no sound was left for: several in a row, each placed in no time at all."""
    kept: list[Word] = []
    for brief, run in itertools.groupby(words, lambda word: word.end - word.start < NO_TIME):
        several = list(run)
        at_the_end = several[-1] is words[-1]
        # A single one may be a short word at the edge of the sound.
        if not brief or len(several) < (2 if at_the_end else 3):
            kept += several
    return kept


def audible(words: list[Word], samples: Samples) -> list[Word]:
    """The words without those at the end that lie in silence: a farewell that Whisper expects there."""
    frame = RECOGNISER_RATE // 50
    frames = samples[: samples.size // frame * frame].reshape(-1, frame)
    levels = np.sqrt(np.mean(np.square(frames), axis=1)) if frames.size else np.zeros(1)
    floor = FAINT * float(np.percentile(levels, 95))
    kept = len(words)
    while kept:
        spoken = levels[int(words[kept - 1].start * 50) : max(1, round(words[kept - 1].end * 50))]
        if spoken.size and float(np.median(spoken)) > floor:
            break
        kept -= 1
    return words[:kept]


def is_silence(no_speech: float, log_probability: float) -> bool:
    """Whether a segment's own scores say that nothing was said."""
    return no_speech > NO_SPEECH and log_probability < LOG_PROBABILITY


class WhisperSession:
    """Keeps the sound that is not committed yet with CONTEXT before it, and the text before that as prompt.

    A few words alone are heard badly, and what is made up comes after them: so they are heard again with
    what went before, whose words are known and not told anew.
    """

    language: str

    def __init__(self, engine: Whisper, language: str, translate: bool = False) -> None:
        self._engine = engine
        self._translate = translate
        self._wanted = ""
        self._sure = False
        self._sound: Samples = np.zeros(0, np.float32)
        self._start = 0
        self._committed = 0.0
        self._told: list[Word] = []
        self._text = ""
        self._subject = ""
        self.listen_for(language)

    def prompt(self, text: str) -> None:
        """Puts it before the text that was heard."""
        self._subject = text[:SUBJECT_CHARACTERS]

    @property
    def translates(self) -> bool:
        """Whether its words are English although another language is spoken."""
        return self._translate and self.language not in ("", "en")

    def listen_for(self, language: str) -> None:
        """This is spoken from here on; AUTO finds it out. Raises SpeechError where it isn't known."""
        if language == self._wanted:
            return
        self._engine.check(language)
        self._wanted, self._sure = language, language != AUTO
        self._now(language if language != AUTO else "")

    def silence(self, seconds: float) -> None:
        """After a long one the language is found out anew."""
        if self._wanted == AUTO and seconds >= LONG_SILENCE:
            self._sure = False

    def _now(self, language: str) -> None:
        """What was said before in another language is no prompt for this one."""
        self.language = language
        self._told, self._text = [], ""

    def _find_language(self, end: int) -> None:
        """Finds out what is spoken in the first `end` samples, until it is sure."""
        sound = self._sound[: max(0, end)]
        if self._sure or sound.size < SHORTEST * RECOGNISER_RATE:
            return
        language, probability = self._engine.language_of(sound)
        self._sure = probability >= SURE and sound.size >= ENOUGH * RECOGNISER_RATE
        if language != self.language and (self._sure or not self.language):
            self._now(language)

    def feed(self, samples: Samples) -> None:
        """Keeps the sound; the oldest is forgotten beyond LONGEST_BUFFER."""
        self._sound = np.concatenate([self._sound, samples])
        self._forget(self._start + self._sound.size - int(LONGEST_BUFFER * RECOGNISER_RATE))

    def commit(self, until: float, pause: bool) -> list[Word]:
        """Transcribes what is not committed, with what follows it as look-ahead unless a pause follows."""
        end = round(until * RECOGNISER_RATE) - self._start
        self._find_language(end)
        if self.translates:
            # Only what belongs to the phrase: which words of a translation would is not known.
            words = self._hear(end)
            self.skip(until)
            return words
        words = [word for word in self._hear(end if pause else self._sound.size) if word.middle < until]
        self._told += words
        self.skip(until if pause or not words else max(words[-1].end, words[-1].middle))
        return words

    def partial(self) -> list[Word]:
        """Transcribes what is not committed, with the text before it as prompt."""
        return self._hear(self._sound.size)

    def _hear(self, end: int) -> list[Word]:
        """The words not yet committed in the first `end` samples."""
        heard = self._sound[: max(0, end)]
        fresh = heard[max(0, round(self._committed * RECOGNISER_RATE) - self._start) :]
        if fresh.size < SHORTEST * RECOGNISER_RATE or float(np.abs(fresh).max()) <= QUIETEST:
            return []
        if self.translates:
            offset = max(self._start / RECOGNISER_RATE, self._committed)
            found = self._engine.translate(fresh, self.language)
            return [Word(word.text, word.start + offset, word.end + offset) for word in found]
        offset = self._start / RECOGNISER_RATE
        found = self._engine.transcribe(
            heard,
            self.language or self._engine.languages[0],
            f"{self._subject} {self._text[-PROMPT_CHARACTERS:]}".strip(),
        )
        moved = [Word(word.text, word.start + offset, word.end + offset) for word in found]
        words = [word for word in moved if word.middle >= self._committed]
        return words[1:] if words and self._repeats(words[0]) else words

    def _repeats(self, word: Word) -> bool:
        """Whether it is the last word that was told, heard again a little later."""
        last = self._told[-1] if self._told else None
        return (
            last is not None
            and plain(last.text) == plain(word.text)
            and word.start < max(last.end, self._committed) + SAME_WORD
            and word.middle < self._committed + SAME_WORD
        )

    def skip(self, until: float) -> None:
        """Forgets the sound that lies more than CONTEXT before `until`."""
        self._committed = max(self._committed, until)
        self._forget(round((self._committed - CONTEXT) * RECOGNISER_RATE))

    def reset(self) -> None:
        """Forgets everything but the text, which still tells the model what is spoken of."""
        self._remember(len(self._told))
        self._sound = np.zeros(0, np.float32)
        self._start, self._committed = 0, 0.0

    def close(self) -> None:
        """Forgets everything."""
        self.reset()

    def _forget(self, before: int) -> None:
        surplus = min(before - self._start, self._sound.size)
        if surplus > 0:
            self._sound = self._sound[surplus:]
            self._start += surplus
            start = self._start / RECOGNISER_RATE
            self._remember(sum(word.middle < start for word in self._told))

    def _remember(self, count: int) -> None:
        """The oldest words told are no longer in the sound: from now on the prompt tells them."""
        gone, self._told = self._told[:count], self._told[count:]
        self._text = " ".join([self._text[-PROMPT_CHARACTERS:], *(word.text for word in gone)]).strip()
