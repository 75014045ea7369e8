"""The pipelines call targets that exist, in the order that was settled, and read what images are made of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.render import images

ROOT = Path(__file__).parents[3]
STAGES = [
    "build-images",
    "quality",
    "test",
    "coverage",
    "preview",
    "release",
    "drift",
    "soak",
    "audit",
    "secrets",
]


def github() -> dict[str, Any]:
    text = (ROOT / ".github/workflows/pipeline.yml").read_text(encoding="utf-8")
    jobs: dict[str, Any] = yaml.safe_load(text)["jobs"]
    return jobs


def gitlab() -> dict[str, Any]:
    pipeline: dict[str, Any] = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    return pipeline


def commands() -> dict[str, str]:
    """The commands of each job of both pipelines."""
    found = {
        f"github {name}": "\n".join(step.get("run", "") for step in job["steps"])
        for name, job in github().items()
    }
    for name in STAGES:
        found[f"gitlab {name}"] = "\n".join(gitlab()[name]["script"])
    return found


@pytest.mark.parametrize("job", commands())
def test_each_job_calls_make_targets_that_exist(job: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    called = re.findall(r"(?:^|\n)\s*make ([a-z-]+)", commands()[job])
    assert called, job
    assert set(called) <= targets


def test_what_runs_in_the_pipeline_is_pinned_by_commit_and_says_its_version() -> None:
    text = (ROOT / ".github/workflows/pipeline.yml").read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert len(used) >= 20
    assert [
        each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)
    ] == []


@pytest.mark.parametrize("job", commands())
def test_images_that_a_job_builds_are_declared(job: str) -> None:
    for arguments in re.findall(r'make build ARGS="([^"]*)"', commands()[job]):
        names = arguments.partition("--")[0].split()
        assert [images.get(name).name for name in names] == names


def test_both_pipelines_have_the_same_stages() -> None:
    assert gitlab()["stages"] == STAGES
    # GitLab has nothing that signs for its registry.
    assert [name for name in github() if name != "attest"] == STAGES


def test_on_github_each_stage_waits_for_the_one_before() -> None:
    needs = {name: job.get("needs", []) for name, job in github().items()}
    assert needs["quality"] == ["build-images"]
    assert needs["test"] == ["quality"]
    assert needs["coverage"] == ["test"]
    assert needs["attest"] == ["release"]
    assert needs["preview"] == needs["release"] == ["coverage"]


def test_on_gitlab_a_change_of_any_input_builds_the_images() -> None:
    rules = gitlab()["build-images"]["rules"]
    watched = next(rule["changes"]["paths"] for rule in rules if "changes" in rule)
    for image in images.IMAGES:
        ignored = (ROOT / f"{image.dockerfile}.dockerignore").read_text(encoding="utf-8")
        for path in images.inputs(image, ignored):
            assert any(f"{path}/".startswith(each.split("*")[0]) for each in watched), path
