"""A stand-in for Data Lifecycle Manager, which Moto lacks: it keeps policies and takes no snapshots."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

ACCOUNT = "123456789012"
KEPT = ("Description", "ExecutionRoleArn", "State", "PolicyDetails")


class Lifecycle:
    """The API of Data Lifecycle Manager over policies in memory, as a WSGI application."""

    def __init__(self) -> None:
        self.policies: dict[str, dict[str, Any]] = {}

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        status, body = self.answer(request)
        answer = Response(status=status, content_type="application/json")
        answer.set_data(json.dumps(body))
        return answer(environ, start)

    def answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Status and body for a request."""
        kind, _, rest = unquote(request.path).strip("/").partition("/")
        if kind == "policies" and not rest:
            return self.create(request.get_json()) if request.method == "POST" else self.listed()
        found = self.policies.get(rest.rpartition("/")[2])
        if found is None:
            return 404, {"Code": "ResourceNotFoundException", "Message": f"no policy {rest}"}
        if kind == "tags":
            return self.tag(request, found)
        if request.method == "DELETE":
            del self.policies[found["PolicyId"]]
        elif request.method == "PATCH":
            found.update({key: value for key, value in request.get_json().items() if key in KEPT})
        else:
            return 200, {"Policy": found}
        return 200, {}

    def create(self, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """A new policy."""
        name = f"policy-{secrets.token_hex(8)}"
        self.policies[name] = {
            **{key: given[key] for key in KEPT},
            "PolicyId": name,
            "PolicyArn": f"arn:aws:dlm:eu-central-1:{ACCOUNT}:policy/{name}",
            "Tags": given.get("Tags", {}),
        }
        return 200, {"PolicyId": name}

    def listed(self) -> tuple[int, dict[str, Any]]:
        """All policies, in short."""
        shown = ("PolicyId", "Description", "State", "Tags")
        return 200, {"Policies": [{key: one[key] for key in shown} for one in self.policies.values()]}

    def tag(self, request: Request, policy: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Adds or removes tags."""
        if request.method == "POST":
            policy["Tags"].update(request.get_json()["Tags"])
        for key in request.args.getlist("tagKeys") if request.method == "DELETE" else []:
            policy["Tags"].pop(key, None)
        return 200, {}
