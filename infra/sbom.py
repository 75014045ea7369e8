"""`python -m infra.sbom`: what is in each image that was built, as CycloneDX, beside out/images.json.

It is read from outside, out of the image as the engine has it, so that it is bound to the image's digest and
changes nothing of it: Debian's packages and Python's with their licences, and the modules of Go programs.
"""

from __future__ import annotations

import argparse
import email
import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from infra.config import ROOT
from infra.contents import place
from tools.build import OUTPUT

PYTHON = "/opt/venv/lib/python3.11/site-packages"
STATUS = "/var/lib/dpkg/status"
COPYRIGHTS = "/usr/share/doc"
PROGRAMS = "/usr/local/bin"
GO = b"\xff Go buildinf:"


class NotReadable(RuntimeError):
    """An image can't be looked into; the message says why."""


@dataclass(frozen=True)
class Package:
    """A package in an image: `kind` is deb, pypi or golang, as in package URLs."""

    kind: str
    name: str
    version: str
    licences: tuple[str, ...]


def python_packages(metadata: Iterable[str]) -> Iterator[Package]:
    """The packages that these METADATA files tell of."""
    for text in metadata:
        told = email.message_from_string(text)
        classified = [
            each.rpartition(" :: ")[2]
            for each in told.get_all("Classifier", [])
            if each.startswith("License ::") and each.count(" :: ") > 1
        ]
        written = (told["License-Expression"] or told["License"] or "").strip()
        # Some write the whole text there.
        short = [written] if written and len(written) < 80 and "\n" not in written else []
        yield Package("pypi", told["Name"], told["Version"], tuple(short or classified))


def debian_packages(status: str, copyrights: dict[str, str]) -> Iterator[Package]:
    """The packages that are installed, with the licences that the file `copyright` of each names."""
    for paragraph in status.split("\n\n"):
        told = email.message_from_string(paragraph)
        if not (told["Status"] or "").endswith(" installed"):
            continue
        named = re.findall(r"^License: *(\S.*)$", copyrights.get(told["Package"], ""), re.MULTILINE)
        yield Package(
            "deb", told["Package"], told["Version"], tuple(sorted({each.strip() for each in named}))
        )


def go_modules(program: bytes) -> Iterator[Package]:
    """The modules that a Go program was built of, as its compiler wrote them into it; none of another one."""
    begin = program.find(GO)
    if begin < 0 or not program[begin + 15] & 2:
        return
    place, texts = begin + 32, []
    for _ in range(2):
        size, shift = 0, 0
        while True:
            byte, place = program[place], place + 1
            size, shift = size | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                break
        texts.append(program[place : place + size])
        place += size
    compiler, modules = texts
    yield Package("golang", "std", compiler.decode().removeprefix("go"), ())
    for line in modules[16:-16].decode().splitlines():
        told, _, module = line.partition("\t")
        if told in ("mod", "dep"):
            name, version, *_ = module.split("\t")
            yield Package("golang", name, version, ())


def document(name: str, reference: str, digest: str, platform: str, packages: Iterable[Package]) -> str:
    """The CycloneDX document of an image, the same for the same image."""
    about = Component(
        name=name,
        type=ComponentType.CONTAINER,
        version=digest,
        bom_ref=name,
        purl=PackageURL("oci", None, name, digest, {"repository_url": reference.rpartition(":")[0]}),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))],
        properties=[Property(name="platform", value=platform)],
    )
    bom = Bom()
    bom.metadata.component = about
    for each in packages:
        spaces = "debian" if each.kind == "deb" else None
        url = PackageURL(each.kind, spaces, each.name, each.version)
        bom.components.add(
            Component(
                name=each.name,
                version=each.version,
                type=ComponentType.LIBRARY,
                bom_ref=url.to_string(),
                purl=url,
                licenses=[DisjunctiveLicense(name=licence) for licence in each.licences],
            )
        )
    bom.register_dependency(about, bom.components)
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    # When it was written, and under which number, says nothing of the image.
    written.pop("serialNumber", None)
    written["metadata"].pop("timestamp", None)
    return json.dumps(written, indent=1, sort_keys=True) + "\n"


def docker(*arguments: str) -> bytes:
    """What a docker command prints. Raises NotReadable."""
    done = subprocess.run(["docker", *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        raise NotReadable(f"docker {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def copied(container: str, path: str, ending: str = "") -> dict[str, bytes]:
    """The files below a path of a container whose names end so; none where there is no such path."""
    with subprocess.Popen(
        ["docker", "cp", f"{container}:{path}", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        assert running.stdout is not None
        content = io.BufferedReader(running.stdout)  # type: ignore[type-var]
        if not content.peek(1):
            return {}
        with tarfile.open(fileobj=content, mode="r|") as archive:
            return {
                each.name: (archive.extractfile(each) or io.BytesIO()).read()
                for each in archive
                if each.isfile() and each.name.endswith(ending)
            }


def look_into(image: str, platform: str) -> list[Package]:
    """The packages of an image. Raises NotReadable."""
    docker("pull", "--quiet", "--platform", platform, image)
    container = docker("create", "--platform", platform, image).decode().strip()
    try:
        status = copied(container, STATUS, "status")
        copyrights = copied(container, COPYRIGHTS, "/copyright")
        python = copied(container, PYTHON, ".dist-info/METADATA")
        programs = copied(container, PROGRAMS)
    finally:
        docker("rm", container)
    licences = {Path(name).parts[-2]: text.decode(errors="replace") for name, text in copyrights.items()}
    found = {
        *python_packages(text.decode(errors="replace") for text in python.values()),
        *debian_packages(b"".join(status.values()).decode(), licences),
        *(module for program in programs.values() for module in go_modules(program)),
    }
    return sorted(found, key=lambda each: (each.kind, each.name, each.version))


def main() -> int:
    """Writes out/sbom/TAG/IMAGE.cdx.json for every image in out/images.json."""
    parser = argparse.ArgumentParser(prog="python -m infra.sbom", description=main.__doc__)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="only these")
    wanted = parser.parse_args().images
    try:
        record = json.loads(OUTPUT.read_text(encoding="utf-8"))
        for name, made in record["images"].items():
            if wanted and name not in wanted:
                continue
            repository = made["reference"].rpartition(":")[0]
            packages = look_into(f"{repository}@{made['digest']}", platform := "linux/amd64")
            file = place(record["tag"], name)
            file.parent.mkdir(parents=True, exist_ok=True)
            text = document(name, made["reference"], made["digest"], platform, packages)
            file.write_text(text, encoding="utf-8")
            print(f"{file.relative_to(ROOT)}: {len(packages)} packages")
    except (OSError, ValueError):
        print(f"{OUTPUT.relative_to(ROOT)} is missing: `make build` writes it", file=sys.stderr)
        return 2
    except NotReadable as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
