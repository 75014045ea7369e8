"""The real stack for integration tests: one for the session, or one of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest

from tests.stack import LIGHT_VOICE, Stack

NewStack = Callable[..., Stack]
STACKS: pytest.StashKey[list[Stack]] = pytest.StashKey()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """Media server, sts and dubber on free ports, with a light voice, for tests that harm none."""
    with Stack(tmp_path_factory.mktemp("stack"), extra=LIGHT_VOICE) as running:
        pytestconfig.stash.setdefault(STACKS, []).append(running)
        yield running


@pytest.fixture
def new_stack(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[NewStack]:
    """Starts a stack of the test's own: `new_stack("media", TARGET_LANGUAGES="es,fr")`.

    Without names it has media server, sts and dubber, with a light voice. For tests that kill services or
    need settings.
    """
    with ExitStack() as running:

        def start(*services: str, **extra: str) -> Stack:
            folder = tmp_path_factory.mktemp("stack")
            made = running.enter_context(Stack(folder, services or ("dubber",), LIGHT_VOICE | extra))
            pytestconfig.stash.setdefault(STACKS, []).append(made)
            return made

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the services' logs to the report of a test that failed."""
    report = yield
    if report.when == "call" and report.failed:
        for running in item.config.stash.get(STACKS, []):
            report.sections.append((f"services in {running.folder.name}", running.logs()))
    return report
