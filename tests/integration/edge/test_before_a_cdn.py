"""The real edge before which a CDN stands: HLS is that CDN's alone, and the CDN gets nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import psutil
import pytest

from app.native.edge import folder_of
from app.render.caddy import CDN_HEADER, LEAD_HEADER
from tests.hls import read
from tests.integration.edge.conftest import CARD, LIGHT, PASSWORD, READER, Edge
from tests.stack import Stack, wait_for

SECRET = f"hush-{os.urandom(16).hex()}"
BY_CDN = {CDN_HEADER: SECRET}
PATIENCE = 60.0
AT = "https://watch.example.org"
LIVE, ALL = "/live/cdn/index.m3u8", "/all/nobody/index.m3u8"


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge that has a secret in common with a CDN, and a stream behind it."""
    with Stack(tmp_path_factory.mktemp("fronted"), ("edge",), {"CDN_SECRET": SECRET}) as running:
        running.publish(CARD, "cdn")
        made = Edge(running, folder_of(running.settings) / "pki/authorities/local/root.crt")
        wait_for("it is published", lambda: running.ready_paths().get("live/cdn"), 30.0)
        wait_for("the stream", lambda: asked(made, LIVE).status_code == 200, 30.0)
        yield made


def asked(edge: Edge, path: str, method: str = "GET", **more: str) -> httpx.Response:
    """What a CDN gets."""
    return edge.http.request(method, path, headers=BY_CDN | more, timeout=PATIENCE)


def test_who_comes_past_the_cdn_is_refused_whatever_he_shows(fronted: Edge) -> None:
    for shown in ({}, {CDN_HEADER: ""}, {CDN_HEADER: "*"}, {CDN_HEADER: SECRET[:-1]}, {"X-Cdn": SECRET}):
        for path in (LIVE, ALL, "/all/nobody/picture-1.m4s"):
            answer = fronted.http.get(path, headers=shown)
            assert (answer.status_code, answer.headers["cache-control"]) == (403, "no-store")


def test_the_cdn_gets_playlists_and_pieces_and_the_services_say_how_long_they_hold(fronted: Edge) -> None:
    master = asked(fronted, LIVE)
    playlist = asked(fronted, f"/live/cdn/{master.text.split()[-1]}")
    piece = asked(fronted, f"/live/cdn/{playlist.text.split()[-1]}")
    held = [each.headers["cache-control"] for each in (master, playlist, piece)]
    assert held == ["max-age=30", "no-cache", "max-age=3600"]
    # The dubber's own word, which no cache keeps.
    nobody = asked(fronted, ALL)
    assert (nobody.status_code, nobody.headers["cache-control"]) == (404, "no-store")
    assert "neither live nor kept" in nobody.text


def test_the_cdn_gets_nothing_else_and_changes_nothing(fronted: Edge) -> None:
    for path in (
        "/",
        "/api/dubber/streams",
        "/login",
        "/live/cdn/whep",
        "/metrics",
        "/all/nobody/index.jsonl",
    ):
        answer = asked(fronted, path)
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store"), path
    assert {asked(fronted, LIVE, method).status_code for method in ("POST", "PUT", "OPTIONS")} == {404}


def test_everything_else_is_as_without_a_cdn(fronted: Edge) -> None:
    assert fronted.http.get("/").status_code == 200
    assert fronted.http.options("/live/cdn/whep").status_code == 204
    # By way of the console, for those who operate it.
    assert fronted.http.get(f"/hls{LIVE}").status_code == 200


def test_the_secret_is_in_no_log_file_or_process_list(fronted: Edge) -> None:
    log = fronted.stack.settings.data_dir / "edge" / "access.log"
    assert LIVE in log.read_text()
    folder = log.parent
    written = [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]
    told = [*written, fronted.stack.log_of("edge").read_text(), fronted.stack.log_of("dubber").read_text()]
    assert not [text for text in told if SECRET in text]
    assert not [each for each in psutil.process_iter(["cmdline"]) if SECRET in str(each.info["cmdline"])]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge before which a CDN stands, where watching needs a password, and a stream behind it."""
    told = {"CDN_SECRET": SECRET, "CDN_URL": AT, "MEDIA_READ_USER": READER, "MEDIA_READ_PASSWORD": PASSWORD}
    with Stack(tmp_path_factory.mktemp("closed"), ("edge",), {**LIGHT, **told}) as running:
        running.publish(CARD, "cdn")
        wait_for("it is published", lambda: running.ready_paths().get("live/cdn"), 30.0)
        yield Edge(running, folder_of(running.settings) / "pki/authorities/local/root.crt")


def test_a_password_leads_to_the_cdn_which_needs_none(closed: Edge) -> None:
    path = "/all/cdn/index.m3u8"
    assert closed.http.get(path).status_code == 401
    assert closed.http.get(path, auth=(READER, "guessed")).status_code == 401
    answer = closed.http.get(path, auth=(READER, PASSWORD))
    assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
    there = answer.headers["location"]
    assert there.startswith(f"{AT}/all/cdn/")
    below = there.removeprefix(AT).removesuffix("index.m3u8")
    # What follows is asked by the CDN: without a password, and the same for everybody.
    playlist = asked(closed, f"{below}index.m3u8")
    assert (playlist.status_code, playlist.headers["cache-control"]) == (200, "public, max-age=1")
    [first, *_] = read(playlist.text).addresses
    media = asked(closed, f"{below}{first}")
    piece = asked(closed, f"{below}{read(media.text).pieces[0].uri}")
    assert piece.status_code == 200
    assert piece.headers["cache-control"].startswith("public, max-age=")
    assert asked(closed, path).status_code == 401
    assert asked(closed, path, **{LEAD_HEADER: "cdn"}).status_code == 401
    assert closed.http.get(f"{below}index.m3u8").status_code == 403, "past the CDN nobody gets it"


def test_a_link_of_the_command_line_opens_it_at_the_cdn_until_links_are_ended(closed: Edge) -> None:
    there = closed.stack.command("links", "add", "all/cdn", "--hours", "1").strip()
    assert there.startswith(f"{AT}/all/cdn/")
    path = there.removeprefix(AT)
    assert asked(closed, path).status_code == 200
    closed.stack.command("links", "revoke")
    wait_for("it is over", lambda: asked(closed, path).status_code == 401, 10.0)
    log = (closed.stack.settings.data_dir / "edge" / "access.log").read_text()
    assert "/all/cdn/index.m3u8" in log
    assert path.split("/")[3] not in log
