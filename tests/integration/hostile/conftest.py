"""Every service of the catalogue at once, with a login, and a stream that is dubbed and watched meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from app.access.gate import authorization
from app.demo.measure import Measurement
from tests.integration.hostile.attacks import more_descriptors
from tests.integration.hostile.doors import PYTHON_SERVICES, http_port
from tests.integration.hostile.vigil import Vigil
from tests.stack import LIGHT_VOICE, Stack, wait_for

STREAM = "besieged"
NAME, PASSWORD = "ana", "seven green umbrellas"


@dataclass
class Siege:
    """The services, what is measured of the stream that they dub, and the worker that dubs it."""

    stack: Stack
    measurement: Measurement
    known: dict[str, str]
    """What an operator's browser and a program of ours send along: it must not help another site's page."""

    def vigil(self) -> Vigil:
        """Asks for the health of all Python services while its block runs."""
        return Vigil({name: http_port(self.stack.settings, name) for name in PYTHON_SERVICES})

    def pictures(self) -> int:
        """How many pictures of the dub have been received."""
        return self.measurement.figures().pictures

    def restarts(self) -> int:
        """How often the stream's worker was started again."""
        dub = self.stack.dub(STREAM)
        assert dub is not None
        return int(dub["restarts"])


def cookie(stack: Stack) -> str:
    """The session's cookie of an operator who has signed in to the console."""
    address = f"http://127.0.0.1:{http_port(stack.settings, 'web')}"
    with httpx.Client(base_url=address, trust_env=False) as browser:
        token = re.findall('name="token" value="(.*?)"', browser.get("/login").text)
        data = {"token": token[0], "name": NAME, "password": PASSWORD}
        assert browser.post("/login", data=data).headers["location"] == "/"
        return f"voicestack={browser.cookies['voicestack']}"


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    """All services, with a stream that is dubbed and whose dub is being read."""
    more_descriptors()
    with Stack(tmp_path_factory.mktemp("siege"), PYTHON_SERVICES, LIGHT_VOICE) as stack:
        stack.login(NAME, PASSWORD)
        known = {"cookie": cookie(stack), **authorization(stack.settings)}
        _, measurement = stack.publish_sample(STREAM)
        stack.read(f"dub/{STREAM}/es", measurement.on_received, wait=60.0)
        wait_for("pictures of the dub", lambda: measurement.figures().pictures > 0, 90)
        yield Siege(stack, measurement, known)
