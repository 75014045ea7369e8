"""What the documents name is there: links, files, commands, options, variables."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import typer

from app.command import cli
from tests.stack import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "images/**/*.md", "tests/**/*.md")
    for path in ROOT.glob(pattern)
)
SOURCES = (
    "Makefile", ".env.example", ".gitlab-ci.yml", "Pulumi.yaml", ".github/**/*.yml", "envs/*.yaml",
    "images/**/*", "app/**/*.py", "infra/**/*.py", "tests/**/*.py", "tools/**/*.py",
)  # fmt: skip
FOLDERS = "app|docs|envs|images|infra|requirements|tests|tools"
OURS = "(?:app|infra|tests|tools)"
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n)(?: {4,}\S.*\n)+")
SPAN = re.compile(r"`([^`]+)`")
# Variables of programs that are not ours.
OTHERS = {"AWS_PROFILE", "AUDIO_TRACKS_UPDATED"}


@pytest.fixture(params=DOCUMENTS, ids=str)
def text(request: pytest.FixtureRequest) -> str:
    return read(request.param)


@pytest.fixture(scope="module")
def sources() -> str:
    """All that is no document, as one text."""
    files = sorted({path for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file()})
    return "\n".join(path.read_text(encoding="utf-8") for path in files if path.suffix not in (".md", ".pyc"))


def read(document: Path) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def code(text: str) -> str:
    """Everything that is written as code."""
    rest = FENCED.sub("", text)
    return "\n".join([*FENCED.findall(text), *INDENTED.findall(rest), *SPAN.findall(INDENTED.sub("", rest))])


def headings(text: str) -> set[str]:
    """The names by which headings are linked."""
    found = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_to_files_and_headings(document: Path) -> None:
    for target in re.findall(r"\]\(<?([^)>\s]+)", FENCED.sub("", read(document))):
        if re.match("[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        found = ROOT / document.parent / name if name else ROOT / document
        assert found.exists(), target
        assert not heading or heading in headings(found.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_files_that_are_named_are_there(document: Path) -> None:
    for name in re.findall(rf"(?<![\w/.:-])(?:{FOLDERS})/[\w./*-]*[\w*/]", read(document)):
        assert list(ROOT.glob(name)) or list((ROOT / document.parent).glob(name)), name


def test_what_make_is_asked_for_is_a_target(text: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", code(text))) <= set(targets)


def test_modules_and_commands_are_there(text: str) -> None:
    commands = typer.main.get_command(cli).commands  # type: ignore[attr-defined]
    for module, command in re.findall(rf"python3? -m ({OURS}[\w.]*)(?: ([a-z-]+))?", code(text)):
        spec = importlib.util.find_spec(module)
        assert spec, module
        if spec.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{module}.__main__"), module
        assert module != "app" or not command or command in commands, command


def test_options_of_our_programs_and_variables_are_known(text: str, sources: str) -> None:
    ours = re.findall(rf"(?:python3? -m {OURS}|ARGS=).*", code(text))
    for option in re.findall(r"--[a-z][a-z-]+", "\n".join(ours)):
        assert option in sources, option
    for variable in set(re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b", code(text))) - OTHERS:
        assert variable in sources, variable
