"""Transcribe and Calls before the real services, with speech in the microphone (LIV-1, LIV-4, LIV-5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.settings import load
from app.web.service import create
from tests.browser.servers import serving
from tests.browser.voice import save, speak
from tests.stack import Stack, free_port

PATIENCE = 60_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real live transcription and sales."""
    with Stack(tmp_path_factory.mktemp("stack"), ("sales",)) as stack:
        yield stack


@pytest.fixture
def web(stack: Stack) -> Iterator[str]:
    """The real console before them."""
    ports = {
        "LIVE_PORT": str(stack.settings.live_port),
        "SALES_PORT": str(stack.settings.sales_port),
    }
    with serving(create(load(ports)), free_port()) as address:
        yield address


def words(text: str) -> set[str]:
    """The words of a text in small letters."""
    return set(re.findall("[a-z']+", text.lower()))


def test_what_is_said_into_the_microphone_is_written_down(web: str, hearing_page: Page) -> None:
    page = hearing_page
    page.goto(f"{web}/transcribe/")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#status")).to_contain_text("Listening", timeout=PATIENCE)
    expect(page.locator("#partial")).not_to_be_empty(timeout=PATIENCE)
    expect(page.locator("#lines")).to_contain_text(re.compile("expensive", re.IGNORECASE), timeout=PATIENCE)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#status")).to_contain_text("Finished", timeout=PATIENCE)
    heard = words(page.locator("#lines").inner_text())
    assert len(heard & words("good morning thank you for taking the time this is too expensive for us")) >= 8


def test_a_file_is_written_down_to_its_last_word(web: str, page: Page, tmp_path: Path) -> None:
    file = save(
        tmp_path / "talk.wav", speak(["The weather is good today.", "Please call me tomorrow morning."])
    )
    page.goto(f"{web}/transcribe/")
    page.get_by_label("Sound or video file").check()
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#status")).to_contain_text("Finished", timeout=PATIENCE)
    expect(page.locator("#lines li").last).to_contain_text(re.compile("morning", re.IGNORECASE))
    expect(page.get_by_role("region", name="Health")).to_contain_text("Live: working")


def test_an_objection_in_a_call_appears_beside_it_while_it_goes_on(web: str, hearing_page: Page) -> None:
    page = hearing_page
    page.goto(f"{web}/calls/#/new")
    page.get_by_role("button", name="Start the call").click()
    expect(page.locator("#objections > li").first).to_contain_text("Price", timeout=PATIENCE)
    expect(page.locator("#status")).to_contain_text("Listening")
    expect(page.locator("#lines")).to_contain_text(re.compile("expensive", re.IGNORECASE))
    page.locator("#objections summary").first.click()
    expect(page.locator("#objections details li").first).to_be_visible()
    page.get_by_role("button", name="End the call").click()
    expect(page.locator("#status")).to_contain_text("Ended", timeout=PATIENCE)
    with page.expect_download() as saved:
        page.get_by_role("list", name="Downloads").get_by_role("link", name="Text").click()
    assert "expensive" in saved.value.path().read_text().lower()


def test_in_a_stereo_file_the_customers_objection_is_the_customers(
    web: str, page: Page, tmp_path: Path
) -> None:
    seller = speak(["Good morning, how are you today?"])
    customer = speak(["To be honest, this is too expensive for us."], lead_in=4.0)
    page.goto(f"{web}/calls/#/new")
    page.get_by_label("Sound or video file").check()
    page.get_by_label("File", exact=True).set_input_files(save(tmp_path / "talk.wav", seller, customer))
    page.get_by_role("button", name="Start the call").click()
    expect(page.locator("#objections > li").first).to_contain_text("Customer", timeout=PATIENCE)
    expect(page.locator("#status")).to_contain_text("Ended", timeout=PATIENCE)
    expect(page.locator("#lines .voice.seller").first).to_be_visible()
