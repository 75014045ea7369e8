"""How the page looks and reads: widths, light and dark, contrast, structure (DUB-8)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import Stage
from tests.browser.looking import LOOKS, PHONE, Scheme, badly_built, scrolls_sideways, unreadable
from tests.browser.stand_in import dub, phrase, stream

LONG = "a" * 70


def fill(stage: Stage) -> None:
    stage.dubber.streams = [
        stream(dub(), dub("fr", "original"), dub("de", "restarting"), dub("it", "starting")),
        stream(dub(status="stopped", problem="x" * 80), name=LONG, ready=False),
    ]
    outcomes = ("in_time", "late", "dropped", "passed_through")
    stage.dubber.phrases = [phrase(number, outcomes[number % 4]) for number in range(12)]
    stage.dubber.phrases.append(phrase(20, source="w" * 90, target="W" * 90))
    stage.dubber.media = (False, "no answer in time")
    stage.dubber.speech = {"sts a:1": (True, ""), "sts b:1": (False, "out of reach")}


@LOOKS
def test_every_text_is_readable_and_the_page_well_built(
    stage: Stage, page: Page, scheme: Scheme, size: ViewportSize
) -> None:
    fill(stage)
    stage.dubber.refusal = "something was refused"
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    page.goto(stage.web)
    expect(page.locator("#log tr")).to_have_count(13)
    page.locator("#publish summary").click()
    page.locator("#bypass").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert unreadable(page) == []
    assert badly_built(page) == []
    assert not scrolls_sideways(page)
    stage.dubber_down()
    expect(page.locator("#notice")).to_be_visible()
    assert unreadable(page) == []
    assert not scrolls_sideways(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_without_streams_and_the_question_are_readable(
    stage: Stage, page: Page, scheme: Scheme
) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme=scheme)
    page.goto(stage.web)
    expect(page.get_by_role("heading", name="No stream is live")).to_be_visible()
    assert unreadable(page) == []
    assert badly_built(page) == []
    assert not scrolls_sideways(page)
    fill(stage)
    page.get_by_role("button", name="Stop the dub…").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert unreadable(page) == []


def test_a_long_name_is_shown_whole_at_a_phones_width(stage: Stage, page: Page) -> None:
    fill(stage)
    page.set_viewport_size(PHONE)
    page.goto(f"{stage.web}/#/{LONG}/es")
    expect(page.get_by_role("heading", name=LONG)).to_be_visible()
    assert not scrolls_sideways(page)


def test_light_and_dark_are_two_looks(stage: Stage, page: Page) -> None:
    page.goto(stage.web)
    grounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]


def test_the_contrast_check_sees_a_pale_text(stage: Stage, page: Page) -> None:
    page.goto(stage.web)
    page.evaluate("document.querySelector('.brand').style.color = '#cccccc'")
    assert [text["text"] for text in unreadable(page)] == ["Voicestack"]


def test_captions_do_not_talk_over_everything_unless_asked(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    page.goto(stage.web)
    expect(page.locator("#captions")).to_have_attribute("aria-live", "off")
    page.get_by_label("Let a screen reader read").check()
    expect(page.locator("#caption-target")).to_have_attribute("aria-live", "polite")
    expect(page.locator("#caption-target")).to_have_attribute("lang", "es")
