"""What the README tells people to type: what of it is typed on the bare machine, and why the rest is not."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A part of a script in the clone, and the seconds it may take."""

    name: str
    script: str
    within: float = 300.0


# The services run while others are typed; what they have said is told where they don't come up.
RUN = """
set -m
make run > run.log 2>&1 & run=$!
for _ in $(seq 900); do
  grep -q "Ctrl-C stops it" run.log && break
  kill -0 $run 2>/dev/null || break
  sleep 1
done
grep -q "Ctrl-C stops it" run.log || { cat run.log; exit 1; }
grep -v "^\\S* \\S* *|" run.log | tail -n 30
"""
SPEECH = """
make status
curl -sSf -H 'Content-Type: application/json' -d '{"input": "Good morning.", "voice": "alloy"}' \\
     -o morning.mp3 http://127.0.0.1:5002/v1/audio/speech
curl -sSf -F file=@morning.mp3 -F response_format=srt http://127.0.0.1:5001/v1/audio/transcriptions
# As Ctrl-C does: make itself ends by it, the services in order.
kill -INT -- -$run
wait $run || true
grep -q "| *stopped" run.log
"""
STEPS = (
    Step("make", "make"),
    Step("make env", "make env"),
    Step("make run, and what is asked of it", f"{RUN}{SPEECH}", 1200.0),
    Step("make demo", 'make demo ARGS="--seconds 15"'),
    Step("make demo-sales", "make demo-sales ARGS=--text"),
    Step("make demo-commentary", "make demo-commentary ARGS=--quick"),
    Step("make doctor", "make doctor"),
    Step("compose file", ".venv/bin/python -m app compose > compose.yaml && rm compose.yaml"),
    Step("make setup for development", 'make setup ARGS="--with dev"', 900.0),
    Step("make lint", "make lint"),
    Step("make secrets", "make secrets"),
    # The parts that look at how a machine is set up: the rest of make test is the same everywhere.
    Step("make test, a part", "make test ARGS=\"-k 'setup or native or supervisor or media'\"", 900.0),
)

CONTAINERS = "needs a Docker engine, which a container has none of"
AWS = "is production, on AWS or its emulator"
ELSEWHERE = {
    **dict.fromkeys(
        ("up", "up-dev", "up-gpu", "preview", "down", "logs", "shell", "build", "sbom", "tools", "mirror"),
        CONTAINERS,
    ),
    **dict.fromkeys(("deploy", "review", "rehearsal", "rehearse"), AWS),
    "mic": "needs a microphone",
    "bench": "takes a quarter of an hour, and measures the machine",
    "understood": "takes a quarter of an hour, and measures the machine",
    "clean": "asks before it removes",
}


def targets(text: str) -> set[str]:
    """The targets of make that a text names as code."""
    code = re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)
    return set(re.findall(r"\bmake ([a-z][a-z-]*)", "\n".join(code)))


def typed() -> set[str]:
    """The targets that are tried on the bare machine."""
    return set(re.findall(r"\bmake ([a-z][a-z-]*)", "\n".join(step.script for step in STEPS)))
