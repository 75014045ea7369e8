"""Base images where no image registry can be reached: `python3 -m tools.mirror`, with --all also those
of optional services.

Each one that can be pulled is left alone. The others are made from Debian's packages and Go modules, and
pushed to the registry on this machine, under the names that Dockerfiles know already: what our images are
built on for both platforms, as those are, and what is only run here for this machine's.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.cache import cache_dir
from app.render import media
from tools import buildkit, debian, engine, go_modules, mediamtx, pins, registry
from tools.progress import step
from tools.toolchain import BUILDER, environment

RECIPES = Path(__file__).with_name("mirror_images")
BOTH = ("amd64", "arm64")
# In Go's words.
HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


class NotMade(RuntimeError):
    """A base image can't be made; the message says why and what to do."""


@dataclass(frozen=True)
class Base:
    """A base image: its name and tag, its recipe, and what puts the files into place that the recipe adds.

    One that is `extra` is needed by an optional service alone; on one that is only `run`, no image of ours
    is built.
    """

    repository: str
    tag: str
    recipe: str
    contents: str
    prepare: Callable[[Path, Sequence[str]], None]
    extra: bool = False
    run: bool = False

    @property
    def processors(self) -> tuple[str, ...]:
        """Those that it is made for, in Go's words."""
        return (HERE,) if self.run else BOTH

    @property
    def platforms(self) -> frozenset[str]:
        """The same in a registry's words."""
        return frozenset(f"linux/{each}" for each in self.processors)

    @property
    def name(self) -> str:
        """The name that Dockerfiles know it by."""
        return f"{self.repository.removeprefix('library/')}:{self.tag}"


def bootstrap(folder: Path, processors: Sequence[str]) -> None:
    """Debian's smallest system, an archive a processor. Raises NotMade."""
    for processor in processors:
        kept = cache_dir("mirror", f"bookworm-{processor}.tar")
        if not kept.is_file():
            step("mirror", f"Debian for {processor}", lambda p=processor, k=kept: mmdebstrap(p, k))  # type: ignore[misc]
        os.link(kept, folder / f"base-{processor}.tar")


def mmdebstrap(processor: str, kept: Path) -> None:
    """Writes Debian's smallest system to an archive. Raises NotMade."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    made = kept.with_suffix(".part.tar")
    done = subprocess.run(
        ["mmdebstrap", "--quiet", f"--architectures={processor}", "--variant=minbase",
         "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
         "--dpkgopt=path-include=/usr/share/doc/*/copyright", "--dpkgopt=path-exclude=/usr/share/locale/*",
         "--dpkgopt=path-include=/usr/share/locale/locale.alias",
         # As in Debian's own image: an image build needs no translations, and no file synced to the disk.
         "--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"', "bookworm", str(made)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise NotMade(f"mmdebstrap for {processor} failed:\n{done.stderr.strip()[-2000:]}")
    os.replace(made, kept)


def media_server(folder: Path, processors: Sequence[str]) -> None:
    """MediaMTX, and the configuration that comes with it. Raises BuildFailed."""
    for processor in processors:
        shutil.copyfile(mediamtx.build(processor), folder / f"mediamtx-{processor}")
        (folder / f"mediamtx-{processor}").chmod(0o755)
    shutil.copyfile(mediamtx.module_folder() / "mediamtx.yml", folder / "mediamtx.yml")


def caddy(folder: Path, processors: Sequence[str]) -> None:
    """Caddy. Raises BuildFailed."""
    for processor in processors:
        made = folder / f"caddy-{processor}"
        shutil.copyfile(go_modules.build(pins.CADDY, processor), made)
        made.chmod(0o755)


def livekit(folder: Path, processors: Sequence[str]) -> None:
    """LiveKit's server. Raises BuildFailed."""
    for processor in processors:
        made = folder / f"livekit-server-{processor}"
        shutil.copyfile(go_modules.build(pins.LIVEKIT, processor), made)
        made.chmod(0o755)


def nothing(_folder: Path, _processors: Sequence[str]) -> None:
    """The recipe holds all that it adds."""


BASES = (
    Base("library/debian", "bookworm-slim", "debian", "bookworm", bootstrap),
    Base("bluenviron/mediamtx", media.VERSION, "mediamtx", media.VERSION, media_server),
    Base("library/caddy", pins.CADDY.version, "caddy", pins.CADDY.version, caddy),
    Base("library/postgres", "15", "postgres", "15", nothing, run=True),
    Base(
        "livekit/livekit-server",
        f"v{pins.LIVEKIT.version}",
        "livekit",
        pins.LIVEKIT.version,
        livekit,
        extra=True,
        run=True,
    ),
)


def key(base: Base) -> str:
    """What an image is made of: another key is another image."""
    digest = hashlib.sha256(f"{base.name} {base.contents}".encode())
    for path in sorted((RECIPES / base.recipe).iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def made_before() -> dict[str, str]:
    """The keys of the images that were made here, by name."""
    try:
        content = json.loads(cache_dir("mirror", "made.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def is_current(base: Base, before: dict[str, str]) -> bool:
    """Whether the registry here has the image, for its platforms, as it would be made now."""
    there = registry.platforms(base.repository, base.tag)
    return before.get(base.name) == key(base) and there >= base.platforms


def can_be_pulled(base: Base, before: dict[str, str]) -> bool:
    """Whether the engine gets the original; one that was made here is none."""
    if base.name in before:
        return False
    try:
        done = subprocess.run(
            ["docker", "pull", "--quiet", base.name], capture_output=True, timeout=600, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def make(base: Base) -> None:
    """Makes one image for its platforms and pushes it. Raises NotMade or BuildFailed."""
    cache_dir("mirror").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir("mirror"), prefix="build-") as name:
        folder = Path(name)
        shutil.copytree(RECIPES / base.recipe, folder, dirs_exist_ok=True)
        base.prepare(folder, base.processors)
        done = subprocess.run(
            ["docker", "buildx", "build", "--builder", BUILDER,
             "--platform", ",".join(sorted(base.platforms)), "--provenance=false",
             "--progress=plain", "--push",
             "--tag", f"{registry.ADDRESS}/{base.repository}:{base.tag}", str(folder)],
            env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise NotMade(f"{base.name} can't be made:\n{done.stderr.strip()[-3000:]}")
    # An older one that the engine has would be run instead.
    if (
        subprocess.run(["docker", "image", "inspect", base.name], capture_output=True, check=False).returncode
        == 0
    ):
        subprocess.run(["docker", "pull", "--quiet", base.name], capture_output=True, check=False)


def ensure(extra: bool = False) -> None:
    """Every base image that containers here need, pulled or made; the extra ones too where asked for.

    Raises RuntimeError with what to do.
    """
    engine.ensure()
    if made_before():
        registry.ensure()
    before = made_before()
    asked = [base for base in BASES if extra or not base.extra]
    wanted = [base for base in asked if not is_current(base, before)]
    for base in asked:
        if base not in wanted:
            print(f"mirror: {base.name}: made before")
    missing = []
    for base in wanted:
        if can_be_pulled(base, before):
            print(f"mirror: {base.name}: can be pulled, nothing to make")
        else:
            missing.append(base)
    if not missing:
        return
    tools = debian.packages("mirror")
    if not debian.is_debian() and shutil.which("mmdebstrap") is None:
        raise NotMade("Base images are made with mmdebstrap, on Debian: run `make mirror` there.")
    if absent := debian.missing(tools):
        step("mirror", f"system packages ({', '.join(absent)})", lambda: debian.install(absent))
    registry.ensure()
    buildkit.ensure()
    for base in missing:
        step("mirror", f"{base.name} for {' and '.join(base.processors)}", lambda b=base: make(b))  # type: ignore[misc]
        before[base.name] = key(base)
        cache_dir("mirror", "made.json").write_text(json.dumps(before), encoding="utf-8")


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - {"--all"}:
        sys.exit(f"mirror: {' '.join(sorted(unknown))}: unknown; the one option is --all")
    try:
        ensure(extra="--all" in sys.argv)
    except (RuntimeError, OSError) as trouble:
        sys.exit(f"mirror: {trouble}")
