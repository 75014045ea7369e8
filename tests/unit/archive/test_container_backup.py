"""`make backup` and `make restore` of a stack's containers: the key stays on this machine. (DEP-2)

The engine is a stand-in: it has one container of api, which notes what it is asked.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from app.archive import commands
from app.archive.encrypting import new_key
from app.settings import Settings, load

HELD = b"what the container's backup holds" * 10_000
ENGINE = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
if sys.argv[1] == "ps":
    print("one")
elif sys.argv[1] == "inspect":
    labels = {{"voicestack.service": "api", "voicestack.stack": "local"}}
    print(json.dumps([{{"Name": "/local-api", "Config": {{"Labels": labels}},
        "State": {{"Status": "running"}}, "HostConfig": {{"PortBindings": None}}}}]))
else:
    (folder / "asked").write_text(json.dumps(sys.argv[1:]))
    if "backup" in sys.argv:
        sys.stdout.buffer.write((folder / "held").read_bytes())
    else:
        (folder / "restored").write_bytes(sys.stdin.buffer.read())
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "held").write_bytes(HELD)
    docker = folder / "docker"
    docker.write_text(ENGINE.format(python=sys.executable, folder=str(folder)))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def asked(engine: Path) -> list[str]:
    """What the container was asked last."""
    words: list[str] = json.loads((engine / "asked").read_text())
    return words


def test_a_containers_backup_is_encrypted_here_and_restored_there_as_it_was(
    engine: Path, tmp_path: Path
) -> None:
    key, backup = tmp_path / "key.txt", tmp_path / "one.tar.age"
    settings = load({"BACKUP_RECIPIENT": new_key(key)})
    assert commands.make_backup(settings, str(backup), "local") == 0
    assert tuple(asked(engine)[2:4]) == ("--env", "BACKUP_RECIPIENT=")
    assert HELD[:33] not in backup.read_bytes()
    assert commands.restore_backup(settings, str(backup), "local", force=True) == 1
    assert not (engine / "restored").exists()
    assert commands.restore_backup(settings, str(backup), "local", force=True, identity=key) == 0
    assert (engine / "restored").read_bytes() == HELD
    assert asked(engine)[-2:] == ["-", "--force"]
    assert not [word for word in asked(engine) if "key" in word.lower()]


def test_without_a_recipient_the_containers_own_settings_hold(engine: Path, tmp_path: Path) -> None:
    backup, settings = tmp_path / "one.tar", Settings(_env_file=None)  # type: ignore[call-arg]
    assert commands.make_backup(settings, str(backup), "local") == 0
    assert "--env" not in asked(engine)
    assert backup.read_bytes() == HELD
    assert commands.restore_backup(settings, str(backup), "local", force=False) == 0
    assert (engine / "restored").read_bytes() == HELD
