"""Who asks the wrong cell for a stream is sent to the one that has it, with real players."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.demo.sample import sample_video
from tests.hls import read
from tests.integration.dubbing.clips import play
from tests.stack import Stack, wait_for
from tests.two_cells import FIRST, SECOND, two_cells

PAGE = "https://player.example.org"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Stack]]:
    """Two cells, the second of which has news."""
    with two_cells(tmp_path_factory.mktemp("cells"), ALLOWED_ORIGINS=PAGE) as (first, second):
        second.publish(play(sample_video(60.0)), "news", "rtmp")
        wait_for("the second has it", lambda: has(second, "news"), 30.0)
        time.sleep(1.1)  # what the first knows of the second is a second old at most
        yield first, second


def has(cell: Stack, stream: str) -> bool:
    return any(
        each["name"] == stream and each["ready"] for each in cell.http.get("/streams").json()["streams"]
    )


def ask(cell: Stack, path: str, **headers: str) -> httpx.Response:
    """The dubber's answer for a viewer."""
    address = f"{cell.settings.dubber_address}/all/{path}"
    return httpx.get(address, headers=headers, trust_env=False, timeout=40.0)


def test_a_viewer_is_sent_to_the_cell_that_has_the_stream_and_no_link_goes_along(
    cells: tuple[Stack, Stack],
) -> None:
    first, second = cells
    answer = ask(first, "news/index.m3u8?link=1.2&next=https://elsewhere.example.org", host="127.0.0.1")
    assert answer.status_code == 307
    there = f"http://{SECOND}:{second.settings.dubber_port}/all/news/index.m3u8"
    assert (answer.headers["location"], answer.headers["cache-control"]) == (there, "no-store")
    console = f"http://127.0.0.1:{first.settings.web_port}/hls/all/news/index.m3u8"
    by_console = httpx.get(console, trust_env=False, timeout=40.0)
    assert by_console.status_code == 307
    assert by_console.headers["location"] == (
        f"http://{SECOND}:{second.settings.web_port}/hls/all/news/index.m3u8"
    )


def test_what_no_cell_has_is_not_there_and_neither_are_pieces_and_showings(
    cells: tuple[Stack, Stack],
) -> None:
    first, _ = cells
    for path in ("nobody/index.m3u8", "news/picture-0-1.m4s", "news@20260131T190000/index.m3u8"):
        assert ask(first, path).status_code == 404
    assert not first.dub("news"), "the first has nothing of it"


@pytest.mark.parametrize("by", ["dubber", "console"])
def test_ffmpeg_follows_and_plays(cells: tuple[Stack, Stack], by: str) -> None:
    first, _ = cells
    settings = first.settings
    ways = {"dubber": settings.dubber_address, "console": f"http://127.0.0.1:{settings.web_port}/hls"}
    command = ["ffmpeg", "-v", "error", "-i", f"{ways[by]}/all/news/index.m3u8", "-t", "4"]
    sums = ["-map", "0:v", "-map", "0:a:0", "-f", "framecrc", "-"]
    found = subprocess.run([*command, *sums], capture_output=True, text=True, timeout=120, check=True)
    frames = [line for line in found.stdout.splitlines() if not line.startswith("#")]
    assert sum(line.startswith("0,") for line in frames) > 60
    assert sum(line.startswith("1,") for line in frames) > 60


def test_a_page_of_another_site_that_may_read_is_given_the_playlist_that_leads_there(
    cells: tuple[Stack, Stack],
) -> None:
    """A browser that is redirected to a third site says no more who asks, and would be refused."""
    first, second = cells
    answer = ask(first, "news/index.m3u8", origin=PAGE)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["cache-control"] == "no-store"
    base = f"http://{SECOND}:{second.settings.dubber_port}/all/news/"
    playlist = read(answer.text)
    addresses = [each["URI"] for each in playlist.renditions if "URI" in each]
    assert addresses
    assert all(each.startswith(base) for each in addresses)
    media = httpx.get(addresses[0], headers={"origin": PAGE}, trust_env=False, timeout=10.0)
    assert (media.status_code, media.headers["access-control-allow-origin"]) == (200, PAGE)
    other = ask(first, "news/index.m3u8", origin="https://stranger.example.org")
    assert other.status_code == 307
    assert "access-control-allow-origin" not in other.headers


def test_every_cell_tells_of_all(cells: tuple[Stack, Stack]) -> None:
    first, second = cells
    seen: list[dict[str, Any]] = first.http.get("/cells").json()["cells"]
    assert [(each["name"], each["own"], each["answers"]) for each in seen] == [
        (FIRST, True, True),
        (SECOND, False, True),
    ]
    assert seen[1]["console"] == f"http://{SECOND}:{second.settings.web_port}"
    assert [(each["name"], each["ready"], list(each["dubs"])) for each in seen[1]["streams"]] == [
        ("news", True, ["es"])
    ]
    by_console = httpx.get(
        f"http://127.0.0.1:{first.settings.web_port}/api/dubber/cells", trust_env=False, timeout=10.0
    )
    assert by_console.json()["cells"][1]["name"] == SECOND
