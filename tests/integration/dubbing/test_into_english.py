"""A Spanish stream is dubbed into English by the real services: found out, corrected. (SPK-7, DUB-11)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.demo.sample import sample_video
from tests.integration.dubbing.clips import play
from tests.stack import Stack, wait_for

NewStack = Callable[..., Stack]


def test_spanish_is_found_out_dubbed_into_english_and_corrected_by_one_call(new_stack: NewStack) -> None:
    stack = new_stack(SOURCE_LANGUAGE="auto", TARGET_LANGUAGES="en", DUB_PROFILE="quality")
    stack.publish(play(sample_video(60.0, language="es")), "noticias")

    def phrases() -> list[dict[str, Any]]:
        answer = stack.http.get("/streams/noticias/en/phrases")
        return list(answer.json()["phrases"]) if answer.is_success else []

    def spoken() -> Any:
        return stack.http.get("/streams/noticias").json()["spoken"]

    def dubbed() -> list[dict[str, Any]]:
        return [phrase for phrase in phrases() if phrase["outcome"] in ("in_time", "late")]

    wait_for("English dubs", lambda: len(dubbed()) >= 3, 60)
    wait_for("it is told", lambda: spoken() == {"set": "auto", "heard": "es"}, 30)
    assert all(phrase["source"] == "" for phrase in dubbed())
    words = " ".join(phrase["target"] for phrase in dubbed()).lower().split()
    assert {"the", "of", "to", "and"} & set(words)

    answer = stack.http.post("/streams/noticias/spoken", json={"language": "en"})
    assert answer.json()["spoken"]["set"] == "en"
    wait_for(
        "the original, for English is not dubbed into English",
        lambda: [
            phrase for phrase in phrases() if phrase["reason"] == "en is what is spoken: nothing to dub"
        ],
        40,
    )
    wait_for("it is told", lambda: spoken() == {"set": "en", "heard": "en"}, 30)
    before = len(dubbed())
    stack.http.post("/streams/noticias/spoken", json={"language": "es"}).raise_for_status()
    wait_for("dubs again", lambda: len(dubbed()) > before, 40)
