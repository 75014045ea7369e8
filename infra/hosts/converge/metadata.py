"""What EC2 tells an instance of itself, by its own address for that (IMDSv2)."""

from __future__ import annotations

import os
import urllib.error
import urllib.request

ADDRESS = "http://169.254.169.254"
ANSWERED_WITHIN = 2.0
TOKEN_FOR = 21600  # seconds, as long as a token may be good for


class Metadata:
    """Asks it; AWS_EC2_METADATA_SERVICE_ENDPOINT, the SDK's own variable, names another address."""

    def __init__(self) -> None:
        self._address = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", ADDRESS).rstrip("/")
        # Never through the host's proxy.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._token = ""

    def get(self, path: str) -> str:
        """What is said under `path`; empty where nothing is. Raises OSError where it does not answer."""
        for _ in range(2):
            if not self._token:
                asked = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_FOR)}
                self._token = self._ask("PUT", "/latest/api/token", asked)
            try:
                return self._ask(
                    "GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token}
                )
            except urllib.error.HTTPError as refusal:
                if refusal.code == 404:
                    return ""
                if refusal.code != 401:
                    raise
                self._token = ""
        raise OSError(f"the instance's metadata refuses every token: {path}")

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> str:
        request = urllib.request.Request(self._address + path, headers=headers, method=method)
        with self._opener.open(request, timeout=ANSWERED_WITHIN) as answer:
            return str(answer.read().decode())
