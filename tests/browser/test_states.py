"""Every state of the page, before a stand-in dubber (DUB-8)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Stage
from tests.browser.looking import unreadable
from tests.browser.stand_in import dub, phrase, stream

STATUSES = {
    "starting": "Starting",
    "waiting": "Waiting",
    "dubbing": "Dubbing",
    "original": "Original sound",
    "bypassed": "Original only",
    "source_lost": "Source lost",
    "restarting": "Restarting",
    "stopped": "Stopped",
}


def test_with_no_stream_it_says_exactly_how_to_publish_one(stage: Stage, page: Page) -> None:
    page.goto(stage.web)
    expect(page.get_by_role("heading", name="No stream is live")).to_be_visible()
    page.get_by_label("Name of the stream").fill("news")
    body = page.locator("#publish-body")
    expect(body.get_by_text("rtmp://127.0.0.1:1935/live", exact=True)).to_be_visible()
    expect(body.get_by_text("news", exact=True)).to_be_visible()
    expect(body.get_by_text('"rtmp://127.0.0.1:1935/live/news"')).to_be_visible()
    expect(body.get_by_text("make demo")).to_be_visible()


def test_the_addresses_can_be_copied(stage: Stage, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(stage.web)
    page.get_by_role("button", name="Copy the server").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "rtmp://127.0.0.1:1935/live"


def test_a_name_that_cannot_be_published_is_refused_in_words(stage: Stage, page: Page) -> None:
    page.goto(stage.web)
    page.get_by_label("Name of the stream").fill("a b?")
    expect(page.get_by_text("A name has letters")).to_be_visible()


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_is_told_in_words(stage: Stage, page: Page, status: str) -> None:
    stage.dubber.streams = [stream(dub(status=status))]
    page.goto(stage.web)
    words = STATUSES[status]
    expect(page.locator("#status").get_by_text(words, exact=True)).to_be_visible()
    expect(page.get_by_role("navigation").get_by_role("link", name=f"Spanish {words}")).to_be_visible()
    expect(page.locator("#announcer")).to_have_text(f"Spanish dub of match: {words}")


def test_what_is_wrong_with_the_speech_service_is_told(stage: Stage, page: Page) -> None:
    problem = "no translator from English to French"
    stage.dubber.streams = [
        stream(dub("fr", "original", speech={"address": "ws://127.0.0.1:5003", "problem": problem}))
    ]
    page.goto(stage.web)
    expect(page.locator("#status")).to_contain_text(problem)


def test_delay_and_lag_are_plain_figures_with_units(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    page.goto(stage.web)
    figures = page.locator("#figures > div")
    expect(figures.nth(0)).to_have_text("Delay2.80 sof picture and sound")
    expect(figures.nth(1)).to_contain_text("0.04 s")
    expect(figures.nth(2)).to_contain_text("0.31 s")
    expect(figures.nth(3)).to_contain_text("95 %of 40 phrases")
    expect(page.locator("#details")).to_contain_text("127.0.0.1:5003")


def test_without_a_dubbed_phrase_no_lag_is_claimed(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub(counts={}, lag={}))]
    page.goto(stage.web)
    expect(page.locator("#figures > div").nth(1)).to_contain_text("–")
    expect(page.locator("#figures > div").nth(3)).to_contain_text("no phrase yet")
    expect(page.get_by_role("img", name="No dubbed phrase yet")).to_be_visible()


def test_phrases_are_listed_newest_first_with_their_outcome_in_words(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    stage.dubber.phrases = [phrase(1), phrase(2, "late"), phrase(3, "dropped"), phrase(4, "passed_through")]
    page.goto(stage.web)
    rows = page.get_by_role("table", name="Phrases").get_by_role("row")
    expect(rows).to_have_count(5)
    texts = rows.all_text_contents()[1:]
    assert [
        text.count(words)
        for text, words in zip(texts, ("Original heard", "Dropped", "Late", "In time"), strict=True)
    ] == [1] * 4
    expect(rows.nth(1)).to_contain_text("the speech service did not answer in time")
    stage.dubber.tell(
        "phrase", phrase(5, source="And now the weather", target="Y ahora el tiempo", lateness=0.25)
    )
    expect(rows.nth(1)).to_contain_text("And now the weatherY ahora el tiempoIn time0.25 s")
    stage.dubber.tell("phrase", phrase(6, language="fr", source="of another dub"))
    stage.dubber.tell("phrase", phrase(7))
    expect(rows.nth(1)).to_contain_text("phrase number 7")
    expect(page.get_by_text("of another dub")).to_have_count(0)


def test_the_log_keeps_two_hundred_phrases(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    stage.dubber.phrases = [phrase(number) for number in range(1, 101)]
    page.goto(stage.web)
    rows = page.locator("#log tr")
    expect(rows).to_have_count(100)
    for number in range(101, 221):
        stage.dubber.tell("phrase", phrase(number))
    expect(rows.first).to_contain_text("phrase number 220")
    expect(rows).to_have_count(200)
    expect(rows.last).to_contain_text("phrase number 21")


def test_the_lag_of_the_last_phrases_is_drawn_and_said(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    stage.dubber.phrases = [phrase(1, lateness=0.1), phrase(2, "passed_through"), phrase(3, lateness=0.7)]
    page.goto(stage.web)
    line = page.get_by_role("img", name="2 dubbed phrases: from 0.10 s to 0.70 s")
    expect(line).to_be_visible()
    curve = line.locator("path.curve").get_attribute("d")
    assert curve is not None
    assert curve.count("M") == 2


def test_log_and_captions_can_be_downloaded(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    page.goto(stage.web)
    links = page.get_by_role("list", name="Downloads").get_by_role("link")
    expect(links).to_have_count(3)
    assert [link.get_attribute("href") for link in links.all()] == [
        "/api/dubber/streams/match/es/phrases.jsonl",
        "/api/dubber/streams/match/es/captions.vtt?text=target",
        "/api/dubber/streams/match/es/captions.vtt?text=source",
    ]
    with page.expect_download() as download:
        links.nth(1).click()
    assert download.value.path().read_text() == "WEBVTT\n"


def test_health_is_told_in_words(stage: Stage, page: Page) -> None:
    stage.dubber.media = (False, "no answer in time")
    stage.dubber.speech = {"sts gpu-1:5003": (True, ""), "sts gpu-2:5003": (False, "out of reach")}
    page.goto(stage.web)
    lights = page.get_by_role("region", name="Health").get_by_role("listitem")
    expect(lights.nth(0)).to_have_text("Media server: not reachable (no answer in time)")
    expect(lights.nth(1)).to_have_text("Speech: 1 of 2 hosts not reachable (out of reach)")
    expect(lights.nth(2)).to_have_text("Dubber: working")


def test_what_is_no_speech_host_is_not_counted_as_one(stage: Stage, page: Page) -> None:
    stage.dubber.speech = {
        "sts gpu-1:5003": (True, ""),
        "recorded phrases": (False, "the disk is full"),
        "replica-1 https://a.example.org": (True, ""),
        "replica-2 https://b.example.org": (False, "out of reach: ConnectError"),
    }
    page.goto(stage.web)
    lights = page.get_by_role("region", name="Health").get_by_role("listitem")
    expect(lights).to_have_text(
        [
            "Media server: working",
            "Speech: working",
            "Dubber: not all is well (recorded phrases: the disk is full)",
            "Read replicas: 1 of 2 not working (replica-2 https://b.example.org: out of reach: ConnectError)",
        ]
    )


def test_when_the_dubber_goes_away_it_says_so_and_resumes_by_itself(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    page.goto(stage.web)
    expect(page.get_by_role("heading", name="match")).to_be_visible()
    stage.dubber_down()
    expect(page.get_by_text("The dubber can’t be reached: figures and captions stand still.")).to_be_visible()
    expect(page.get_by_text("Dubber: not reachable")).to_be_visible()
    expect(page.get_by_role("button", name="Original only")).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("heading", name="match")).to_be_visible()
    stage.dubber.streams = [stream(dub(status="bypassed"))]
    stage.dubber_up()
    expect(page.locator("#status")).to_contain_text("Original only", timeout=20_000)
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.get_by_text("Dubber: working")).to_be_visible()
    expect(page.get_by_role("button", name="Dub again")).not_to_have_attribute("aria-disabled", "true")


def test_a_dubber_that_is_not_there_at_first_is_waited_for(stage: Stage, page: Page) -> None:
    stage.dubber_down()
    page.goto(stage.web)
    expect(page.get_by_text("The dubber can’t be reached.")).to_be_visible()
    expect(page.locator("#notice-wait")).to_contain_text("Trying")
    stage.dubber.streams = [stream(dub())]
    stage.dubber_up()
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_role("heading", name="match")).to_be_visible()


def test_the_address_keeps_what_is_looked_at(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub(), dub("fr")), stream(dub(), name="other")]
    page.goto(stage.web)
    nav = page.get_by_role("navigation")
    nav.get_by_role("link", name="French").click()
    expect(page).to_have_url(f"{stage.web}/#/match/fr")
    expect(nav.get_by_role("link", name="French")).to_have_attribute("aria-current", "true")
    page.reload()
    expect(page).to_have_title("match, French – Voicestack")
    page.go_back()
    expect(page).to_have_title("match, Spanish – Voicestack")


def test_a_stream_that_is_not_published_is_waited_for(stage: Stage, page: Page) -> None:
    page.goto(f"{stage.web}/#/match/es")
    expect(page.locator("#status")).to_contain_text("Not live")
    stage.dubber.streams = [stream(dub())]
    expect(page.locator("#status")).to_contain_text("Dubbing")


EVIL = '<img src=x onerror="document.title=1"><b>bold</b>'


def test_texts_and_names_are_never_read_as_markup(stage: Stage, page: Page) -> None:
    evil_stream: dict[str, Any] = json.loads(
        json.dumps(stream(dub(note=EVIL, problem=EVIL, status="original")))
    )
    evil_stream["name"] = EVIL
    evil_stream["dubs"][0]["stream"] = EVIL
    evil_stream["source"] = {"type": EVIL, "tracks": [EVIL]}
    stage.dubber.streams = [evil_stream]
    stage.dubber.media = (False, EVIL)
    page.goto(stage.web)
    expect(page.get_by_role("heading", level=1)).to_have_text(EVIL)
    changed = {"stream": EVIL, "source": EVIL, "target": EVIL, "reason": EVIL}
    stage.dubber.tell("phrase", phrase(1, "dropped", **changed))
    expect(page.locator("#log tr")).to_have_count(1)
    expect(page.get_by_role("cell", name=EVIL, exact=True)).to_have_count(2)
    assert page.locator("img[src], b").count() == 0
    assert page.title().startswith(EVIL)


@pytest.mark.parametrize(
    "path",
    ["/", *(pytest.param(each, marks=pytest.mark.thorough) for each in ("/transcribe/", "/calls/"))],
)
def test_a_page_of_which_a_script_is_missing_says_what_to_do(stage: Stage, page: Page, path: str) -> None:
    page.route("**/js/dom.js", lambda route: route.abort())
    page.goto(stage.web + path)
    again = page.get_by_role("link", name="Load it again")
    expect(again).to_be_visible(timeout=30_000)
    assert unreadable(page) == []
    page.unroute("**/js/dom.js")
    again.click()
    expect(page.locator("#lights")).not_to_be_empty()
    expect(again).to_have_count(0)
