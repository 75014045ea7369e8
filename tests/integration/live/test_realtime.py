"""The `openai` client, as it comes, speaks to live: a microphone's sound in, turns and their text out."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from openai import OpenAI
from openai.resources.realtime.realtime import RealtimeConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from app.speech.guards import plain
from app.speech.realtime.line import MOST_SOUND, RATE
from app.speech.sound import Resampler, to_pcm
from app.speech.types import RECOGNISER_RATE, Samples
from tests.integration.live.conftest import SENTENCES
from tests.stack import Stack, wait_for

WITHIN = 60.0
BLOCK = RATE // 5 * 2
INPUT = "input_audio_buffer"
TRANSCRIPTION = "conversation.item.input_audio_transcription"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """live with two places, and a recogniser that hears the same words each time."""
    extra = {"LIVE_MAX_CLIENTS": "2", "ASR_ENGINE": "pocketsphinx"}
    with Stack(tmp_path_factory.mktemp("realtime"), ("live",), extra) as running:
        yield running


@pytest.fixture(scope="session")
def microphone(speech: Samples) -> bytes:
    """The sentences as a microphone's PCM at 24 kHz."""
    return to_pcm(Resampler(RECOGNISER_RATE, RATE)(speech))


@contextmanager
def connected(live: Stack, key: str = "none") -> Iterator[RealtimeConnection]:
    """A session of the openai client's, after its first event."""
    client = OpenAI(base_url=f"http://127.0.0.1:{live.settings.live_port}/v1", api_key=key)
    query = {"intent": "transcription"}
    with client.realtime.connect(model="gpt-realtime-whisper", extra_query=query) as connection:
        yield connection


def send(connection: RealtimeConnection, pcm: bytes) -> None:
    """Sends sound as a microphone's program does: 200 ms in each event."""
    for start in range(0, len(pcm), BLOCK):
        connection.input_audio_buffer.append(audio=base64.b64encode(pcm[start : start + BLOCK]).decode())


def until(connection: RealtimeConnection, kind: str, count: int = 1) -> list[Any]:
    """The events up to the last of so many of that type."""
    events: list[Any] = []
    while sum(each.type == kind for each in events) < count:
        events.append(connection.recv())
        assert events[-1].type != "error" or kind == "error", events[-1]
    return events


def of(events: list[Any], kind: str) -> list[Any]:
    """The events of that type."""
    return [each for each in events if each.type == kind]


def test_who_speaks_to_a_microphone_reads_each_sentence_when_it_is_over(
    live: Stack, microphone: bytes
) -> None:
    with connected(live) as connection:
        created = connection.recv()
        assert created.type == "session.created"
        assert created.session.type == "transcription"
        connection.session.update(
            session={
                "type": "transcription",
                "audio": {"input": {"transcription": {"model": "whisper-1", "language": "en"}}},
            }
        )
        (updated,) = until(connection, "session.updated")
        assert updated.session.audio.input.transcription.language == "en"
        assert updated.session.audio.input.turn_detection.type == "server_vad"
        send(connection, microphone)
        events = until(connection, f"{TRANSCRIPTION}.completed", len(SENTENCES))
    texts = [each.transcript for each in of(events, f"{TRANSCRIPTION}.completed")]
    assert [plain(text) for text in texts] == [plain(sentence) for sentence in SENTENCES]
    started, stopped = of(events, f"{INPUT}.speech_started"), of(events, f"{INPUT}.speech_stopped")
    committed = of(events, f"{INPUT}.committed")
    items = [each.item_id for each in committed]
    assert len(set(items)) == len(SENTENCES)
    assert [each.item_id for each in started[: len(items)]] == [each.item_id for each in stopped] == items
    assert [each.previous_item_id for each in committed] == [None, items[0]]
    for item, text, begin, end in zip(items, texts, started, stopped, strict=False):
        deltas = [each.delta for each in of(events, f"{TRANSCRIPTION}.delta") if each.item_id == item]
        assert "".join(deltas) == text
        assert 500 < end.audio_end_ms - begin.audio_start_ms < 5000


def test_without_turn_detection_the_client_says_where_a_turn_ends(live: Stack, microphone: bytes) -> None:
    with connected(live) as connection:
        until(connection, "session.created")
        connection.session.update(
            session={"type": "transcription", "audio": {"input": {"turn_detection": None}}}
        )
        until(connection, "session.updated")
        connection.input_audio_buffer.commit()
        (error,) = until(connection, "error")
        assert error.error.code == f"{INPUT}_commit_empty"
        send(connection, microphone)
        connection.input_audio_buffer.commit()
        events = until(connection, f"{TRANSCRIPTION}.completed")
        (completed,) = of(events, f"{TRANSCRIPTION}.completed")
        assert plain(completed.transcript) == plain(" ".join(SENTENCES))
        assert completed.usage.seconds == pytest.approx(len(microphone) / 2 / RATE, abs=0.1)
        assert not of(events, f"{INPUT}.speech_started")
        assert [each.item_id for each in of(events, f"{INPUT}.committed")] == [completed.item_id]
        # What is given up is never told; what comes after it is.
        send(connection, microphone[: len(microphone) // 4 * 2])
        connection.input_audio_buffer.clear()
        until(connection, f"{INPUT}.cleared")
        send(connection, bytes(BLOCK))
        connection.input_audio_buffer.commit()
        (after,) = of(until(connection, f"{TRANSCRIPTION}.completed"), f"{TRANSCRIPTION}.completed")
        assert after.transcript == ""


def test_agents_of_livekit_name_several_languages_and_say_where_a_turn_ends(
    live: Stack, microphone: bytes
) -> None:
    with connected(live) as connection:
        until(connection, "session.created")
        heard = {"model": "gpt-live-transcribe", "keywords": ["Voicestack"], "languages": ["es", "en"]}
        sound = {"format": {"rate": RATE, "type": "audio/pcm"}, "noise_reduction": {"type": "near_field"}}
        connection.send_raw(update({"audio": {"input": {**sound, "transcription": heard}}}))
        (updated,) = until(connection, "session.updated")
        assert updated.session.audio.input.transcription.language == "en"
        assert updated.session.audio.input.transcription.languages == ["es", "en"]
        send(connection, microphone)
        # Their own voice activity detection, beside ours; a connection that they use again is told anew.
        connection.input_audio_buffer.commit()
        connection.send_raw(update({"audio": {"input": {**sound, "transcription": heard}}}))
        events = until(connection, f"{TRANSCRIPTION}.completed", len(SENTENCES))
        texts = [plain(each.transcript) for each in of(events, f"{TRANSCRIPTION}.completed")]
        assert texts == [plain(sentence) for sentence in SENTENCES]


def test_what_is_wrong_with_an_event_is_told_and_the_session_goes_on(live: Stack, microphone: bytes) -> None:
    long = base64.b64encode(bytes(MOST_SOUND + 2)).decode()
    wrong: list[tuple[str, str | None]] = [
        (json.dumps({"type": "response.create", "event_id": "mine"}), "type"),
        (json.dumps({"type": f"{INPUT}.append", "event_id": "mine", "audio": "%%"}), "audio"),
        (json.dumps({"type": f"{INPUT}.append", "event_id": "mine", "audio": long}), "audio"),
        (json.dumps({"type": f"{INPUT}.append", "event_id": "mine", "audio": "AAAA"}), "audio"),
        (json.dumps({"type": f"{INPUT}.append", "event_id": "mine"}), "audio"),
        (update({"type": "realtime"}), "session.type"),
        (update({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}), "session.audio.input.format.type"),
        (
            update({"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 3}}}}),
            "session.audio.input.turn_detection.threshold",
        ),
        (
            update({"audio": {"input": {"transcription": {"language": "tlh"}}}}),
            "session.audio.input.transcription.language",
        ),
        (
            update({"audio": {"input": {"transcription": {"languages": ["tlh"]}}}}),
            "session.audio.input.transcription.language",
        ),
    ]
    with connected(live) as connection:
        until(connection, "session.created")
        # Before the first sound, and after it.
        for sound in (microphone, b""):
            for message, param in wrong:
                connection.send_raw(message)
                error = until(connection, "error")[-1].error
                assert (error.type, error.param, error.event_id) == ("invalid_request_error", param, "mine")
                assert error.code
            connection.send_raw("{")
            assert until(connection, "error")[-1].error.code == "invalid_json"
            if sound:
                send(connection, sound)
                until(connection, f"{TRANSCRIPTION}.completed", len(SENTENCES))


def update(session: dict[str, Any]) -> str:
    """A session.update."""
    content = {"type": "transcription", **session}
    return json.dumps({"type": "session.update", "event_id": "mine", "session": content})


def nobody_left(live: Stack) -> None:
    """Waits until every place is free."""
    address = f"http://127.0.0.1:{live.settings.live_port}/health"
    wait_for("places free", lambda: httpx.get(address, trust_env=False).json()["clients"] == 0, WITHIN)


def test_places_are_those_of_all_clients_and_who_leaves_gives_one_back(live: Stack) -> None:
    nobody_left(live)
    with connected(live) as one, connected(live) as two:
        for each in (one, two):
            until(each, "session.created")
        with connected(live) as late:
            assert until(late, "error")[-1].error.code == "rate_limit_exceeded"
            with pytest.raises(ConnectionClosed):
                late.recv()
    nobody_left(live)


def test_keys_come_as_the_client_or_a_page_sends_them(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    extra = {"API_KEYS": "k" * 20, "ASR_ENGINE": "pocketsphinx"}
    with Stack(tmp_path_factory.mktemp("realtime-keys"), ("live",), extra) as live:
        with pytest.raises(InvalidStatus) as refused, connected(live, "wrong"):
            pass
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body)["error"]["code"] == "invalid_api_key"
        with connected(live, "k" * 20) as connection:
            until(connection, "session.created")
        address = f"ws://127.0.0.1:{live.settings.live_port}/v1/realtime"
        offered: Any = ["realtime", "openai-insecure-api-key." + "k" * 20]
        with connect(address, subprotocols=offered, proxy=None) as page:
            assert page.subprotocol == "realtime"
            assert json.loads(page.recv(WITHIN))["type"] == "session.created"
