"""What is joined over HTTP: who may read it, how long it may be kept, what is deleted."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.access.links import Links
from app.access.remembered import links_of
from app.access.store import store_of
from app.dubbing.service import api, joined_api, viewers
from app.dubbing.service.events import Hub
from app.dubbing.service.joined_api import AtHand
from app.dubbing.service.joining import Joining
from app.dubbing.service.replicas import Replicas
from app.dubbing.service.shelf import Shelf
from app.dubbing.service.streams import Streams
from app.dubbing.service.viewers import Viewers
from app.dubbing.showing import ENDED, showings
from app.serving.quick import Asked
from app.settings import Settings, load
from tests.hls import attributes, faults, read
from tests.showing_a_clip import shown

SECRET = "of-this-run"
PASSWORD = ("viewer", "out-word")
LOGIN = {"MEDIA_READ_USER": PASSWORD[0], "MEDIA_READ_PASSWORD": PASSWORD[1]}
STRANGER = "8.8.8.8"
FOR_EVER = "max-age=31536000, immutable"
PAGE = "https://player.example.org"
NONE = Replicas((), httpx.AsyncClient())


def settings_of(folder: Path, **more: str) -> Settings:
    return load({"DATA_DIR": str(folder), "REPLAY_MINUTES": "5", "ALLOWED_ORIGINS": PAGE, **more})


def joining_of(settings: Settings) -> tuple[Joining, Streams, Hub]:
    """Nothing is live."""
    hub = Hub()

    async def launch(_: object) -> None:
        raise AssertionError("nothing is live")

    streams = Streams(settings, SECRET, lambda *_: None, hub)  # type: ignore[arg-type]
    return Joining(settings, SECRET, streams, hub, launch), streams, hub  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def kept(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a showing that has ended."""
    folder = Path(tmp_path_factory.mktemp("data"))
    shown(clip, folder / "joined")
    return folder


def client(settings: Settings, replicas: Replicas = NONE) -> Iterator[TestClient]:
    app = FastAPI()
    joining, streams, hub = joining_of(settings)
    api.install(app, streams, hub)
    let_in, at_hand = parts(settings, joining, replicas)
    app.include_router(joined_api.router(settings, joining, let_in, at_hand))
    with TestClient(app, client=(STRANGER, 5000)) as http:
        yield http


def parts(settings: Settings, joining: Joining, replicas: Replicas = NONE) -> tuple[Viewers, AtHand]:
    viewers = Viewers(settings, SECRET, links_of(settings))
    return viewers, AtHand(settings, joining, Shelf(joining.root), replicas)


@pytest.fixture
def http(kept: Path) -> Iterator[TestClient]:
    """Whoever asks may read."""
    yield from client(settings_of(kept))


@pytest.fixture
def locked(kept: Path) -> Iterator[TestClient]:
    """Reading needs a password."""
    yield from client(settings_of(kept, **LOGIN))


def test_what_has_ended_is_whole_and_keeps_to_the_rules(http: TestClient) -> None:
    [told] = http.get("/joined").json()["showings"]
    assert (told["stream"], told["ended"], told["languages"]) == ("news", True, ["es"])
    assert told["seconds"] == pytest.approx(8.0, abs=0.01)
    for address in (f"/{told['address']}", "/all/news/index.m3u8"):
        master = read(http.get(address).text)
        folder = address.rpartition("/")[0]
        medias = {uri: read(http.get(f"{folder}/{uri}").text) for uri in master.addresses}
        assert faults(master, medias) == []
        for media in medias.values():
            for uri in {each.uri for each in media.pieces} | {each.beginning for each in media.pieces} - {""}:
                piece = http.get(f"{folder}/{uri}")
                assert piece.status_code == 200
                assert piece.content
                assert piece.headers["cache-control"] == f"public, {FOR_EVER}"


def test_a_steered_player_has_the_stream_once_at_each_replica_and_at_the_cell(kept: Path) -> None:
    bases = {"replica-1": "https://a.example.org/all/news/", "replica-2": "https://b.example.org/all/news/"}
    addresses = tuple(base.removesuffix("/all/news/") for base in bases.values())
    for http in client(settings_of(kept), Replicas(addresses, httpx.AsyncClient())):
        answer = http.get("/all/news/steered.m3u8")
        assert answer.headers["cache-control"] == "public, no-store"
        steered, plain = read(answer.text), read(http.get("/all/news/index.m3u8").text)
        assert attributes(steered.tags["CONTENT-STEERING"]) == {
            "SERVER-URI": "steering.json",
            "PATHWAY-ID": "cell",
        }
        ways = {told["PATHWAY-ID"]: (uri, told) for uri, told in steered.variants}
        assert list(ways) == ["cell", "replica-1", "replica-2"]
        for way, (uri, told) in ways.items():
            base = bases.get(way, "")
            assert uri == f"{base}replay-picture.m3u8"
            groups = {told["AUDIO"], told["SUBTITLES"]}
            own = [each for each in steered.renditions if each["GROUP-ID"] in groups]
            assert [{**each, "GROUP-ID": ""} for each in own] == [
                {**each, "GROUP-ID": "", "URI": base + each["URI"]} for each in plain.renditions
            ]
        steering = http.get("/all/news/steering.json?_HLS_pathway=replica-1&_HLS_throughput=900000")
        assert steering.headers["content-type"] == "application/json"
        assert steering.headers["cache-control"] == "public, no-store"
        assert steering.json() == {
            "VERSION": 1,
            "TTL": 30,
            "PATHWAY-PRIORITY": ["cell", "replica-1", "replica-2"],
        }
    for http in client(settings_of(kept)):
        assert http.get("/all/news/steered.m3u8").text == http.get("/all/news/index.m3u8").text
        assert http.get("/all/news/steering.json").status_code == 404


def test_what_opens_a_steered_stream_opens_it_at_every_replica(kept: Path) -> None:
    link = Links(store_of(settings_of(kept))).make("all/news", "read", 60)
    replicas = Replicas(("https://a.example.org",), httpx.AsyncClient())
    for http in client(settings_of(kept, **LOGIN), replicas):
        assert http.get("/all/news/steered.m3u8").status_code == 401
        steered = read(http.get(f"/all/news/steered.m3u8?{link}").text)
        assert all(uri.endswith(f".m3u8?{link}") for uri in steered.addresses)
        server = attributes(steered.tags["CONTENT-STEERING"])["SERVER-URI"]
        assert http.get("/all/news/steering.json").status_code == 401
        assert http.get(f"/all/news/{server}&_HLS_pathway=cell").json()["VERSION"] == 1
        within = link.partition("=")[2]
        by_path = http.get(f"/all/news/{within}/steered.m3u8")
        assert by_path.text == http.get(f"/all/news/{within}/index.m3u8").text, "whoever was led here stays"
        assert http.get(f"/all/news/{within}/steering.json").status_code == 404


def test_a_player_reads_it_from_beginning_to_end(kept: Path) -> None:
    """FFmpeg, from the files and the playlists as they are served."""
    [folder] = showings(kept / "joined")
    for http in client(settings_of(kept)):
        for file in ("index.m3u8", "replay-picture.m3u8", "replay-sound-es.m3u8", "replay-sound.m3u8"):
            (folder / file).write_text(http.get(f"/all/news/{file}").text)
        for file in ("replay-text-es.m3u8", "replay-text.m3u8"):
            (folder / file).write_text(http.get(f"/all/news/{file}").text)
        (folder / "nothing.vtt").write_text(http.get("/all/news/nothing.vtt").text)
    command = ["ffprobe", "-v", "error", "-allowed_extensions", "ALL", "-print_format", "json"]
    command += ["-count_packets", "-show_streams", str(folder / "index.m3u8")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    streams = json.loads(done.stdout)["streams"]
    counts = [int(each["nb_read_packets"]) for each in streams if each["codec_type"] in ("video", "audio")]
    assert sorted(counts) == [80, 375, 375]
    for playlist in folder.glob("*.m3u8"):
        playlist.unlink()


def test_a_password_or_a_link_opens_it_and_nothing_else_does(locked: TestClient, kept: Path) -> None:
    assert locked.get("/all/news/index.m3u8").status_code == 401
    assert locked.get("/all/news/index.m3u8", auth=("viewer", "guessed")).status_code == 401
    opened = locked.get("/all/news/index.m3u8", auth=PASSWORD)
    assert opened.headers["cache-control"] == "private, max-age=1"
    links = Links(store_of(settings_of(kept)))
    link, other = links.make("all/news", "read", 60), links.make("all/sport", "read", 60)
    assert locked.get(f"/all/news/index.m3u8?{other}").status_code == 401
    by_link = locked.get(f"/all/news/index.m3u8?{link}")
    assert by_link.status_code == 200
    for uri in read(by_link.text).addresses:
        assert uri.endswith(link)
        media = locked.get(f"/all/news/{uri}")
        assert media.status_code == 200
        piece = read(media.text).pieces[0].uri
        assert locked.get(f"/all/news/{piece}").status_code == 200
        assert locked.get(f"/all/news/{piece.partition('?')[0]}").status_code == 401
    [showing] = locked.get("/joined").json()["showings"]
    assert locked.get(f"/{showing['address']}?{link}").status_code == 200


def test_a_link_in_the_path_opens_all_below_it_to_any_cache_until_its_end(
    locked: TestClient, kept: Path
) -> None:
    links = Links(store_of(settings_of(kept)))
    link, other = (links.make(path, "read", 600).partition("=")[2] for path in ("all/news", "all/sport"))
    base = f"/all/news/{link}"
    opened = locked.get(f"{base}/index.m3u8")
    assert opened.headers["cache-control"] == "public, max-age=1"
    for uri in read(opened.text).addresses:
        assert "?" not in uri
        media = locked.get(f"{base}/{uri}")
        assert (media.status_code, media.headers["cache-control"]) == (200, "public, max-age=1")
        for _ in range(2):
            piece = locked.get(f"{base}/{read(media.text).pieces[0].uri}")
            assert piece.status_code == 200
            held = int(piece.headers["cache-control"].removeprefix("public, max-age="))
            assert 590 <= held <= 600, "no cache gives it for longer than the link holds"
    [showing] = locked.get("/joined").json()["showings"]
    earlier = showing["address"].replace("/index", f"/{link}/index")
    assert locked.get(f"/{earlier}").headers["cache-control"] == "public, max-age=60"
    for wrong in (other, link[:-1] + ("0" if link[-1] != "0" else "1")):
        refused = locked.get(f"/all/news/{wrong}/index.m3u8")
        assert (refused.status_code, refused.headers["cache-control"]) == (401, "no-store")
    assert locked.get(f"{base}/{link}/index.m3u8").status_code == 404
    for no_link in ("..", "x", link[:-1], link.upper(), f"{link}0"):
        missing = locked.get(f"/all/news/{no_link.replace('.', '%2e')}/index.m3u8")
        assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")
    links.revoke()
    assert locked.get(f"{base}/index.m3u8").status_code == 401


def test_who_guesses_is_held_back(locked: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers, "PAUSE", 0.0)
    statuses = [locked.get("/all/news/index.m3u8", auth=("viewer", str(n))).status_code for n in range(12)]
    assert statuses[:9] == [401] * 9
    assert statuses[-1] == 429
    assert locked.get("/all/news/index.m3u8", auth=PASSWORD).status_code == 429


@pytest.mark.parametrize(
    "path",
    [
        "news/index.jsonl",
        "news/ended",
        "news/picture-1.m4s",
        "news/sound-de.m3u8",
        "news/..%2findex.jsonl",
        "news@20200101T000000/index.m3u8",
        "..%2fnews/index.m3u8",
        "sport/index.m3u8",
    ],
)
def test_nothing_else_is_served(http: TestClient, path: str) -> None:
    answer = http.get(f"/all/{path}")
    assert answer.status_code in (404, 422)
    assert answer.headers["cache-control"] == "no-store"


def test_a_playlist_is_kept_for_a_moment_and_for_longer_where_nothing_can_change_it_any_more(
    http: TestClient,
) -> None:
    [told] = http.get("/joined").json()["showings"]
    ages = {
        address: http.get(address).headers["cache-control"]
        for address in ("/all/news/index.m3u8", "/all/news/replay-picture.m3u8", f"/{told['address']}")
    }
    # The stream's own name leads to something else as soon as it is live again.
    assert list(ages.values()) == ["public, max-age=1", "public, max-age=1", "public, max-age=60"]


def test_no_cache_keeps_what_was_refused(locked: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers, "PAUSE", 0.0)
    answers = [locked.get("/all/news/index.m3u8", auth=("viewer", str(n))) for n in range(12)]
    assert {answer.status_code for answer in answers} == {401, 429}
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


def test_pages_of_our_sites_may_play_it(http: TestClient) -> None:
    ours = http.get("/all/news/index.m3u8", headers={"origin": PAGE})
    assert ours.headers["access-control-allow-origin"] == PAGE
    other = http.get("/all/news/index.m3u8", headers={"origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers


def test_the_oldest_go_where_there_are_too_many(clip: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    joining, _, _ = joining_of(settings)
    for name in ("first", "second"):
        shown(clip, joining.root, name)
    begun = sorted(showings(joining.root))
    big = begun[0] / "picture-1.m4s"
    with big.open("wb") as file:
        file.truncate(settings.replay_kept_mb << 20)
    begun[0].rename(joining.root / "first@20200101T000000")
    joining.trim(set())
    assert [folder.name.partition("@")[0] for folder in showings(joining.root)] == ["second"]


def test_what_a_dubber_left_unfinished_is_ended(clip: Path, tmp_path: Path) -> None:
    joining, _, _ = joining_of(settings_of(tmp_path))
    writer = shown(clip, joining.root)
    (writer.folder / ENDED).unlink()
    joining.trim(set())
    assert not (writer.folder / ENDED).exists()
    index = writer.folder / "index.jsonl"
    long_ago = [json.loads(line) | {"at": time.time() - 3600} for line in index.read_text().splitlines()]
    index.write_text("".join(json.dumps(line) + "\n" for line in long_ago))
    joining.trim({"news"})
    assert not (writer.folder / ENDED).exists()
    joining.trim(set())
    assert (writer.folder / ENDED).exists()
    no_replay, _, _ = joining_of(settings_of(tmp_path, REPLAY_MINUTES="0"))
    (writer.folder / ENDED).unlink()
    no_replay.trim(set())
    assert not writer.folder.exists()


@pytest.mark.parametrize("more", [{}, {"origin": PAGE}, {"origin": "https://other.example"}])
def test_what_is_answered_at_once_is_what_the_application_answers(kept: Path, more: dict[str, str]) -> None:
    settings = settings_of(kept)
    joining, streams, hub = joining_of(settings)
    app, (let_in, at_hand) = FastAPI(), parts(settings, joining)
    api.install(app, streams, hub)
    app.include_router(joined_api.router(settings, joining, let_in, at_hand))
    answers = joined_api.at_once(settings, let_in, at_hand)
    headers = {name.encode(): value.encode() for name, value in more.items()}
    [showing] = showings(kept / "joined")
    with TestClient(app) as http:
        master = http.get("/all/news/index.m3u8").text
        files = ["index.m3u8", "nothing.vtt", *read(master).addresses]
        files += [each.uri for each in read(http.get("/all/news/replay-picture.m3u8").text).pieces]
        for name in ("news", showing.name):
            for file in files:
                target = f"/all/{name}/{file}"
                usual, quick = http.get(target, headers=more), answers(Asked(target, headers))
                assert quick is not None
                assert (quick.body, dict(quick.headers)) == (usual.content, dict(usual.headers))


def test_only_what_lies_in_memory_is_answered_at_once(kept: Path) -> None:
    targets = [
        "/all/news/index.jsonl",
        "/all/news/picture-999.m4s",
        "/all/news/sound-de.m3u8",
        "/all/nobody/index.m3u8",
        "/all/../index.m3u8",
        "/all/news/../news/index.m3u8",
        "/all/news/index.m3u8?link=1.2&link=3.4",
        "/all/news/index.m3u8?_=1",
        "/all/news/index.m3u8?",
        "/all/news%2findex.m3u8",
    ]
    settings = settings_of(kept)
    answers = joined_api.at_once(settings, *parts(settings, joining_of(settings)[0]))
    assert [target for target in targets if answers(Asked(target, {})) is not None] == []
