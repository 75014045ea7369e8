"""A real issuer of OpenID Connect as a program beside the tests, and somebody who signs in there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.child import Child, answers
from tests.npm import installed

HERE = Path(__file__).with_name("issuer")
VERSION = "oidc-provider-8.8.1"


@contextmanager
def issuer(port: int, callback: str, folder: Path) -> Iterator[str]:
    """The issuer on that port, whose only client is sent back to `callback`; gives its name."""
    name = f"http://127.0.0.1:{port}"
    command = ["node", str(HERE / "issuer.js"), f"{installed(HERE, VERSION)}/", str(port), callback]
    discovery = f"{name}/.well-known/openid-configuration"
    with Child("the issuer", command, folder / "issuer.log", lambda: answers(discovery)):
        yield name


def sign_in_there(browser: httpx.Client, page: httpx.Response, name: str, callback: str) -> str:
    """Goes through the issuer's pages as that person; gives the address that leads back."""
    for _ in range(12):
        if page.is_redirect:
            to = str(page.next_request.url) if page.next_request else ""
            if to.startswith(callback):
                return to
            page = browser.get(to)
            continue
        form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
        assert form, page.text
        assert prompt, page.text
        page = browser.post(form[1], data={"prompt": prompt[1], "login": name, "password": "any"})
    raise AssertionError("the issuer goes round in circles")
