"""The Compose file that `python -m app compose` prints, brought up by Compose itself (DEP-1, DEP-5)."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import catalog
from app.archive.encrypting import decrypted, new_key
from app.render import images
from tests.docker import phrase
from tests.stack import ROOT, free_ports, wait_for
from tools import build, toolchain

NAME = f"voicestack-compose{os.getpid()}"
REGISTRY = "127.0.0.1:5000"
PASSWORD = "for-tests-only"
CHOSEN = ["asr", "tts", "sales", "api", "transcriber", "commentary", "edge"]
SERVICES = [service.name for service in catalog.select(CHOSEN)]
UP_WITHIN = 300


class Project:
    """A Compose project of our file, on free ports."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "compose.yaml"
        self.ports = free_ports()
        self.environment = {**toolchain.environment(os.environ), **self.ports, "DB_PASSWORD": PASSWORD}

    def write(self, *options: str) -> None:
        """Writes the file as a user does. Fails the test where nothing is printed."""
        command = [sys.executable, "-m", "app", "compose", "--registry", REGISTRY, "--tag", NAME, *options]
        said = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stderr
        self.file.write_text(said.stdout, encoding="utf-8")

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs Compose on the file."""
        done = subprocess.run(
            ["docker", "compose", "--project-name", NAME, "--file", str(self.file), *arguments],
            env=self.environment, capture_output=True, text=True, timeout=UP_WITHIN, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def containers(self) -> dict[str, dict[str, Any]]:
        """What Compose says of each service's container."""
        lines = self.compose("ps", "--all", "--format", "json").stdout.splitlines()
        return {found["Service"]: found for found in map(json.loads, lines)}

    def address(self, setting: str) -> str:
        """The HTTP address of the port of that setting."""
        return f"http://127.0.0.1:{self.ports[setting]}"


@pytest.fixture(scope="module")
def loaded() -> Iterator[None]:
    """The images for this machine's own platform in its engine, under a tag of the test's own."""
    chosen = [image for image in images.IMAGES if image.everyday]
    build.build(
        chosen, REGISTRY, build.Version(NAME), "--progress=plain", "--set=*.platform=local",
        "--set=*.output=type=docker",
    )  # fmt: skip
    yield
    names = [images.reference(image, REGISTRY, NAME) for image in chosen]
    subprocess.run(["docker", "image", "rm", *names], capture_output=True, check=False)


@pytest.fixture(scope="module")
def up(loaded: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:  # noqa: ARG001
    """All default services and the database, up and healthy."""
    project = Project(tmp_path_factory.mktemp("compose"))
    project.write(f"--services={','.join(SERVICES)}")
    try:
        began = project.compose("up", "--detach", "--wait", "--no-build", "--pull=missing", check=False)
        assert began.returncode == 0, began.stderr + project.compose("logs", "--tail=20").stdout
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout=10")


def test_every_service_comes_up_healthy(up: Project) -> None:
    found = up.containers()
    assert sorted(found) == sorted(SERVICES)
    assert {name: each["Health"] for name, each in found.items()} == dict.fromkeys(SERVICES, "healthy")


def test_the_console_answers_and_a_phrase_is_transcribed(up: Project) -> None:
    page = httpx.get(up.address("WEB_PORT"), trust_env=False)
    assert page.status_code == 200
    assert "Voicestack" in page.text
    answer = httpx.post(
        f"{up.address('ASR_PORT')}/v1/audio/transcriptions",
        files={"file": ("phrase.wav", phrase.spoken())},
        data={"model": "whisper-1"},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"].strip() == phrase.TEXT


def test_the_edge_serves_the_console_over_https_from_a_read_only_root(up: Project) -> None:
    root = up.compose("exec", "-T", "edge", "cat", "/data/edge/pki/authorities/local/root.crt").stdout
    trust = ssl.create_default_context(cadata=root)
    secure = f"https://localhost:{up.ports['EDGE_HTTPS_PORT']}"
    page = httpx.get(f"{secure}/health", verify=trust, trust_env=False)
    assert (page.status_code, page.json()["service"]) == (200, "web")
    # It listens on another port than the world sees.
    assert page.headers["alt-svc"].startswith(f'h3=":{up.ports["EDGE_HTTPS_PORT"]}"')
    led = httpx.get(f"{up.address('EDGE_HTTP_PORT')}/", headers={"Host": "localhost"}, trust_env=False)
    assert (led.status_code, led.headers["location"]) == (308, f"{secure}/")
    assert httpx.get(f"{secure}/live/nobody/index.m3u8", verify=trust, trust_env=False).status_code == 404
    kept = up.compose("exec", "-T", "edge", "sh", "-c", "id -u; touch /here 2>/dev/null || echo kept").stdout
    assert kept.split() == [str(images.USER), "kept"]


def test_an_upload_becomes_text_and_is_found(up: Project) -> None:
    archive = f"{up.address('API_PORT')}/api/v1"
    with httpx.Client(trust_env=False, timeout=30) as client:
        new = client.post(f"{archive}/transcripts", files={"file": ("phrase.wav", phrase.spoken())})
        assert new.status_code == 201, new.text
        address = f"{archive}/transcripts/{new.json()['id']}"
        whole = wait_for(
            "the text",
            lambda: found if (found := client.get(address).json())["state"] in ("done", "failed") else None,
            UP_WITHIN,
        )
        assert whole["state"] == "done", whole["problem"]
        assert phrase.HEARD in whole["segments"][0]["text"].lower()
        said = client.get(f"{archive}/search", params={"words": phrase.HEARD}).json()["phrases"]
        assert [each["transcript"] for each in said] == [whole["id"]]


def test_the_archive_is_backed_up_and_restored_in_its_container(up: Project, tmp_path: Path) -> None:
    inside = ["docker", "compose", "--project-name", NAME, "--file", str(up.file), "exec", "-T", "api"]
    backup = tmp_path / "backup.tar"
    with backup.open("wb") as file:
        made = subprocess.run(
            [*inside, "python", "-m", "app", "backup", "-"],
            env=up.environment, stdout=file, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert made.returncode == 0, made.stderr
    for options, status in (((), 1), (("--force",), 0)):
        with backup.open("rb") as kept:
            restored = subprocess.run(
                [*inside, "python", "-m", "app", "restore", *options, "-"],
                env=up.environment, stdin=kept, capture_output=True, text=True, check=False,
            )  # fmt: skip
        assert restored.returncode == status, restored.stderr
    kept = httpx.get(f"{up.address('API_PORT')}/api/v1/transcripts", trust_env=False).json()["transcripts"]
    assert [each["state"] for each in kept] == ["done"]

    given = ["--env", f"BACKUP_RECIPIENT={new_key(tmp_path / 'key.txt')}"]
    with backup.open("wb") as file:
        subprocess.run(
            [*inside[:-1], *given, "api", "python", "-m", "app", "backup", "-"],
            env=up.environment, stdout=file, stderr=subprocess.PIPE, check=True,
        )  # fmt: skip
    with (
        backup.open("rb") as kept,
        decrypted(kept, tmp_path / "key.txt") as plain,
        tarfile.open(fileobj=plain, mode="r|") as archive,
    ):
        assert "transcripts.copy" in archive.getnames()
    assert b"transcripts.copy" not in backup.read_bytes()


def test_models_are_fetched_by_the_same_image(up: Project) -> None:
    assert "need no models" in up.compose("run", "--rm", "--no-deps", "asr", "preload", "--all").stdout


def test_the_database_takes_the_password_of_the_environment_that_is_not_in_the_file(up: Project) -> None:
    assert PASSWORD not in up.file.read_text(encoding="utf-8")
    asked = ("psql", "-h", "db", "-U", "whisper", "-d", "whisper_db", "-Atc", "select current_database()")
    for password, status in ((PASSWORD, 0), ("another", 2)):
        done = up.compose("exec", "-T", "-e", f"PGPASSWORD={password}", "db", *asked, check=False)
        assert done.returncode == status, done.stderr


def test_down_keeps_the_data_and_down_with_volumes_removes_it(up: Project) -> None:
    up.compose("exec", "-T", "sts", "sh", "-c", "echo weights > /data/models/model.bin")
    up.compose("down", "--timeout=10")
    assert up.containers() == {}
    up.compose("up", "--detach", "--wait", "--no-build", "--pull=missing", "sts")
    kept = up.compose("exec", "-T", "sts", "cat", "/data/models/model.bin").stdout
    assert kept.strip() == "weights"
    up.compose("down", "--volumes", "--timeout=10")
    left = subprocess.run(
        ["docker", "volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={NAME}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert left.stdout == ""


def test_compose_accepts_the_gpu_variant_which_asks_for_devices_for_speech_alone(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("--gpu")
    understood = json.loads(project.compose("config", "--format", "json").stdout)["services"]
    asking = {
        name: service["deploy"]["resources"]["reservations"]["devices"]
        for name, service in understood.items()
        if service.get("deploy")
    }
    assert set(asking) == {service.name for service in catalog.select() if service.gpu}
    for name, devices in asking.items():
        assert [(each["driver"], each["count"], each["capabilities"]) for each in devices] == [
            ("nvidia", -1, ["gpu"])
        ]
        assert understood[name]["image"].endswith(f"/speech-cuda:{NAME}")
    assert understood["web"]["image"].endswith(f"/app:{NAME}")
