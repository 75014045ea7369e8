"""A cell and two read replicas of it: when one is killed, hls.js goes on at the other one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page

from app.demo.sample import sample_video
from tests.browser.looking import PLAYING, until
from tests.browser.servers import publishing_file, site_with_hls
from tests.stack import LIGHT_VOICE, SLOWEST, Stack, free_port, wait_for

SITE_PORT = free_port()
SITE = f"http://127.0.0.1:{SITE_PORT}"
SEGMENT = 2.0
# Notes where the picture stood still and for how long, and where each piece of it came from.
PLAYER = """<!doctype html><video muted></video><script src="/hls.js"></script><script>
  const video = document.querySelector("video"), hls = new Hls();
  const seen = { stood: 0, from: "", problems: [] };
  let [moved, at] = [performance.now(), -1];
  setInterval(() => {
    const now = performance.now();
    if (video.currentTime !== at) [moved, at] = [now, video.currentTime];
    if (at > 0) seen.stood = Math.max(seen.stood, (now - moved) / 1000);
  }, 20);
  hls.on("hlsFragLoaded", (_, { frag }) => { if (frag.type === "main") seen.from = frag.url; });
  hls.on("hlsError", (_, error) => seen.problems.push(error.details + (error.fatal ? " (fatal)" : "")));
  hls.loadSource(new URLSearchParams(location.search).get("all"));
  hls.attachMedia(video);
  hls.on("hlsManifestParsed", () => video.play());
</script>"""


@pytest.fixture(scope="module")
def cell_and_replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, list[Stack]]]:
    """The cell has news, and the replicas are well."""
    folder = tmp_path_factory.mktemp("replicas")
    own, ports = str(free_port()), [str(free_port()), str(free_port())]
    there = ",".join(f"http://127.0.0.1:{port}" for port in ports)
    common = {"ALLOWED_ORIGINS": SITE, "DUBBER_PORT": own}
    with ExitStack() as stack:
        light = {**LIGHT_VOICE, "ASR_ENGINE": "pocketsphinx"}
        cell = stack.enter_context(Stack(folder / "cell", extra={**common, **light, "REPLICAS": there}))
        replicas = [
            stack.enter_context(
                Stack(folder / port, ("replica",), {"ALLOWED_ORIGINS": SITE, "REPLICA_PORT": port,
                                                    "DUBBER_URL": cell.settings.dubber_address})
            )
            for port in ports
        ]  # fmt: skip
        ingest = f"rtmp://127.0.0.1:{cell.settings.media_rtmp_port}/live/news"
        stack.enter_context(publishing_file(sample_video(40.0), ingest))
        wait_for("the cell finds its replicas well", lambda: are_well(cell), 30.0)
        wait_for("the cell has news", lambda: [each["ready"] for each in streams(cell)] == [True], 30.0)
        yield cell, replicas


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Somebody's own page with hls.js as it comes."""
    with site_with_hls(PLAYER, SITE_PORT) as address:
        yield address


def streams(cell: Stack) -> list[dict[str, object]]:
    found: list[dict[str, object]] = cell.http.get("/streams").json()["streams"]
    return found


def are_well(cell: Stack) -> bool:
    told = cell.http.get("/health").json()["depends_on"]
    found = [each["reachable"] for name, each in told.items() if name.startswith("replica-")]
    return found == [True, True]


def figure(replica: Stack, name: str) -> float:
    """One of a replica's figures."""
    text = httpx.get(f"http://127.0.0.1:{replica.settings.replica_port}/metrics", trust_env=False).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


def port_of(page: Page) -> int:
    """Where the newest piece of the picture came from."""
    return urlsplit(str(page.evaluate("seen.from"))).port or 0


def test_a_player_goes_on_at_the_other_replica_when_its_own_is_killed(
    cell_and_replicas: tuple[Stack, list[Stack]], site: str, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    cell, replicas = cell_and_replicas
    by_port = {each.settings.replica_port: each for each in replicas}
    page.goto(f"{site}/?all={cell.settings.dubber_address}/all/news/steered.m3u8")
    until(page, PLAYING, 90)
    page.wait_for_function("video.currentTime > video.buffered.start(0) + 4", timeout=60_000)
    first = port_of(page)
    assert first in by_port
    [other] = by_port.keys() - {first}
    page.evaluate("seen.stood = 0, seen.problems.length = 0, seen.killed = video.currentTime")
    by_port[first].kill("replica")
    page.wait_for_function(f"new URL(seen.from).port === '{other}'", timeout=60_000)
    page.wait_for_function("video.currentTime > seen.killed + 12", timeout=60_000)
    stood, problems = page.evaluate("[seen.stood, seen.problems]")
    with capsys.disabled():
        print(f"\nits replica was killed: the picture stood for {stood:.2f} s; told: {problems}")
    assert not any("fatal" in each for each in problems)
    assert stood < 2 * SEGMENT * SLOWEST
    assert page.evaluate("hls.latency") < 30
    by_port[first].start("replica")
    by_port[first].wait_healthy(["replica"])
    wait_for("the cell finds both well", lambda: are_well(cell), 30.0)
    assert port_of(page) == other


def test_many_players_ask_the_cell_for_each_thing_once(
    cell_and_replicas: tuple[Stack, list[Stack]],
) -> None:
    cell, replicas = cell_and_replicas
    one = replicas[0]
    before = figure(one, "replica_asked_total"), figure(one, "replica_answers_total")
    base = f"http://127.0.0.1:{one.settings.replica_port}/all/news"
    with httpx.Client(trust_env=False, timeout=40.0) as http:
        pieces = [
            line for line in http.get(f"{base}/picture.m3u8").text.splitlines() if line.endswith(".m4s")
        ]
        for _ in range(50):
            contents = {http.get(f"{base}/{pieces[-1]}").content}
    at_the_cell = cell.http.get(f"/all/news/{pieces[-1]}").content
    assert contents == {at_the_cell}
    assert figure(one, "replica_answers_total") - before[1] == 51
    assert figure(one, "replica_asked_total") - before[0] == 2
