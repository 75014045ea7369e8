"""A host's volume, as a file that stands in for its device: formatted when blank, else left alone."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from infra.hosts import BY_LABEL
from infra.hosts.converge import decide, volume
from infra.hosts.converge.volume import VolumeError

SIZE = 8 << 20
VOLUME = "vol-0123456789abcdef0"


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """As EC2 hands a new volume over: zeros."""
    made = tmp_path / "device"
    with made.open("wb") as file:
        file.truncate(SIZE)
    return made


def test_a_blank_volume_is_formatted_once_and_keeps_its_uuid(device: Path) -> None:
    said: list[str] = []
    uuid = volume.prepare(device, VOLUME, said.append)
    assert said == [f"volume {VOLUME} is blank: formatting it"]
    before = device.read_bytes()
    assert volume.prepare(device, VOLUME, said.append) == uuid
    assert device.read_bytes() == before
    assert len(said) == 1


@pytest.mark.parametrize(("command", "kind"), [(("mkswap",), "swap"), (("mkfs.ext2", "-q", "-F"), "ext2")])
def test_a_volume_that_holds_anything_else_is_left_as_it_is(
    device: Path, command: tuple[str, ...], kind: str
) -> None:
    subprocess.run([*command, device], check=True, capture_output=True)
    left_alone(device, f"holds {kind}.*left as it is")


def test_a_disk_with_partitions_is_left_as_it_is(device: Path) -> None:
    with device.open("r+b") as file:
        file.seek(446)
        file.write(struct.pack("<B3sB3sII", 0, bytes(3), 0x83, bytes(3), 2048, 4096))
        file.seek(510)
        file.write(b"\x55\xaa")
    left_alone(device, "something unknown")


def test_data_without_a_known_beginning_is_not_blank(device: Path) -> None:
    with device.open("r+b") as file:
        file.seek(volume.LOOKED_AT // 2)
        file.write(b"somebody's data")
    left_alone(device, "something unknown")


def left_alone(device: Path, words: str) -> None:
    """The volume is refused in those words, and not a byte of it changes."""
    before = device.read_bytes()
    with pytest.raises(VolumeError, match=words):
        volume.prepare(device, VOLUME, print)
    assert device.read_bytes() == before


def test_a_device_that_cannot_be_read_is_never_formatted(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="can't be read"):
        volume.prepare(tmp_path, VOLUME, print)


def test_our_file_systems_have_the_label_that_hosts_of_a_pool_look_for(device: Path) -> None:
    volume.prepare(device, VOLUME, print)
    said = volume.probe(device, "--match-tag", "LABEL")[1]
    assert f"by-label/{said}" == BY_LABEL
    # A copy of it, as a snapshot's volume is, is left as it is.
    before = device.read_bytes()
    volume.prepare(device, BY_LABEL, print)
    assert device.read_bytes() == before


def test_a_snapshot_of_something_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "ATTACHED_WITHIN", 0.0)
    with pytest.raises(VolumeError, match=r"is the snapshot .* of a volume of Voicestack's"):
        volume.found(BY_LABEL, print)


def test_a_volume_is_waited_for_and_missed_by_name(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "by-id"
    monkeypatch.setattr(decide, "device_names", lambda _volume: (str(link),))
    monkeypatch.setattr(volume, "ATTACHED_WITHIN", 0.2)
    said: list[str] = []
    with pytest.raises(VolumeError, match=f"{VOLUME} was not attached"):
        volume.found(VOLUME, said.append)
    assert said == [f"waiting for volume {VOLUME}"]
    link.symlink_to(device)
    assert volume.found(VOLUME, said.append) == link
