"""Two cells that ask for passwords: what one lets in, the other does too; what one ends is over at both."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest

from app.demo.sample import sample_video
from tests.hls import read
from tests.integration.dubbing.clips import play
from tests.stack import Stack, wait_for
from tests.two_cells import SECOND, two_cells

PAGE = "https://player.example.org"
READER = ("viewer", "a-word-to-watch")
LOCKED = {
    "MEDIA_READ_USER": READER[0],
    "MEDIA_READ_PASSWORD": READER[1],
    "MEDIA_PUBLISH_USER": "studio",
    "MEDIA_PUBLISH_PASSWORD": "a-word-to-publish",
}


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Stack]]:
    """Two cells. The second one has news, published by a link that the first one made."""
    with two_cells(tmp_path_factory.mktemp("cells"), ALLOWED_ORIGINS=PAGE, **LOCKED) as (first, second):
        second.publish(play(sample_video(60.0)), f"news?{link(first, 'live/news', '--publish')}")
        wait_for("the second has it", lambda: "live/news" in second.ready_paths(), 30.0)
        time.sleep(1.1)  # what the first knows of the second is a second old at most
        yield first, second


def link(cell: Stack, path: str, *how: str) -> str:
    """The query of a link that is made at that cell."""
    return cell.command("links", "add", path, *how).split()[0].partition("?")[2]


def ask(address: str, login: tuple[str, str] | None = None, **headers: str) -> httpx.Response:
    return httpx.get(address, auth=login, headers=headers, trust_env=False, timeout=40.0)


def test_who_watches_by_a_password_or_a_link_is_led_on_and_needs_nothing_more(
    cells: tuple[Stack, Stack],
) -> None:
    first, second = cells
    playlist = "all/news/index.m3u8"
    there = f"http://{SECOND}:{second.settings.dubber_port}/{playlist}"
    assert ask(f"{first.settings.dubber_address}/{playlist}").status_code == 401
    mine = link(first, "all/news", "--hours", "1")
    for query, login in (("", READER), (f"?{mine}", None)):
        answer = ask(f"{first.settings.dubber_address}/{playlist}{query}", login)
        assert answer.status_code == 307
        led, _, told = answer.headers["location"].partition("?")
        assert led == there
        assert (told == mine) == (login is None)
        assert "EXT-X-MEDIA" in ask(f"{led}?{told}").text
    assert ask(there).status_code == 401


def test_ffmpeg_follows_with_a_password_that_it_sends_to_the_first_cell_alone(
    cells: tuple[Stack, Stack],
) -> None:
    first, _ = cells
    at = f"127.0.0.1:{first.settings.dubber_port}/all/news/index.m3u8"
    command = ["ffmpeg", "-v", "error", "-i", f"http://{READER[0]}:{READER[1]}@{at}", "-t", "4"]
    sums = ["-map", "0:v", "-f", "framecrc", "-"]
    found = subprocess.run([*command, *sums], capture_output=True, text=True, timeout=120, check=True)
    assert sum(line.startswith("0,") for line in found.stdout.splitlines()) > 60


def test_a_page_of_another_site_is_given_addresses_that_open(cells: tuple[Stack, Stack]) -> None:
    first, second = cells
    answer = ask(f"{first.settings.dubber_address}/all/news/index.m3u8", READER, origin=PAGE)
    assert answer.status_code == 200
    found = [each["URI"] for each in read(answer.text).renditions if "URI" in each]
    assert found
    for each in found:
        assert each.startswith(f"http://{SECOND}:{second.settings.dubber_port}/all/news/")
        assert ask(each, origin=PAGE).status_code == 200


def test_links_that_are_ended_at_one_cell_are_over_at_the_other_within_seconds(
    cells: tuple[Stack, Stack],
) -> None:
    first, second = cells
    address = f"{second.settings.dubber_address}/all/news/index.m3u8"
    old = link(first, "all/news"), link(second, "all/news")
    assert [ask(f"{address}?{each}").status_code for each in old] == [200, 200]
    assert "Other cells" in first.command("links", "revoke")
    began = time.monotonic()
    wait_for("the second has heard", lambda: ask(f"{address}?{old[0]}").status_code == 401, 30.0, 0.1)
    print(f"over at the other cell {time.monotonic() - began:.1f} s later")
    assert ask(f"{address}?{old[1]}").status_code == 401
    for cell in cells:
        assert ask(f"{address}?{link(cell, 'all/news')}").status_code == 200
    publisher = second.publish(play(sample_video(60.0)), f"late?{link(first, 'live/late', '--publish')}")
    wait_for("a new link publishes", lambda: "live/late" in second.ready_paths(), 30.0)
    publisher.kill()
