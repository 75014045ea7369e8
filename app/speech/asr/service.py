"""asr: speech to text over REST, as OpenAI's clients speak it; over the Wyoming protocol where asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import Counter, Gauge
from pydantic import BaseModel, Field

from app.settings import Settings
from app.speech import registry
from app.speech.asr.diarisation import Diarisation
from app.speech.rest import errors, transcript
from app.speech.rest.arrival import TIMES_THE_LARGEST, Uploads
from app.speech.rest.bounds import Streamed
from app.speech.rest.decode import blocks
from app.speech.rest.errors import ApiError
from app.speech.rest.events import event
from app.speech.rest.house import House
from app.speech.rest.models import ASR_ALIASES
from app.speech.rest.transcribe import Cancelled, Job, segments
from app.speech.rest.transcript import Segment, Transcript
from app.speech.rest.upload import MEGABYTE, fields, read_form, the_file, validated
from app.speech.rest.worker import CLIENT_CLOSED, ClientLeft, first, unless_left
from app.speech.types import Recogniser, Samples
from app.speech.wyoming import listening

Format = Literal["json", "text", "srt", "vtt", "verbose_json", "diarized_json"]
LISTS = ("timestamp_granularities", "include", "known_speaker_names", "languages", "keywords")
Language = Annotated[str, Field(pattern=r"^([A-Za-z]{2,3}(-[A-Za-z]{2,4})?)?$")]


class Wishes(BaseModel):
    """The fields of a transcription or translation beside the file."""

    model: str = Field("whisper-1", max_length=200)
    language: Language = ""
    languages: list[Language] = []
    keywords: list[str] = []
    prompt: str = Field("", max_length=10_000)
    response_format: Format = "json"
    temperature: float = Field(0.0, ge=0.0, le=1.0)
    timestamp_granularities: list[Literal["word", "segment"]] = []
    stream: bool = False
    known_speaker_names: list[str] = []

    @property
    def one_language(self) -> str:
        """The only language that may be spoken, in small letters; empty where it is to be found out."""
        named = self.languages if len(self.languages) == 1 else [""]
        return (self.language or named[0]).lower().split("-")[0]

    @property
    def told(self) -> str:
        """What the recogniser is told of the subject."""
        return " ".join(filter(None, [self.prompt, *self.keywords]))


class Transcriptions:
    """The requests of asr."""

    def __init__(self, settings: Settings) -> None:
        def new() -> Recogniser:
            return registry.recogniser(settings, any_language=True)

        self.settings = settings
        self.house: House[Recogniser] = House("asr", settings, new, settings.asr_model, ASR_ALIASES)
        self.diarisation = Diarisation(settings.models_dir)
        self.uploads = Uploads(TIMES_THE_LARGEST * settings.max_upload_mb * MEGABYTE)
        Gauge("asr_uploads_arriving", "Uploads on their way.", registry=self.house.registry).set_function(
            lambda: self.uploads.arriving
        )
        self.sound = Counter("asr_sound_seconds", "Sound read.", registry=self.house.registry)
        self.spoken = Counter("asr_speech_seconds", "Speech recognised.", registry=self.house.registry)
        self.dropped = Counter(
            "asr_hallucinations", "Segments dropped as known hallucinations.", registry=self.house.registry
        )

    async def answer(self, request: Request, task: str) -> Response:
        """A request, from its upload to its answer."""
        deadline = time.monotonic() + self.settings.request_deadline
        async with AsyncExitStack() as stack:
            self.house.turnstile.check()
            space = stack.enter_context(self.uploads.space())
            with self.uploads.arrival():
                form = await read_form(request, self.settings.max_upload_mb, deadline, space)
            stack.push_async_callback(form.close)
            stack.enter_context(self.house.turnstile.entered())
            wishes: Wishes = validated(Wishes, fields(form, LISTS))
            self.house.models.check(wishes.model)
            job = Job(self.language(wishes, task), wishes.told, task, deadline)
            heard = Transcript(job.language)
            apart = wishes.response_format == "diarized_json"
            if apart and (wishes.stream or task != "transcribe"):
                why = "diarized_json is there for transcriptions that are not streamed"
                raise ApiError(400, why, "unsupported", "response_format")
            if wishes.known_speaker_names:
                why = "speakers are called A, B and so on here; leave known_speaker_names out"
                raise ApiError(400, why, "unsupported", "known_speaker_names")
            parts = self.segments(the_file(form), job, heard, apart)
            stack.push_async_callback(parts.aclose)
            try:
                if wishes.stream:
                    begun = await unless_left(request, asyncio.create_task(first(parts)))
                    # The form must live until the stream ends.
                    return Streamed(
                        events(begun, parts, heard),
                        stack.pop_all(),
                        media_type="text/event-stream",
                        headers={"Cache-Control": "no-store"},
                    )
                await unless_left(request, asyncio.create_task(_all(parts)))
            except ClientLeft:
                return Response(status_code=CLIENT_CLOSED)
            return formatted(heard, wishes, task)

    async def segments(
        self, file: BinaryIO, job: Job, heard: Transcript, apart: bool
    ) -> AsyncGenerator[Segment, None]:
        """The segments of a file as they are found, or all with their speakers; `heard` collects them."""
        longest = self.settings.max_audio_seconds

        def work(engine: Recogniser) -> Iterator[Segment]:
            found = segments(engine, blocks(file, longest), job)
            return self.diarisation.told(found, again(file, longest), job) if apart else found

        parts = self.house.worker.parts(work, job.left, job.deadline)
        try:
            async for segment in parts:
                heard.segments.append(segment)
                yield segment
        except Cancelled as error:
            raise ApiError(503, "the server is stopping; try again in a moment", "stopping") from error
        finally:
            await parts.aclose()
            heard.duration = job.heard
            heard.language = job.detected or job.language or self.settings.first_language
            self.sound.inc(job.heard)
            self.spoken.inc(job.spoken)
            self.dropped.inc(job.dropped)

    def language(self, wishes: Wishes, task: str) -> str:
        """The language to listen for; empty to find it out. Raises ApiError where it can't be done."""
        known = self.house.lifecycle.engine.languages
        asked = wishes.one_language
        anything = "*" in known or len(known) > 1
        if asked and "*" not in known and asked not in known:
            raise ApiError(
                400,
                f"{self.house.lifecycle.engine.name} knows {', '.join(known)}, not {asked!r}",
                "unsupported_language",
                "language",
            )
        if task == "translate" and not anything and "en" not in known:
            raise ApiError(400, "this engine can't translate into English", "unsupported", "model")
        return asked or ("" if anything else known[0])


def again(file: BinaryIO, longest: float) -> Iterator[Samples]:
    """The file's sound from its start, once somebody wants it."""
    file.seek(0)
    yield from blocks(file, longest)


async def _all(parts: AsyncIterator[Segment]) -> None:
    async for _ in parts:
        pass


def formatted(heard: Transcript, wishes: Wishes, task: str) -> Response:
    """A finished transcript in the format that was asked for."""
    match wishes.response_format:
        case "text":
            return PlainTextResponse(heard.text + "\n")
        case "srt":
            return PlainTextResponse(transcript.srt(heard.segments), media_type="application/x-subrip")
        case "vtt":
            return PlainTextResponse(transcript.vtt(heard.segments), media_type="text/vtt")
        case "verbose_json":
            return JSONResponse(transcript.verbose(heard, task, wishes.timestamp_granularities))
        case "diarized_json":
            return JSONResponse(transcript.diarized(heard))
    return JSONResponse({"text": heard.text, "usage": transcript.usage(heard)})


async def events(
    begun: Segment | None, parts: AsyncIterator[Segment], heard: Transcript
) -> AsyncGenerator[str, None]:
    """OpenAI's events: a delta for each segment (with its times), then the whole text; errors as `error`."""
    try:
        if begun is not None:
            yield event(delta(begun, True))
        async for segment in parts:
            yield event(delta(segment, False))
        yield event({"type": "transcript.text.done", "text": heard.text, "seconds": round(heard.duration, 3)})
    except Exception as error:
        told = errors.told(error)
        yield event(errors.body(told.status, str(told), told.code, told.param))


def delta(segment: Segment, first: bool) -> dict[str, Any]:
    """A segment as OpenAI's delta; `start` and `end` are ours."""
    return {
        "type": "transcript.text.delta",
        "delta": segment.text if first else f" {segment.text}",
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
    }


def form_schema(model: type[BaseModel]) -> dict[str, Any]:
    """How the OpenAPI document tells the form."""
    schema = model.model_json_schema()
    properties: dict[str, Any] = {"file": {"type": "string", "format": "binary"}, **schema["properties"]}
    body = {"type": "object", "required": ["file"], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": body}}}}


def answers(formats: Sequence[str] = ("application/json", "text/plain")) -> dict[int | str, dict[str, Any]]:
    """How the OpenAPI document tells the answers."""
    return {200: {"description": "The text.", "content": {each: {} for each in formats}}, **errors.DOCUMENTED}


ANSWERS = answers(("application/json", "text/plain", "text/vtt", "application/x-subrip", "text/event-stream"))


def create(settings: Settings) -> FastAPI:
    """The FastAPI application of asr."""
    service = Transcriptions(settings)
    paths = ("/v1/audio/transcriptions", "/v1/audio/translations")
    app = service.house.app(listening(service.house), paths)
    extra = form_schema(Wishes)

    @app.post(paths[0], responses=ANSWERS, openapi_extra=extra, response_class=Response)
    async def transcribe(request: Request) -> Response:
        """Write down what is said in a file."""
        answer: Response = await service.house.counted(service.answer(request, "transcribe"))
        return answer

    @app.post(paths[1], responses=ANSWERS, openapi_extra=extra, response_class=Response)
    async def translate(request: Request) -> Response:
        """Write down in English what is said in a file."""
        answer: Response = await service.house.counted(service.answer(request, "translate"))
        return answer

    return app
