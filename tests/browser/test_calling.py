"""The page Calls before a stand-in for sales (LIV-2, LIV-5, LIV-6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, ViewportSize, expect

from app.settings import load
from app.web.service import create
from tests.browser.looking import LOOKS, Scheme, badly_built, scrolls_sideways, unreadable, until
from tests.browser.servers import serving, wait_until
from tests.browser.stand_in_sales import StandInSales, call, objection, segment
from tests.browser.voice import save
from tests.stack import free_port

RATE = 16_000
TALK = [
    segment(0, "Good morning.", "seller"),
    segment(1, "This is far too expensive for us.", "customer"),
    segment(2, "What would it be worth to you?", "seller"),
    segment(3, "I have to ask my boss.", "customer"),
]
PRICE = objection(1, channel="customer", quote="far too expensive", smokescreen=True)
AUTHORITY = objection(3, "authority", channel="customer", quote="ask my boss", confidence=0.61)
EVIL = '<img src=x onerror="document.title=1"><b>bold</b>'


@pytest.fixture
def sales() -> StandInSales:
    return StandInSales()


@pytest.fixture
def address(sales: StandInSales) -> Iterator[str]:
    port = free_port()
    settings = load({"SALES_URL": f"http://127.0.0.1:{port}"})
    with serving(sales.app(), port), serving(create(settings), free_port()) as web:
        yield f"{web}/calls/"


def talk(**changes: Any) -> dict[str, Any]:
    """A call of two channels with two objections in it."""
    return call(channels=["seller", "customer"], segments=TALK, objections=[PRICE, AUTHORITY], **changes)


def send_file(page: Page, file: Path) -> None:
    page.get_by_label("Sound or video file").check()
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Start the call").click()


def test_without_the_service_it_says_what_to_do_and_goes_on_by_itself(page: Page) -> None:
    port, sales = free_port(), StandInSales()
    with serving(create(load({"SALES_URL": f"http://127.0.0.1:{port}"})), free_port()) as web:
        page.goto(f"{web}/calls/")
        expect(page.get_by_role("heading", name="The sales service is not running")).to_be_visible()
        expect(page.get_by_text('make run ARGS="--services sales web"')).to_be_visible()
        assert badly_built(page) == []
        with serving(sales.app(), port):
            expect(page.get_by_role("heading", name="New call")).to_be_visible(timeout=15_000)


def test_a_call_by_microphone_is_one_channel_until_it_is_ended(
    sales: StandInSales, address: str, hearing_page: Page
) -> None:
    page = hearing_page
    page.goto(address)
    page.get_by_label("Title").fill("Smith and Sons")
    page.get_by_role("button", name="Start the call").click()
    expect(page.get_by_role("heading", name="Smith and Sons")).to_be_visible()
    wait_until(lambda: len(sales.sound.get("call", b"")) > 2 * RATE, "a second of sound")
    id = next(iter(sales.calls))
    expect(page).to_have_url(f"{address}#/{id}")
    sales.tell("partial", {"channel": "call", "text": "good mor", "start": 0, "end": 1}, id)
    expect(page.locator("#partials")).to_have_text("good mor")
    sales.tell("segment", segment(1, "Good morning."), id)
    sales.tell("partial", {"channel": "call", "text": "", "start": 0, "end": 1}, id)
    expect(page.locator("#lines li")).to_have_text(["0:04 Good morning."])
    expect(page.locator("#partials")).to_have_text("")
    page.get_by_role("button", name="End the call").click()
    expect(page.locator("#status")).to_contain_text("Ended")
    assert sales.orders == [f"end {id}"]
    expect(page.get_by_role("button", name="End the call")).to_be_hidden()


def test_a_stereo_file_is_the_seller_on_the_left_and_the_customer_on_the_right(
    sales: StandInSales, address: str, page: Page, tmp_path: Path
) -> None:
    left, right = np.full(3 * RATE, 0.25, np.float32), np.full(3 * RATE, -0.5, np.float32)
    page.goto(address)
    send_file(page, save(tmp_path / "talk.wav", left, right, rate=RATE))
    expect(page.get_by_role("heading", name="talk.wav")).to_be_visible()
    expect(page.locator("#status")).to_contain_text("Ended", timeout=15_000)
    heard = {channel: np.frombuffer(sound, "<i2") for channel, sound in sales.sound.items()}
    assert {channel: (len(one), round(float(one.mean()) / 32768, 2)) for channel, one in heard.items()} == {
        "seller": (3 * RATE, 0.25),
        "customer": (3 * RATE, -0.5),
    }


def test_one_voice_saved_on_both_sides_is_one_channel(
    sales: StandInSales, address: str, page: Page, tmp_path: Path
) -> None:
    sound = np.sin(np.arange(2 * RATE) / 9).astype(np.float32) / np.float32(2)
    page.goto(address)
    send_file(page, save(tmp_path / "talk.wav", sound, sound, rate=RATE))
    expect(page.locator("#status")).to_contain_text("Ended", timeout=15_000)
    assert list(sales.sound) == ["call"]


def test_the_sample_call_is_played_from_this_server(sales: StandInSales, address: str, page: Page) -> None:
    page.goto(address)
    page.get_by_label("Sample call").check()
    page.get_by_role("button", name="Start the call").click()
    expect(page.get_by_role("heading", name="Sample call")).to_be_visible(timeout=60_000)
    wait_until(lambda: len(sales.sound.get("customer", b"")) > RATE, "half a second of sound")
    page.get_by_role("button", name="End the call").click()
    expect(page.locator("#status")).to_contain_text("Ended")
    assert set(sales.sound) == {"seller", "customer"}


def test_a_break_loses_no_sound(sales: StandInSales, address: str, page: Page, tmp_path: Path) -> None:
    ramp = np.linspace(-0.5, 0.5, 6 * RATE, dtype=np.float32)
    page.goto(address)
    send_file(page, save(tmp_path / "ramp.wav", ramp, rate=RATE))
    wait_until(lambda: len(sales.sound.get("call", b"")) > 2 * RATE, "a second of sound")
    sales.cut += 1
    expect(page.locator("#status")).to_contain_text("The connection was lost; trying again.")
    expect(page.locator("#status")).to_contain_text("Ended", timeout=20_000)
    # What was under way at the moment of the break is gone, and no more.
    assert len(sales.sound["call"]) > 2 * 5 * RATE


def test_objections_stand_beside_the_transcript_with_what_may_be_said(
    sales: StandInSales, address: str, page: Page
) -> None:
    sales.add(talk())
    page.goto(address)
    expect(page.locator("#lines li")).to_have_text(
        [
            "0:00 Seller Good morning.",
            "0:04 Customer This is far too expensive for us. price",
            "0:08 Seller What would it be worth to you?",
            "0:12 Customer I have to ask my boss. authority",
        ]
    )
    cards = page.locator("#objections > li")
    expect(cards.nth(0)).to_contain_text("Authority0:1261 % sure · Customerask my boss")
    expect(cards.nth(0)).not_to_contain_text("smokescreen")
    expect(cards.nth(1)).to_contain_text("May be a smokescreen")
    expect(page.get_by_role("list", name="Objections by kind").get_by_role("listitem")).to_have_text(
        ["Price 1", "Authority 1"]
    )
    expect(cards.nth(1).get_by_text("First answer.")).to_be_hidden()
    cards.nth(1).get_by_text("2 answers").click()
    expect(cards.nth(1).get_by_text("First answer.")).to_be_visible()
    page.get_by_role("button", name="Show in the transcript, 0:04").click()
    expect(page.locator("#lines li").nth(1)).to_be_focused()


def test_an_objection_that_comes_is_shown_said_and_counted_once(
    sales: StandInSales, address: str, page: Page
) -> None:
    sales.add(talk())
    page.goto(address)
    expect(page.locator("#objections > li")).to_have_count(2)
    second = objection(9, channel="customer", quote="we have no money for it")
    for _ in range(2):
        sales.tell("objection", second)
    expect(page.locator("#objections > li")).to_have_count(3)
    expect(page.locator("#objections > li").first).to_contain_text("we have no money for it")
    expect(page.locator("#announcer")).to_have_text("Price: we have no money for it")
    expect(page.locator("#counts li").first).to_have_text("Price 2")


def test_what_came_while_the_connection_was_down_is_there_afterwards(
    sales: StandInSales, address: str, page: Page
) -> None:
    whole = talk()
    sales.add(whole)
    page.goto(address)
    expect(page.locator("#lines li")).to_have_count(4)
    sales.calls[str(whole["id"])]["segments"] = [*TALK, segment(9, "said meanwhile", "seller")]
    sales.cut += 1
    expect(page.get_by_text("said meanwhile")).to_be_visible(timeout=15_000)
    expect(page.locator("#lines li")).to_have_count(5)


def test_past_calls_are_listed_exported_and_deleted(sales: StandInSales, address: str, page: Page) -> None:
    sales.add(talk(state="ended"), call("b" * 16, title="Jones", state="ended"))
    page.goto(address)
    links = page.get_by_role("navigation", name="Calls").get_by_role("link")
    expect(links).to_have_text(["New call", "Smith and Sons Ended2 Mar, 10:15", "Jones Ended2 Mar, 10:15"])
    with page.expect_download() as saved:
        page.get_by_role("list", name="Downloads").get_by_role("link", name="Table (CSV)").click()
    assert saved.value.path().read_text() == "export as csv"
    links.nth(2).click()
    expect(page.get_by_role("heading", name="Jones")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Smith and Sons")).to_be_visible()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Keep the call").click()
    assert sales.orders == []
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete the call").click()
    expect(page.get_by_role("heading", name="Jones")).to_be_visible()
    assert sales.orders == [f"delete {'a' * 16}"]


def test_without_a_language_model_nothing_offers_to_write(
    sales: StandInSales, address: str, page: Page
) -> None:
    sales.add(talk())
    page.goto(address)
    expect(page.get_by_role("button", name="Delete…")).to_be_visible()
    expect(page.get_by_role("button", name="Summary")).to_be_hidden()
    expect(page.get_by_role("button", name="Suggestion")).to_be_hidden()


def test_a_summary_appears_as_it_is_written(sales: StandInSales, address: str, page: Page) -> None:
    sales.add(talk())
    sales.writes = ["The customer ", "worries about ", "the price.\n\nMore."]
    page.goto(address)
    page.get_by_role("button", name="Summary").click()
    expect(page.get_by_role("region", name="Summary")).to_contain_text(
        "The customer worries about the price."
    )
    page.get_by_role("button", name="Suggestion").click()
    expect(page.get_by_role("heading", name="Suggestion")).to_be_visible()
    wait_until(lambda: len(sales.orders) == 2, "both were asked for")


def test_a_summary_that_breaks_off_says_why(sales: StandInSales, address: str, page: Page) -> None:
    sales.add(talk())
    sales.writes, sales.write_problem = ["The customer"], "the language model took too long"
    page.goto(address)
    page.get_by_role("button", name="Summary").click()
    expect(page.get_by_role("alert")).to_have_text("Summary failed: the language model took too long.")
    expect(page.get_by_role("region", name="Summary")).to_contain_text("The customer")


def test_a_call_that_can_not_be_started_says_why(
    sales: StandInSales, address: str, hearing_page: Page
) -> None:
    sales.refusal = (503, "there are 100 calls already")
    hearing_page.goto(address)
    hearing_page.get_by_role("button", name="Start the call").click()
    expect(hearing_page.get_by_role("alert")).to_have_text(
        "The call can’t be started: there are 100 calls already."
    )


def test_a_call_that_is_gone_leads_back_to_the_others(sales: StandInSales, address: str, page: Page) -> None:
    sales.add(talk())
    page.goto(f"{address}#/{'c' * 16}")
    expect(page.get_by_role("heading", name="Smith and Sons")).to_be_visible()


def test_texts_are_never_read_as_markup(sales: StandInSales, address: str, page: Page) -> None:
    evil = objection(1, quote=EVIL, answers=[EVIL])
    sales.add(call(title=EVIL, segments=[segment(1, EVIL)], objections=[evil], detail=EVIL))
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text(EVIL)
    expect(page.locator("blockquote")).to_have_text(EVIL)
    assert page.locator("img[src], #main b:not(.counts b)").count() == 0


@LOOKS
def test_every_text_is_readable_at_every_width(
    sales: StandInSales, address: str, page: Page, scheme: Scheme, size: ViewportSize
) -> None:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    long = segment(7, "w" * 90, "customer")
    sales.add(talk() | {"segments": [*TALK, long], "title": "t" * 100, "detail": "d" * 90})
    sales.writes = ["s" * 90]
    page.goto(address)
    page.get_by_text("2 answers").first.click()
    page.get_by_role("button", name="Summary").click()
    expect(page.locator("#written-text")).to_contain_text("sss")
    assert unreadable(page) == []
    assert badly_built(page) == []
    assert not scrolls_sideways(page)
    page.get_by_role("link", name="New call").click()
    for choice in ("Sound or video file", "Microphone"):
        page.get_by_label(choice).check()
        assert unreadable(page) == []
        assert badly_built(page) == []
        assert not scrolls_sideways(page)
    until(page, "document.title.startsWith('New call')")
