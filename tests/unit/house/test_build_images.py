"""What `make build` tells buildx, and what it writes down of the result."""

from __future__ import annotations

from app.render import images
from tools.build import LOCAL_REGISTRY, Version, bake, recorded, version

CHECKOUT = {"git_tag": "", "branch": "main", "commit": "c0ffee"}
BUILT = Version("1.2.3", "c0ffee", "https://example.org/voicestack")


def test_a_checkout_on_main_is_latest() -> None:
    assert version({}, **CHECKOUT) == Version("latest", "c0ffee", "")


def test_github_says_tag_and_branch_where_the_checkout_is_detached() -> None:
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "us/voicestack",
    }
    detached = {**CHECKOUT, "branch": ""}
    tagged = version({**github, "GITHUB_REF_NAME": "v1.2.3", "GITHUB_REF_TYPE": "tag"}, **detached)
    assert tagged == Version("1.2.3", "c0ffee", "https://github.example/us/voicestack")
    pull = {**github, "GITHUB_REF_NAME": "7/merge", "GITHUB_REF_TYPE": "branch", "GITHUB_HEAD_REF": "fix/it"}
    assert version(pull, **detached).tag == "dev-fix-it"


def test_gitlab_says_tag_and_branch_where_the_checkout_is_detached() -> None:
    gitlab = {"GITLAB_CI": "true", "CI_PROJECT_URL": "https://gitlab.example/us/voicestack"}
    detached = {**CHECKOUT, "branch": ""}
    assert version({**gitlab, "CI_COMMIT_TAG": "v1.2.3"}, **detached).tag == "1.2.3"
    assert version({**gitlab, "CI_COMMIT_BRANCH": "main"}, **detached).tag == "latest"
    merge = {**gitlab, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "fix/it"}
    assert version(merge, **detached).tag == "dev-fix-it"


def test_one_bake_has_a_target_for_each_image_with_its_name_and_labels() -> None:
    told = bake([images.get("app"), images.get("speech-cuda")], "registry:5000/", BUILT, {})
    assert told["group"]["default"]["targets"] == ["app", "speech-cuda"]
    app, cuda = told["target"]["app"], told["target"]["speech-cuda"]
    assert app["tags"] == ["registry:5000/voicestack/app:1.2.3"]
    assert app["platforms"] == ["linux/amd64", "linux/arm64"]
    assert cuda["platforms"] == ["linux/amd64"]
    assert cuda["args"] == {"VARIANT": "cuda"}
    assert app["labels"]["org.opencontainers.image.revision"] == "c0ffee"
    assert app["labels"]["org.opencontainers.image.source"] == BUILT.source
    assert app["secret"] == []


def test_layers_are_kept_in_the_registry_for_other_machines_but_not_in_this_ones_own() -> None:
    app = bake([images.get("app")], "registry:5000/", BUILT, {})["target"]["app"]
    assert app["cache-from"] == ["type=registry,ref=registry:5000/voicestack/cache:app"]
    assert app["cache-to"][0].startswith(f"{app['cache-from'][0]},mode=max")
    own = bake([images.get("app")], LOCAL_REGISTRY, BUILT, {})["target"]["app"]
    assert not {"cache-from", "cache-to"} & own.keys()


def test_certificates_and_index_go_as_secrets_and_their_values_nowhere() -> None:
    environment = {"PIP_CERT": "/certificates.pem", "PIP_INDEX_URL": "https://me:word@index.example/simple"}
    told = bake([images.get("app")], "registry", BUILT, environment)
    assert told["target"]["app"]["secret"] == ["id=ca,src=/certificates.pem", "id=index,env=PIP_INDEX_URL"]
    assert "index.example" not in str(told)


def test_digests_are_recorded_by_image() -> None:
    metadata = {"app": {"containerimage.digest": "sha256:aa", "image.name": "x"}, "buildx.build.warnings": []}
    assert recorded(metadata, "registry", BUILT, {}) == {
        "tag": "1.2.3",
        "revision": "c0ffee",
        "images": {"app": {"reference": "registry/voicestack/app:1.2.3", "digest": "sha256:aa"}},
    }


def test_a_second_build_of_the_same_commit_adds_to_the_record_and_another_commit_starts_anew() -> None:
    first = recorded({"app": {"containerimage.digest": "sha256:aa"}}, "registry", BUILT, {})
    second = recorded({"media": {"containerimage.digest": "sha256:bb"}}, "registry", BUILT, first)
    assert list(second["images"]) == ["app", "media"]
    later = recorded({}, "registry", Version("1.2.3", "decaf"), second)
    assert later["images"] == {}
