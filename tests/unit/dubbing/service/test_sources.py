"""Where streams may be taken in from, by file and over the API, and what is told of it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.dubbing.intake.address import CannotOpen, no_link_local
from app.dubbing.service.joining import Joining
from app.dubbing.service.launching import Launcher
from app.dubbing.service.source_files import BadSource, Source, files, read, write
from app.dubbing.service.sources import Sources
from app.dubbing.service.streams import Unknown
from app.settings import load
from tests.unit.dubbing.service.stand_in_runner import World
from tests.unit.dubbing.service.test_workers import until

Play = Callable[[World, Sources], Awaitable[None]]


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()


def scenario(launcher: Launcher, folder: Path, play: Play) -> None:
    async def go() -> None:
        world = World()
        settings = load({"MEDIA_RTMP_PORT": "9", "MEDIA_API_PORT": "9", "DATA_DIR": str(folder)})
        joined = Joining(settings, "of-this-run", world.streams, world.hub, launcher.join)
        sources = Sources(
            settings,
            "of-this-run",
            world.streams,
            [world.streams.signalled, joined.signalled],
            launcher.intake,
        )
        try:
            async with asyncio.timeout(60):
                await play(world, sources)
        finally:
            await sources.close()

    asyncio.run(go())


@pytest.mark.parametrize(
    "address",
    [
        "udp://239.1.1.1:1234",
        "udp://[::1]:1234?localaddr=::1",
        "srt://encoder.example.org:9000?streamid=#!::r=news&passphrase=of-ten-letters",
        "srt://:9000?mode=listener",
        "tcp://encoder.example.org:9000",
        "https://user:word@example.org/live.ts?channel=1",
    ],
)
def test_transport_streams_are_taken_in_from_there(address: str) -> None:
    Source.model_validate({"address": address})


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/etc/passwd", "MPEG transport stream"),
        ("file:///etc/passwd", "MPEG transport stream"),
        ("concat:udp://239.1.1.1:1", "MPEG transport stream"),
        ("udp://239.1.1.1", "a host and a port"),
        ("udp://:1234", "a host and a port"),
        ("udp://239.1.1.1:99999", "no number from 1 to 65535"),
        ("udp://239.1.1.1:1234?fifo_size=99999999", "localaddr, sources"),
        ("tcp://127.0.0.1:1234?listen=1", "nothing"),
        ("srt://encoder.example.org:9000?passphrase=short", "10 to 79"),
        ("srt://169.254.169.254:80", "link-local"),
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("udp://239.1.1.1:12 34", "no number from 1 to 65535"),
    ],
)
def test_other_addresses_are_refused_and_it_says_what_to_give(address: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says) as refused:
        Source.model_validate({"address": address})
    assert address not in str(refused.value)


def test_a_name_that_leads_to_a_link_local_address_is_not_asked() -> None:
    with pytest.raises(CannotOpen, match="link-local"):
        no_link_local("169.254.169.254", 80)


def test_passwords_and_queries_are_shown_to_nobody() -> None:
    source = Source.model_validate({"address": "https://user:word@example.org/live.ts?key=word"})
    assert source.shown == "https://example.org/live.ts"
    assert "word" not in repr(source)


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("http://user:secret-word@example.org/live.ts", "a password"),
        ("srt://example.org:9000?passphrase=secret-word", "a passphrase"),
        ("srt://:9000?mode=listener&pbkeylen=16&passphrase=secret-word", "a passphrase"),
    ],
)
def test_a_file_with_a_secret_is_for_its_owner_alone(tmp_path: Path, address: str, holds: str) -> None:
    file = tmp_path / "news.source.toml"
    file.write_text(f'address = "{address}"')
    file.chmod(0o644)
    with pytest.raises(BadSource, match=f"holds {holds}, and others can read it: chmod 600") as refused:
        read(file)
    assert "secret-word" not in str(refused.value)
    file.chmod(0o600)
    assert "secret-word" not in read(file).shown


def test_a_file_without_a_secret_may_be_read_by_everybody(tmp_path: Path) -> None:
    file = tmp_path / "news.source.toml"
    file.write_text('address = "srt://example.org:9000?streamid=read:live/news"')
    file.chmod(0o644)
    assert read(file).shown == "srt://example.org:9000"


def test_a_file_that_is_wrong_names_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "news.source.toml"
    for content, says in [
        ("address = ", "is not TOML"),
        ('address = "x"', "address: "),
        ("port = 1", "port: "),
    ]:
        file.write_text(content)
        with pytest.raises(BadSource, match=says):
            read(file)


def test_sources_come_and_go_with_their_files(launcher: Launcher, tmp_path: Path) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "news.source.toml").write_text('address = "tcp://127.0.0.1:9"')
    (folder / ".hidden.source.toml").write_text('address = "tcp://127.0.0.1:9"')

    async def play(world: World, sources: Sources) -> None:
        del world
        sources.follow(files(folder))
        await until(lambda: sources.view().sources[0].problem == "Connection refused")
        assert [each.stream for each in sources.view().sources] == ["news"]
        sources.remove("news")
        sources.follow(files(folder))
        assert sources.view().sources == []
        (folder / "sport.source.toml").write_text('address = "tcp://127.0.0.1:9"')
        sources.follow(files(folder))
        assert [each.stream for each in sources.view().sources] == ["sport"]
        (folder / "sport.source.toml").unlink()
        sources.follow(files(folder))
        assert sources.view().sources == []
        with pytest.raises(Unknown, match="streams that are: none"):
            sources.remove("sport")

    scenario(launcher, tmp_path, play)


@pytest.mark.parametrize(
    "address",
    [
        "tcp://127.0.0.1:9",
        'srt://127.0.0.1:9?passphrase=of-ten-letters&streamid=#!::r="ü\\\x7f\t',
        "http://user:word@127.0.0.1:9/live.ts?key=%22",
    ],
)
def test_what_is_written_into_a_file_is_read_from_it_and_is_its_owner_s_alone(
    tmp_path: Path, address: str
) -> None:
    source = Source.model_validate({"address": address})
    folder = tmp_path / "profiles"
    write(folder, "news", source)
    write(folder, "news", source)
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read(file) == source
    assert [*files(folder)] == ["news"]


def test_a_source_that_is_put_lasts_until_it_is_taken_away(launcher: Launcher, tmp_path: Path) -> None:
    source = Source.model_validate({"address": "tcp://user:word@127.0.0.1:9"})
    other = Source.model_validate({"address": "tcp://127.0.0.1:10"})
    folder = tmp_path / "profiles"

    async def first(_: World, sources: Sources) -> None:
        told, new = await sources.put_down("news", source)
        assert (told.lasts, new) == (True, True)
        await until(lambda: sources.view().sources[0].problem == "Connection refused")
        # Its own file is no change.
        sources.follow(files(folder))
        assert sources.view().sources[0].problem == "Connection refused"
        assert (await sources.put_down("news", other))[1] is False

    async def second(_: World, sources: Sources) -> None:
        sources.follow(files(folder))
        assert [(each.address, each.lasts) for each in sources.view().sources] == [
            ("tcp://127.0.0.1:10", True)
        ]
        await sources.take_away("news")
        with pytest.raises(Unknown):
            await sources.take_away("news")
        sources.follow(files(folder))
        assert sources.view().sources == []

    async def third(_: World, sources: Sources) -> None:
        sources.follow(files(folder))
        assert sources.view().sources == []

    for play in (first, second, third):
        scenario(launcher, tmp_path, play)


def test_a_source_whose_file_can_not_be_written_is_taken_in_all_the_same(
    launcher: Launcher, tmp_path: Path
) -> None:
    (tmp_path / "profiles").touch()

    async def play(_: World, sources: Sources) -> None:
        told, _new = await sources.put_down("news", Source.model_validate({"address": "tcp://127.0.0.1:9"}))
        assert not told.lasts
        assert [each.lasts for each in sources.view().sources] == [False]
        await sources.take_away("news")
        assert sources.view().sources == []

    scenario(launcher, tmp_path, play)
