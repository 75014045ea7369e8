"""The package for other people's programs, as the real engine loads it and makes what is in it (DEP-10)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from infra.package.components import LocalStackArgs, SpeechHostArgs
from tests.stack import ROOT
from tools import go_modules, pins, toolchain

PACKAGE = ROOT / "infra" / "package"
PROGRAM = """
name: trial
runtime: yaml
packages: {{voicestack: {package}}}
resources:
  one:
    type: voicestack:SpeechHost
    properties:
      settings: {{ASR_ENGINE: pocketsphinx}}
  two:
    type: voicestack:LocalStack
    properties:
      services: [asr]
      settings: {{ASR_ENGINE: pocketsphinx, ASR_PORT: "15001", ASR_WYOMING_PORT: "20300"}}
outputs:
  there: ${{two.addresses}}
"""


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    """Pulumi as for everything else, and the host of programs in YAML."""
    toolchain.ensure()
    go_modules.build(pins.YAML_HOST)


def pulumi(folder: Path, *arguments: str) -> str:
    """What the engine prints."""
    environment = toolchain.environment(
        {
            **os.environ,
            "PATH": f"{ROOT / '.venv' / 'bin'}:{pins.YAML_HOST.path().parent}:{os.environ['PATH']}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_BACKEND_URL": f"file://{folder}",
        }
    )
    done = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"], cwd=folder, env=environment, timeout=300,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pulumi_reads_the_schema_with_every_argument_and_what_it_means(tmp_path: Path) -> None:
    program = str(PACKAGE / "pulumi-resource-voicestack")
    schema = json.loads(pulumi(tmp_path, "package", "get-schema", program))
    resources = schema["resources"]
    wanted = {"LocalStack": LocalStackArgs, "SpeechHost": SpeechHostArgs}
    assert set(resources) == {f"voicestack:index:{name}" for name in wanted}
    for name, arguments in wanted.items():
        found = resources[f"voicestack:index:{name}"]
        assert found["isComponent"]
        assert set(found["inputProperties"]) == set(arguments.__annotations__)
        described = [*found["inputProperties"].values(), *found["properties"].values(), found]
        assert all(each["description"] for each in described), name


def test_a_program_in_yaml_has_two_components_that_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text(PROGRAM.format(package=PACKAGE), encoding="utf-8")
    pulumi(tmp_path, "stack", "init", "try")
    said = json.loads(pulumi(tmp_path, "preview", "--json", "--stack", "try"))
    made = [step["newState"] for step in said["steps"]]
    containers = {
        each["urn"].rpartition("::")[2]: each["inputs"]["name"]
        for each in made
        if each["type"] == "docker:index/container:Container"
    }
    assert containers == {
        **{f"one-{name}": f"voicestack-trial-try-one-{name}" for name in ("sts", "asr", "tts")},
        "two-asr": "voicestack-trial-try-two-asr",
    }
    assert len({each["urn"] for each in made}) == len(made)
