"""Two cells seen in one console, before real dubbers and media servers; and with one cell nothing of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from app.demo.sample import sample_video
from tests.browser.conftest import Stage
from tests.browser.looking import LOOKS, PLAYING, Scheme, badly_built, scrolls_sideways, unreadable, until
from tests.browser.servers import publishing_file, site_with_hls
from tests.browser.stand_in import dub, stream
from tests.stack import Stack, free_port
from tests.two_cells import FIRST, SECOND, two_cells

PATIENCE = 60_000
SITE_PORT = free_port()
SITE = f"http://127.0.0.1:{SITE_PORT}"
PLAYER = """<!doctype html><video muted></video><script src="/hls.js"></script><script>
  const hls = new Hls();
  hls.loadSource(new URLSearchParams(location.search).get("all"));
  hls.attachMedia(document.querySelector("video"));
  hls.on("hlsManifestParsed", () => document.querySelector("video").play());
</script>"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Stack]]:
    """The first cell has match, the second news."""
    with two_cells(tmp_path_factory.mktemp("cells"), ALLOWED_ORIGINS=SITE) as (first, second):
        file = sample_video(40.0)
        with publishing_file(file, rtmp(first, "match")), publishing_file(file, rtmp(second, "news")):
            yield first, second


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Somebody's own page with hls.js, which is told what to play."""
    with site_with_hls(PLAYER, SITE_PORT) as address:
        yield address


def rtmp(cell: Stack, name: str) -> str:
    return f"rtmp://127.0.0.1:{cell.settings.media_rtmp_port}/live/{name}"


def console(cell: Stack, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{cell.settings.web_port}/"


def test_streams_of_the_other_cell_are_in_the_list_and_lead_to_its_console(
    cells: tuple[Stack, Stack], page: Page
) -> None:
    first, second = cells
    page.goto(console(first))
    streams = page.get_by_role("navigation", name="Streams")
    expect(streams.get_by_role("heading", name=FIRST)).to_be_visible(timeout=PATIENCE)
    other = streams.get_by_role("region", name=SECOND)
    expect(other.get_by_text("news")).to_be_visible(timeout=PATIENCE)
    expect(other.get_by_text("match")).to_have_count(0)
    expect(streams.locator("#streams").get_by_text("match")).to_be_visible()
    other.get_by_role("link", name="Spanish").click()
    expect(page).to_have_url(f"{console(second, SECOND)}#/news/es")
    expect(page.get_by_role("heading", name="news")).to_be_visible(timeout=PATIENCE)
    until(page, PLAYING, 60)


def test_a_stream_that_is_asked_for_at_the_wrong_cell_is_found(
    cells: tuple[Stack, Stack], page: Page
) -> None:
    first, second = cells
    page.goto(f"{console(first)}#/news/es")
    link = page.get_by_role("link", name=f"Open it on {SECOND}")
    expect(link).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("heading", name="news", level=1)).to_be_visible()
    expect(page.locator("#monitor")).to_be_hidden()
    link.click()
    expect(page).to_have_url(f"{console(second, SECOND)}#/news/es")
    expect(page.locator("#monitor")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{console(first)}#/nobody/es")
    expect(page.locator("#monitor")).to_be_visible(timeout=PATIENCE)
    expect(link).to_be_hidden()


def test_a_publisher_is_told_the_addresses_of_the_cell_that_is_chosen(
    cells: tuple[Stack, Stack], page: Page
) -> None:
    first, second = cells
    page.goto(console(first))
    expect(page.locator("#cells")).to_be_visible(timeout=PATIENCE)
    page.locator("#publish summary").click()
    page.get_by_label("Name of the stream").fill("news")
    expect(page.locator("#publish-cell")).to_have_text(f"It goes to {SECOND}.", timeout=PATIENCE)
    port = second.settings.media_rtmp_port
    expect(page.locator("#publish-body code").first).to_have_text(f"rtmp://{SECOND}:{port}/live")
    page.get_by_label("Name of the stream").fill("match")
    expect(page.locator("#publish-cell")).to_have_text(f"It goes to {FIRST}.", timeout=PATIENCE)
    srt = f"srt://{FIRST}:{first.settings.media_srt_port}?streamid=publish:live/match"
    expect(page.get_by_text(srt, exact=True)).to_be_visible()


def test_a_page_of_ones_own_plays_a_stream_whichever_cell_it_asks(
    cells: tuple[Stack, Stack], site: str, page: Page
) -> None:
    for cell in cells:
        page.goto(f"{site}/?all={cell.settings.dubber_address}/all/news/index.m3u8")
        until(page, PLAYING, 90)


@LOOKS
def test_two_cells_are_readable(
    cells: tuple[Stack, Stack], page: Page, scheme: Scheme, size: ViewportSize
) -> None:
    first, _ = cells
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    page.goto(console(first))
    expect(page.get_by_role("region", name=SECOND).get_by_text("news")).to_be_visible(timeout=PATIENCE)
    until(page, PLAYING, 60)
    assert unreadable(page) == []
    assert badly_built(page) == []
    assert not scrolls_sideways(page)
    page.goto(f"{console(first)}#/news/es")
    expect(page.get_by_role("link", name=f"Open it on {SECOND}")).to_be_visible(timeout=PATIENCE)
    assert unreadable(page) == []
    assert badly_built(page) == []


def test_a_cell_that_does_not_answer_is_shown_as_such(cells: tuple[Stack, Stack], page: Page) -> None:
    first, second = cells
    page.goto(console(first))
    other = page.get_by_role("region", name=SECOND)
    expect(other.get_by_text("news")).to_be_visible(timeout=PATIENCE)
    second.kill("dubber")
    expect(other.get_by_text("Does not answer")).to_be_visible(timeout=PATIENCE)
    expect(other.get_by_text("news")).to_have_count(0)
    assert unreadable(page) == []
    second.start("dubber")
    expect(other.get_by_text("news")).to_be_visible(timeout=PATIENCE)


def test_with_one_cell_nothing_is_seen_of_it_and_nothing_more_is_asked(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub())]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(stage.web)
    expect(page.locator("#streams").get_by_role("link", name="Spanish")).to_be_visible()
    page.locator("#publish summary").click()
    expect(page.get_by_text("/live/match", exact=False).first).to_be_visible()
    for part in ("own-cell", "cells", "elsewhere", "publish-cell"):
        expect(page.locator(f"#{part}")).to_be_hidden()
    assert not [each for each in asked if "/cells" in each.replace("/js/cells.js", "") or "/ingest" in each]
