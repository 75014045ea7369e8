"""What is in an image is read from outside, bound to its digest, and compared between releases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import contents
from infra.preview import comment
from infra.sbom import Package, debian_packages, document, go_modules, python_packages

DIGEST = f"sha256:{'a' * 64}"
PYTHON = """Metadata-Version: 2.4
Name: httpx
Version: {version}
{licence}
Classifier: License :: OSI Approved :: BSD License

A client.
"""
STATUS = """Package: tini
Status: install ok installed
Version: 0.19.0-1

Package: gone
Status: deinstall ok config-files
Version: 1.0
"""
COPYRIGHT = "Files: *\nLicense: Expat\n\nFiles: debian/*\nLicense: GPL-3+\n"


def written(*packages: Package) -> str:
    return document("app", "registry.example.org/voicestack/app:1.2.0", DIGEST, "linux/amd64", packages)


def test_a_python_package_says_its_licence_in_one_of_three_ways() -> None:
    for licence, read in (
        ("License-Expression: BSD-3-Clause", "BSD-3-Clause"),
        ("License: BSD", "BSD"),
        (f"License: {'Redistribution and use ' * 9}", "BSD License"),
    ):
        text = PYTHON.format(version="0.28.1", licence=licence)
        assert list(python_packages([text])) == [Package("pypi", "httpx", "0.28.1", (read,))]


def test_debian_packages_are_those_that_are_installed_with_the_licences_of_their_files() -> None:
    found = list(debian_packages(STATUS, {"tini": COPYRIGHT}))
    assert found == [Package("deb", "tini", "0.19.0-1", ("Expat", "GPL-3+"))]


def test_a_go_program_tells_its_modules_and_another_one_none() -> None:
    modules = (
        b"x" * 16
        + b"path\tcmd\nmod\texample.org/server\tv1.13.1\t\ndep\texample.org/a\tv0.1.0\th1:x\n"
        + b"y" * 16
    )
    program = (
        b"\x7fELF"
        + b"\xff Go buildinf:\x08\x02"
        + bytes(16)
        + b"\x08go1.25.0"
        + bytes([len(modules)])
        + modules
    )
    assert list(go_modules(program)) == [
        Package("golang", "std", "1.25.0", ()),
        Package("golang", "example.org/server", "v1.13.1", ()),
        Package("golang", "example.org/a", "v0.1.0", ()),
    ]
    assert list(go_modules(b"#!/bin/sh\n")) == []


def test_a_document_is_bound_to_the_digest_and_the_same_each_time() -> None:
    package = Package("pypi", "httpx", "0.28.1", ("BSD-3-Clause",))
    text = written(package)
    assert text == written(package)
    about = json.loads(text)["metadata"]["component"]
    assert about["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert about["purl"].startswith("pkg:oci/app@sha256")
    assert contents.read(text) == {"pypi/httpx": contents.Content(("0.28.1",), ("BSD-3-Clause",))}


def test_what_came_went_and_changed_is_told_with_its_licence() -> None:
    before = written(Package("pypi", "httpx", "0.28.0", ("BSD",)), Package("deb", "tini", "0.19", ()))
    after = written(
        Package("pypi", "httpx", "0.28.1", ("AGPL-3.0",)), Package("pypi", "rich", "14", ("MIT",))
    )
    assert list(contents.differences(contents.read(before), contents.read(after))) == [
        "new: pypi/rich 14 (MIT)",
        "gone: deb/debian/tini 0.19",
        "pypi/httpx 0.28.0 → 0.28.1",
        "pypi/httpx: its licence was BSD, is AGPL-3.0",
    ]


def test_a_review_of_another_release_says_what_is_in_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "FOLDER", tmp_path / "out" / "sbom")
    states = [
        {
            "type": "docker-build:index:Index",
            "custom": True,
            "inputs": {"sources": [f"r.org/voicestack/app:{tag}"]},
        }
        for tag in ("1.1.0", "1.2.0")
    ]
    step = {"op": "update", "urn": "urn:x::app", "oldState": states[0], "newState": states[1]}
    told = comment({"steps": [step]}, "prod")
    assert "`app`: out/sbom has no document of 1.1.0 and 1.2.0 to compare" in told
    for tag, version in (("1.1.0", "0.28.0"), ("1.2.0", "0.28.1")):
        file = contents.place(tag, "app")
        file.parent.mkdir(parents=True)
        file.write_text(written(Package("pypi", "httpx", version, ())), encoding="utf-8")
    assert "- `app`: pypi/httpx 0.28.0 → 0.28.1" in comment({"steps": [step]}, "prod")
