"""What Moto lacks of an account: quotas of EC2, which are large, and IAM's simulator, which says yes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

QUOTA = 1000.0
RESULT = (
    "<member><EvalActionName>{action}</EvalActionName><EvalDecision>allowed</EvalDecision>"
    "<EvalResourceName>*</EvalResourceName></member>"
)
ANSWER = (
    '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
    "<SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults>"
    "<IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
)


def quotas(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """Service Quotas."""
    asked = json.loads(Request(environ).get_data() or b"{}")
    body = {"Quota": {**{key: asked.get(key, "") for key in ("ServiceCode", "QuotaCode")}, "Value": QUOTA}}
    answer = Response(json.dumps(body), content_type="application/x-amz-json-1.1")
    return answer(environ, start)


class Simulator:
    """IAM, with the simulator that Moto lacks."""

    def __init__(self, below: Callable[..., Iterable[bytes]]) -> None:
        self.below = below

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        body = Request(environ).get_data()
        form = parse_qs(body.decode())
        if form.get("Action") != ["SimulatePrincipalPolicy"]:
            return self.below({**environ, "wsgi.input": io.BytesIO(body)}, start)
        named = [value for key, [value] in form.items() if key.startswith("ActionNames.member.")]
        results = "".join(RESULT.format(action=escape(each)) for each in named)
        answer = Response(ANSWER.format(results=results), content_type="text/xml")
        return answer(environ, start)
