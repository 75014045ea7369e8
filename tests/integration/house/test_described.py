"""What the services say of themselves: OpenAPI for HTTP, AsyncAPI for WebSockets, judged by others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from fastapi.testclient import TestClient

from app.service import create
from app.settings import load
from tests.integration.hostile.doors import PYTHON_SERVICES, websockets
from tests.npm import installed

HERE = Path(__file__).with_name("asyncapi")
VERSION = "asyncapi-specs-6.8.1"
SPOKEN = ("sts", "live", "sales")
"""Whose WebSockets are for other programs; the console's and the dubber's are for the console."""


@pytest.fixture(scope="module")
def rules() -> Any:
    """AsyncAPI's own schema of its documents."""
    schemas = installed(HERE, VERSION) / "node_modules" / "@asyncapi" / "specs" / "schemas"
    return jsonschema_rs.validator_for(json.loads((schemas / "3.0.0.json").read_text(encoding="utf-8")))


def told(service: str, path: str) -> dict[str, Any]:
    """A document of a service."""
    app = create(service, load({"ASR_ENGINE": "pocketsphinx", "ALLOWED_HOSTS": "testserver"}))
    answer = TestClient(app).get(path)
    assert answer.status_code == 200
    return dict(answer.json())


# The console's addresses are its own pages' alone, and described nowhere.
@pytest.mark.parametrize("service", [each for each in PYTHON_SERVICES if each != "web"])
def test_the_description_of_http_is_a_valid_one(service: str) -> None:
    document = told(service, "/openapi.json")
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()


@pytest.mark.parametrize("service", SPOKEN)
def test_the_description_of_websockets_is_a_valid_one_and_has_them_all(service: str, rules: Any) -> None:
    document = told(service, "/asyncapi.json")
    assert [f"{list(each.instance_path)}: {each.message}" for each in rules.iter_errors(document)] == []
    app = create(service, load({"ASR_ENGINE": "pocketsphinx"}))
    assert {each["address"] for each in document["channels"].values()} == set(websockets(app.routes))
    for place in references(document):
        found: Any = document
        for part in place.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/")]
    for message in document["components"]["messages"].values():
        assert message["description"], message


def references(content: Any) -> Iterator[str]:
    """All places that something in the document refers to."""
    if isinstance(content, dict):
        if isinstance(content.get("$ref"), str):
            yield content["$ref"]
        for each in content.values():
            yield from references(each)
    elif isinstance(content, list):
        for each in content:
            yield from references(each)
