"""Builds the images for their platforms and pushes them: `python -m tools.build [IMAGE …] [--no-cache]`.

REGISTRY says where to (default: the mirror on this machine). The tag comes from the version; the digests go
to out/images.json. Everything is given to `docker buildx bake`, which builds what images share once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.render import images
from tools.setup import ROOT

LOCAL_REGISTRY = "127.0.0.1:5000"
OUTPUT = ROOT / "out" / "images.json"


@dataclass(frozen=True)
class Version:
    """What is being built: the tag it gets, the commit it is, and where that commit is kept."""

    tag: str
    revision: str = ""
    source: str = ""


def version(environment: Mapping[str, str], *, git_tag: str, branch: str, commit: str) -> Version:
    """The version that a pipeline says, else that of the checkout. Raises ValueError without either."""
    if environment.get("GITHUB_ACTIONS"):
        name, is_tag = environment["GITHUB_REF_NAME"], environment["GITHUB_REF_TYPE"] == "tag"
        git_tag, branch = (name, "") if is_tag else ("", environment.get("GITHUB_HEAD_REF") or name)
        source = f"{environment['GITHUB_SERVER_URL']}/{environment['GITHUB_REPOSITORY']}"
    elif environment.get("GITLAB_CI"):
        git_tag = environment.get("CI_COMMIT_TAG", "")
        branch = environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or environment.get(
            "CI_COMMIT_BRANCH", ""
        )
        source = environment["CI_PROJECT_URL"]
    else:
        source = environment.get("SOURCE_URL", "")
    return Version(images.tag(git_tag=git_tag, branch=branch, commit=commit), commit, source)


def bake(
    chosen: Iterable[images.Image], registry: str, built: Version, environment: Mapping[str, str]
) -> dict[str, Any]:
    """What `docker buildx bake` is told: one target an image."""
    secrets = []
    if bundle := images.ca_bundle(environment):
        secrets.append(f"id=ca,src={bundle}")
    if variable := images.index_variable(environment):
        secrets.append(f"id=index,env={variable}")
    targets = {}
    for image in chosen:
        targets[image.name] = {
            "context": ".",
            "dockerfile": image.dockerfile,
            "target": image.target,
            "platforms": list(image.platforms),
            "args": dict(image.arguments),
            "contexts": {name: str(images.context_folder(name)) for name in image.contexts},
            "labels": images.labels(image, revision=built.revision, source=built.source),
            "tags": [images.reference(image, registry, built.tag)],
            "secret": secrets,
            # An attestation would tell of this machine, and make each build another digest.
            "attest": ["type=provenance,disabled=true"],
            "output": ["type=registry"],
            **cache(image, registry),
        }
    return {"group": {"default": {"targets": list(targets)}}, "target": targets}


def cache(image: images.Image, registry: str) -> dict[str, list[str]]:
    """Where layers are found that another machine has built, and left for the next one.

    This machine's own registry needs none: the builder beside it has them. That a cache can't be written
    fails no build.
    """
    if registry == LOCAL_REGISTRY:
        return {}
    ref = f"type=registry,ref={registry.rstrip('/')}/voicestack/cache:{image.name}"
    return {"cache-from": [ref], "cache-to": [f"{ref},mode=max,image-manifest=true,ignore-error=true"]}


def recorded(
    metadata: Mapping[str, Any], registry: str, built: Version, before: Mapping[str, Any]
) -> dict[str, Any]:
    """What out/images.json says of a build: each image's name, and the digest that production pins.

    Images that were built `before` from the same commit under the same tag stay in it.
    """
    same = (before.get("tag"), before.get("revision")) == (built.tag, built.revision)
    return {
        "tag": built.tag,
        "revision": built.revision,
        "images": {
            **(before["images"] if same else {}),
            **{
                name: {
                    "reference": images.reference(images.get(name), registry, built.tag),
                    "digest": result["containerimage.digest"],
                }
                for name, result in sorted(metadata.items())
                if isinstance(result, dict) and "containerimage.digest" in result
            },
        },
    }


def written() -> dict[str, Any]:
    """What out/images.json says now; nothing where there is none."""
    try:
        content = json.loads(OUTPUT.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def changed(image: images.Image, since: str) -> bool:
    """Whether anything that an image is made of differs from that commit; so it does from an unknown one."""
    paths = images.inputs(image, (ROOT / f"{image.dockerfile}.dockerignore").read_text(encoding="utf-8"))
    done = subprocess.run(
        ["git", "diff", "--quiet", since, "--", *paths], cwd=ROOT, stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode != 0


def from_git(*arguments: str) -> str:
    """What git answers, or nothing."""
    answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def build(
    chosen: Iterable[images.Image], registry: str, built: Version, *options: str, checkout: Path = ROOT
) -> dict[str, Any]:
    """Builds and pushes; gives buildx's metadata by image. Raises CalledProcessError where that fails."""
    with tempfile.TemporaryDirectory() as folder:
        definition, metadata = Path(folder) / "bake.json", Path(folder) / "metadata.json"
        definition.write_text(json.dumps(bake(chosen, registry, built, os.environ)), encoding="utf-8")
        subprocess.run(
            ["docker", "buildx", "bake", "--file", str(definition), "--metadata-file", str(metadata),
             "--allow=fs.read=*", *options],
            cwd=checkout, check=True, env={"BUILDX_METADATA_PROVENANCE": "disabled", **os.environ},
        )  # fmt: skip
        made: dict[str, Any] = json.loads(metadata.read_text(encoding="utf-8"))
        return made


def main() -> None:
    """Builds what was asked for, writes the digests, and ends with a message where something fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.build", description=__doc__)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="without a name: all everyday images")
    parser.add_argument("--no-cache", action="store_true", help="build every layer anew, on the newest base")
    parser.add_argument("--registry", default=os.environ.get("REGISTRY") or LOCAL_REGISTRY)
    parser.add_argument("--changed-since", metavar="COMMIT", help="only images whose inputs differ from it")
    wanted = parser.parse_args()
    try:
        chosen = [images.get(name) for name in wanted.images] or [x for x in images.IMAGES if x.everyday]
        if wanted.changed_since:
            chosen = [image for image in chosen if changed(image, wanted.changed_since)]
        built = version(
            os.environ,
            git_tag=from_git("describe", "--exact-match", "--tags", "--match", "v*"),
            branch=from_git("branch", "--show-current"),
            commit=from_git("rev-parse", "HEAD"),
        )
        options = ("--no-cache", "--pull") if wanted.no_cache else ()
        metadata = build(chosen, wanted.registry, built, *options) if chosen else {}
    except (ValueError, FileNotFoundError) as problem:
        sys.exit(f"build: {problem}")
    except subprocess.CalledProcessError as problem:
        sys.exit(f"build: docker buildx failed ({problem.returncode}); `make doctor` names what is missing")
    record = recorded(metadata, wanted.registry, built, written())
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for name, made in record["images"].items():
        print(f"{name}: {made['reference']}@{made['digest']}")
    print(f"digests: {OUTPUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
