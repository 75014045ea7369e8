"""Production on hosts that boot, by the real Pulumi engine: each test goes on where the last ended.

Times are told (with pytest's -s), not judged.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from app.demo.measure import Measurement
from app.demo.publish import ingest_address, publish
from app.demo.read import watch_address
from app.demo.sample import sample_video
from app.release.names import DATA
from tests.docker.rooms import Rooms
from tests.integration.archive.conftest import TUS, speech, spread_out, text_of
from tests.rehearsal.guests.firewall import CHAIN
from tests.rehearsal.hosts import releases
from tests.rehearsal.hosts.rehearsal import OPERATOR, SECRETS, Rehearsal
from tests.rehearsal.hosts.steps import APPEARS_WITHIN, PICTURES, SETTLES_WITHIN, client, told
from tests.rehearsal.made import instance, volumes
from tests.stack import wait_for
from tests.viewer import Viewer

HEALTHY = {"streaming": "healthy", "speech-1": "healthy"}
STREAM = "rehearsal"
CONNECTS_WITHIN = 3.0
SSH, STS, DATABASE, ROOMS, ROOMS_TCP = 22, 5003, 5432, 7882, 7881
TEXT_WITHIN = 120.0
LONG = 340, (5, 15, 25, 35, 160, 170, 180, 190, 310)  # seconds, and those at which a sentence is said


def reaches(rehearsal: Rehearsal, host: str, port: int) -> bool:
    """Whether this machine gets in there."""
    try:
        with socket.create_connection((rehearsal.address(host), port), CONNECTS_WITHIN):
            return True
    except OSError:
        return False


@contextmanager
def reached_as_on_aws(rehearsal: Rehearsal) -> Iterator[None]:
    """The streaming host's public address, which LiveKit tells its guests, leads there."""
    public, private = rehearsal.production.outputs()["address"], rehearsal.address("streaming")
    rule = ["OUTPUT", "--destination", public, "--jump", "DNAT", "--to-destination", private]
    subprocess.run(["iptables", "--wait", "--table", "nat", "--append", *rule], check=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "--wait", "--table", "nat", "--delete", *rule], check=True)


def entered(rehearsal: Rehearsal, host: str, protocol: str, port: int) -> int:
    """How many connections a host's security group has let in there."""
    listed = rehearsal.guest(host).run(f"iptables --table mangle --list {CHAIN} --verbose --exact --numeric")
    lines = [line.split() for line in listed.splitlines() if f"{protocol} dpt:{port}" in line]
    return sum(int(counted) for counted, *_ in lines)


def api(rehearsal: Rehearsal) -> httpx.Client:
    """A client of the archive, as people have it who may use the console."""
    address = f"http://{rehearsal.address('streaming')}:8001/api/v1"
    return httpx.Client(base_url=address, trust_env=False, timeout=30.0)


def uploaded(archive: httpx.Client, content: bytes) -> str:
    """A file, by tus in two parts; the id of its transcript."""
    begun = archive.post("/uploads", headers=TUS | {"Upload-Length": str(len(content))})
    known = begun.raise_for_status().headers["location"].rpartition("/")[2]
    for first, last in ((0, len(content) // 3), (len(content) // 3, len(content))):
        told = {"Upload-Offset": str(first), "Content-Type": "application/offset+octet-stream"}
        part = archive.patch(f"/uploads/{known}", content=content[first:last], headers=TUS | told)
        assert part.status_code == 204, part.text
    return known


def transcript(archive: httpx.Client, known: str, state: str) -> dict[str, Any]:
    """A transcript, once it is in that state."""

    def now() -> dict[str, Any] | None:
        found: dict[str, Any] = archive.get(f"/transcripts/{known}").raise_for_status().json()
        assert found["state"] not in ("failed", "cancelled"), found["problem"]
        return found if found["state"] == state else None

    return wait_for(f"{known} {state}", now, TEXT_WITHIN, 0.1)


def test_up_ends_with_healthy_hosts(rehearsal: Rehearsal) -> None:
    with told("first up, to healthy"):
        said = rehearsal.production.up()
    assert rehearsal.production.outputs()["health"] == HEALTHY
    assert not [secret for secret in SECRETS.values() if secret in said]


def test_a_second_up_finds_nothing_to_do(rehearsal: Rehearsal) -> None:
    assert rehearsal.production.changes() == {}
    with told("second up"):
        again = rehearsal.production.up()
    assert "created" not in again
    assert "unchanged" in again


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="at-once"),
        pytest.param(("--reboot",), id="reboot", marks=pytest.mark.thorough),
    ],
)
def test_the_smoke_tests_find_every_host_well_also_after_a_reboot(
    rehearsal: Rehearsal, options: tuple[str, ...]
) -> None:
    with told(f"smoke tests {' '.join(options)}"):
        done = rehearsal.smoke(*options)
    print(done.stdout)
    assert done.returncode == 0, done.stdout


def test_only_what_a_security_group_lets_in_gets_in(rehearsal: Rehearsal) -> None:
    assert reaches(rehearsal, "streaming", SSH)
    assert not reaches(rehearsal, "speech-1", STS)
    rehearsal.production.say(sshCidrs=["192.0.2.0/24"])
    rehearsal.production.up()
    wait_for("SSH closed", lambda: not reaches(rehearsal, "streaming", SSH), SETTLES_WITHIN, 1.0)
    rehearsal.production.say(sshCidrs=[OPERATOR])
    rehearsal.production.up()
    wait_for("SSH open", lambda: reaches(rehearsal, "streaming", SSH), SETTLES_WITHIN, 1.0)


def test_an_upload_lies_in_the_bucket_and_becomes_text_on_a_speech_host(rehearsal: Rehearsal) -> None:
    assert {"db", "api"} <= rehearsal.containers("streaming").keys()
    assert "transcriber" in rehearsal.containers("speech-1")
    assert not reaches(rehearsal, "streaming", DATABASE)
    with told("an upload of six seconds, to its text"), api(rehearsal) as archive:
        known = uploaded(archive, speech())
        found = transcript(archive, known, "done")
        part = archive.get(f"/transcripts/{known}/sound", headers={"Range": "bytes=4-9"})
    assert "schools" in text_of(found)
    assert (part.status_code, part.content) == (206, speech()[4:10])
    assert rehearsal.uploads[f"transcripts/{known}/file"] == len(speech())
    wait_for("its pieces to go", lambda: not [key for key in rehearsal.uploads if "/pieces/" in key], 10.0)


@pytest.mark.thorough
def test_the_demo_of_commentary_passes_and_a_room_is_commented_on_meanwhile(rehearsal: Rehearsal) -> None:
    host = rehearsal.address("streaming")
    rooms = Rooms(f"http://{host}:8199", f"http://{host}:4200", f"ws://{host}:7880")
    with told("the demo of commentary"), ThreadPoolExecutor(1) as beside, reached_as_on_aws(rehearsal):
        demo = beside.submit(rehearsal.commentary_demo)
        assert rooms.commented_on("hall")
        done = demo.result()
    assert done.returncode == 0, done.stdout
    assert "1 of 1, 1 of them rightly" in done.stdout, done.stdout
    assert entered(rehearsal, "streaming", "udp", ROOMS) > 0
    assert reaches(rehearsal, "streaming", ROOMS_TCP)


def test_the_archive_is_backed_up_each_day_and_restored_from_the_bucket(rehearsal: Rehearsal) -> None:
    bucket = rehearsal.production.outputs()["uploads"]
    (nightly,) = [key for key in rehearsal.uploads if key.startswith("backups/")]
    by_hand = f"s3://{bucket}/backups/by-hand.tar"
    host, ours = rehearsal.guest("streaming"), "docker exec voicestack-api-1 python -m app"
    lost = "docker exec voicestack-db-1 psql --username whisper --dbname whisper_db --command"
    with told("a backup, its restore"), api(rehearsal) as archive:
        (before,) = archive.get("/transcripts").raise_for_status().json()["transcripts"]
        host.run(f"{ours} backup {by_hand}")
        host.run(f"{lost} 'DELETE FROM transcripts'")
        host.run(f"{ours} restore {by_hand}")
        assert "schools" in text_of(transcript(archive, before["id"], "done"))
    assert {nightly, "backups/by-hand.tar", f"transcripts/{before['id']}/file"} <= rehearsal.uploads.keys()


def test_a_second_release_leaves_the_media_server_and_its_publishers_alone(rehearsal: Rehearsal) -> None:
    releases.release("1.1.0", but=releases.changed())
    settings, measurement = client(rehearsal), Measurement()
    viewer = Viewer(watch_address(settings, f"dub/{STREAM}/{settings.target_languages[0]}"))
    before = rehearsal.containers("streaming")
    with (
        publish(ingest_address(settings, STREAM), sample_video(60), measurement.on_sent) as publisher,
        viewer.watching(),
    ):
        wait_for("dubbed pictures", lambda: len(viewer.pictures) > PICTURES, APPEARS_WITHIN)
        rehearsal.production.say(tag="1.1.0")
        began = time.monotonic()
        with told("second release"):
            rehearsal.production.up()
        seen = len(viewer.pictures)
        wait_for("pictures again", lambda: len(viewer.pictures) > seen + PICTURES, APPEARS_WITHIN)
        assert publisher.running
        print(f"dubbed stream interrupted: {viewer.longest_pause(began):.1f} s", flush=True)
    after = rehearsal.containers("streaming")
    assert {name for name in before if before[name] == after[name]} == {
        "media",
        "db",
        "livekit",
        "commentary",
    }


@pytest.mark.thorough
def test_a_release_is_put_back_by_hand(rehearsal: Rehearsal) -> None:
    newer = rehearsal.images("streaming")["dubber"]
    with told("rollback"):
        done = rehearsal.release("rollback")
    assert done.returncode == 0, done.stdout
    assert "is healthy" in done.stdout
    assert rehearsal.images("streaming")["dubber"] != newer
    wanted, other = (line for line in rehearsal.release("list").stdout.splitlines() if "streaming" in line)
    assert "wanted now" in wanted
    assert "wanted now" not in other


@pytest.mark.thorough
def test_a_broken_release_is_put_back_and_up_fails_with_the_hosts_own_words(rehearsal: Rehearsal) -> None:
    releases.release("1.2.0", but=releases.broken())
    before = rehearsal.containers("streaming")
    rehearsal.production.say(tag="1.2.0")
    with told("broken release, until the one before is healthy again"):
        done = rehearsal.production.pulumi("up", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert "dubber" in done.stdout
    assert f"| {releases.WORDS}" in done.stdout
    assert "is back and healthy" in done.stdout
    assert not [secret for secret in SECRETS.values() if secret in done.stdout]
    after = rehearsal.containers("streaming")
    assert set(after) == set(before)
    assert (after["media"], after["dubber"]) == (before["media"], before["dubber"])
    rehearsal.production.say(tag="1.1.0")
    rehearsal.production.up()


def test_hosts_that_are_lost_come_back_with_models_and_data_fetch_nothing_and_end_their_work(
    rehearsal: Rehearsal,
) -> None:
    asked, kept = list(rehearsal.hub.asked), volumes(rehearsal.emulator)
    assert any("model.bin" in path for path in asked)
    rehearsal.guest("streaming").run(f"echo kept > {DATA}/recordings/kept")
    before = {host: rehearsal.files(host) for host in HEALTHY}
    assert "model.bin" in before["speech-1"]
    assert "recordings/kept" in before["streaming"]
    with api(rehearsal) as archive:
        known = uploaded(archive, spread_out(*LONG))
        transcript(archive, known, "working")
    lost = {host: instance(rehearsal.emulator, host)["InstanceId"] for host in HEALTHY}
    rehearsal.emulator.client("ec2").terminate_instances(InstanceIds=list(lost.values()))
    with told("both hosts lost, until their successors are healthy"):
        assert rehearsal.production.pulumi("refresh", "--yes").returncode == 0
        rehearsal.production.up()
    assert not set(lost.values()) & {instance(rehearsal.emulator, host)["InstanceId"] for host in HEALTHY}
    assert volumes(rehearsal.emulator) == kept
    assert {host: rehearsal.files(host) for host in HEALTHY} == before
    assert [path for path in rehearsal.hub.asked[len(asked) :] if "resolve" in path] == []
    with told("the text of what was being worked on"), api(rehearsal) as archive:
        starts = [each["start"] for each in transcript(archive, known, "done")["segments"]]
        listed = archive.get("/transcripts").raise_for_status().json()["transcripts"]
    assert len(starts) == len(LONG[1])
    assert all(abs(start - place) < 1.5 for start, place in zip(starts, LONG[1], strict=True))
    assert [each["state"] for each in listed] == ["done", "done"]
