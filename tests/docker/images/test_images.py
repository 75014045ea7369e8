"""The images as they are in the registry, and as containers of them behave. DEP-6, DEP-7, DEP-8."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from app import __version__, settings
from app.catalog import VOLUMES
from app.render import images, media
from app.render.containers import edge_config
from infra.sbom import look_into
from tests.docker.images.conftest import (
    EVERYDAY,
    REGISTRY,
    VERSION,
    Built,
    container,
    digests_of,
    docker,
    published,
    wait_healthy,
)
from tools import build
from tools.setup import ROOT

NAMES = [image.name for image in EVERYDAY]
PYTHON = [image.name for image in EVERYDAY if image.dockerfile == images.APP]
UNWANTED = ("pip", "pip3", "uv", "gcc", "cc", "make", "git", "npm", "go")
# The documented sizes are right to a tenth and to the MB by which a mirror's base and Debian's own differ.
TOLERANCE = 0.1
BASES = 16.0


@pytest.mark.parametrize("name", NAMES)
def test_both_platforms_are_in_one_manifest_list(built: Built, name: str) -> None:
    assert set(built.manifests(name)) == set(images.get(name).platforms)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_within_its_limit_and_as_large_as_the_readme_says(built: Built, name: str) -> None:
    table = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    table = table.partition("<!-- image sizes -->")[2].partition("<!-- end of image sizes -->")[0]
    found = re.search(rf"^\| `{name}` \| (\d+) \| (\d+) \|", table, re.MULTILINE)
    assert found is not None, f"docs/containers.md has no sizes of {name}"
    for platform, told in zip(images.BOTH, found.groups(), strict=True):
        size = built.megabytes(name, platform)
        assert size < images.get(name).limit
        assert abs(size - int(told)) < BASES + TOLERANCE * size, f"{name} on {platform} has {size:.0f} MB"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_says_what_it_is_who_runs_it_and_how_it_is_checked(built: Built, name: str) -> None:
    config = built.config(name)["config"]
    labels = {key.removeprefix("org.opencontainers.image."): text for key, text in config["Labels"].items()}
    assert labels["title"] == f"Voicestack {name}"
    assert labels["licenses"] == "Apache-2.0"
    assert (labels["version"], labels["revision"], labels["source"]) == (
        __version__,
        VERSION.revision,
        VERSION.source,
    )
    assert config["User"] == f"{images.USER}:{images.USER}"
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/local/bin/health"]
    assert config["Healthcheck"]["Interval"] == 5_000_000_000
    assert config["Entrypoint"][0] == "/usr/bin/tini"
    assert config["StopSignal"] == "SIGTERM"


@pytest.mark.parametrize("name", NAMES)
def test_no_build_tool_and_nothing_of_the_building_machine_is_inside(built: Built, name: str) -> None:
    look = (
        f"for tool in {' '.join(UNWANTED)}; do command -v $tool; done; "
        "ls -A /run/secrets /build /opt/uv /root/.cache /root/.config /etc/pip.conf /var/lib/apt/lists; true"
    )
    found = docker("run", "--rm", "--user", "0", "--entrypoint", "sh", built.name(name), "-c", look).stdout
    assert found.replace("/var/lib/apt/lists:", "").strip() == ""


@pytest.mark.parametrize("name", NAMES)
def test_history_and_settings_name_no_address_and_no_secret(built: Built, name: str) -> None:
    config = built.config(name)
    words = str([config["config"].get("Env"), config["config"].get("Cmd"), config["history"]])
    assert "://" not in words
    assert "PIP_INDEX_URL=" not in words
    assert "CERTIFICATE" not in words


def test_the_models_are_one_layer_that_both_platforms_share(built: Built) -> None:
    layers = [
        {layer["digest"]: layer["size"] for layer in manifest["layers"]}
        for manifest in built.manifests("speech").values()
    ]
    shared = {digest: size for digest, size in layers[0].items() if digest in layers[1]}
    assert max(shared.values()) > 200e6


@pytest.mark.parametrize("name", PYTHON)
def test_without_a_service_mode_it_stops_at_once_with_the_choices(built: Built, name: str) -> None:
    for given in ([], ["-e", "SERVICE_MODE=nonsense"]):
        done = docker("run", "--rm", *given, built.name(name), check=False)
        assert done.returncode == 2
        assert "The services are: sts, dubber" in done.stderr


def test_the_app_image_serves_the_console_with_its_player_from_a_read_only_root(built: Built) -> None:
    with container("-e", "SERVICE_MODE=web", "-p", "127.0.0.1::4200", built.name("app")) as made:
        wait_healthy(made, within=60)
        page = f"http://{published(made, 4200)}"
        assert httpx.get(f"{page}/health").json()["version"] == __version__
        assert docker("exec", made, "id", "-u").stdout.strip() == str(images.USER)
        stopped = docker("stop", "--time", "10", made)
        assert stopped.returncode == 0
        # uvicorn ends with the signal that it was asked to stop by; 137 would be the engine's kill.
        assert docker("inspect", "--format", "{{.State.ExitCode}}", made).stdout.strip() == "143"


def test_new_volumes_can_be_written_by_the_user_of_the_image(built: Built) -> None:
    folders = [volume.path for volume in VOLUMES if volume.path.startswith("/data/")]
    mounts = [word for folder in folders for word in ("-v", folder)]
    write = (
        "for each in /data/*; do touch $each/mine || exit 1; done; touch /opt/mine 2>/dev/null || echo kept"
    )
    done = docker("run", "--rm", "--read-only", *mounts, "--entrypoint", "sh", built.name("app"), "-c", write)
    assert done.stdout.strip() == "kept"


def test_the_speech_image_runs_its_engines_and_services_of_the_app_image(built: Built) -> None:
    for service in ("sts", "web"):
        with container("-e", f"SERVICE_MODE={service}", built.name("speech")) as made:
            wait_healthy(made, within=90)


def test_the_media_image_serves_with_the_configuration_that_we_render(built: Built, tmp_path: Path) -> None:
    config = tmp_path / "mediamtx.yml"
    rendered = media.render(settings.load({"bind_address": "0.0.0.0", "data_dir": "/data"}))
    config.write_text(rendered, encoding="utf-8")
    config.chmod(0o644)
    tmp_path.chmod(0o755)
    with container("-v", f"{config}:/etc/mediamtx.yml:ro", built.name("media")) as made:
        wait_healthy(made, within=30)
        assert docker("exec", made, "sh", "-c", "command -v curl").stdout.strip() == "/usr/bin/curl"


def test_the_edge_image_serves_from_a_read_only_root_and_goes_when_it_is_asked_to(built: Built) -> None:
    configuration = f"CADDY_CONFIG={edge_config(settings.load({}))}"
    with container("--read-only", "-v", "/data/edge", "-e", configuration, built.name("edge")) as made:
        wait_healthy(made, within=30)
        assert docker("exec", made, "stat", "-c", "%a", "/data/edge/pki").stdout.strip() == "700"
        assert docker("stop", "--time", "10", made).returncode == 0
        assert docker("inspect", "--format", "{{.State.ExitCode}}", made).stdout.strip() == "0"


@pytest.mark.usefixtures("built")
def test_only_what_is_made_of_a_changed_file_is_built_anew(copy: Path) -> None:
    def digests() -> dict[str, str]:
        return digests_of(build.build(EVERYDAY, REGISTRY, VERSION, checkout=copy))

    before = digests()
    (copy / "docs" / "unrelated.md").write_text("Nothing to do with an image.\n", encoding="utf-8")
    (copy / "README.md").write_text("Neither has this.\n", encoding="utf-8")
    assert digests() == before
    (copy / "images" / "media" / "health").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    health = digests()
    assert {name for name in NAMES if health[name] != before[name]} == {"media"}
    (copy / "app" / "related.py").write_text('"""New."""\n', encoding="utf-8")
    code = digests()
    assert {name for name in NAMES if code[name] != health[name]} == set(PYTHON)
    kept = [built_layers(name, before[name]) for name in PYTHON]
    fresh = [built_layers(name, code[name]) for name in PYTHON]
    assert [sum(a != b for a, b in zip(*pair, strict=True)) for pair in zip(kept, fresh, strict=True)] == [
        1
    ] * len(PYTHON)


def built_layers(name: str, digest: str) -> list[str]:
    """The layers of the amd64 image of that digest."""
    layers = Built({name: digest}).manifests(name)["linux/amd64"]["layers"]
    return [layer["digest"] for layer in layers]


def test_what_is_in_an_image_is_read_from_outside_and_is_what_the_locks_say(built: Built) -> None:
    media = {(each.kind, each.name): each for each in look_into(built.name("media"), "linux/amd64")}
    assert media["golang", "github.com/bluenviron/gortsplib/v4"].version.startswith("v4.")
    assert media["deb", "tini"].licences
    lock = (ROOT / "requirements" / "app.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z0-9-]+==[^ ;]+)", lock, re.MULTILINE))
    python = [each for each in look_into(built.name("app"), "linux/amd64") if each.kind == "pypi"]
    assert len(python) > 50
    assert {f"{re.sub('[-_.]+', '-', each.name).lower()}=={each.version}" for each in python} <= pinned
    assert sum(bool(each.licences) for each in python) > 0.9 * len(python)
