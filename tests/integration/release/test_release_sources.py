"""What hosts and operators ask of AWS, against an emulator of it: bundle, secrets, metrics, releases."""

from __future__ import annotations

import hashlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.release import names
from infra.hosts import launcher
from infra.hosts.converge import aws
from tests.rehearsal.emulator.server import REGION, Emulator
from tests.stack import ROOT

BUCKET = "voicestack-test"
WITHIN = 60.0
HOST = {
    "name": "streaming", "region": REGION, "bucket": BUCKET,
    "parameter": names.release_parameter("test", "streaming"),
}  # fmt: skip


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("emulator") / "emulator.log") as running:
        options = {"LocationConstraint": REGION}
        running.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=options)
        yield running


@dataclass
class Launched:
    """A host's launcher in a folder of its own; `became` is what it would have become."""

    folder: Path
    became: list[list[str]]

    @property
    def wanted(self) -> Path:
        return self.folder / "state" / "wanted"


@pytest.fixture
def launched(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Launched:
    made = Launched(tmp_path, [])
    (tmp_path / "host.json").write_text(json.dumps(HOST), encoding="utf-8")
    own = "".join(f"{name}={value}\n" for name, value in emulator.environment.items())
    (tmp_path / "own").write_text(f"# ours\n{own}", encoding="utf-8")
    for name in emulator.environment:
        monkeypatch.delenv(name, raising=False)
    # What the launcher sets is gone again after the test.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(launcher, "HOST", tmp_path / "host.json")
    monkeypatch.setattr(launcher, "OWN_ENVIRONMENT", tmp_path / "own")
    monkeypatch.setattr(launcher, "STATE", tmp_path / "state")
    # In one process nobody would ever have a turn after the first.
    monkeypatch.setattr(launcher, "wait_for_turn", lambda: None)
    monkeypatch.setattr(os, "execv", lambda _program, words: made.became.append(words))
    monkeypatch.setattr(os, "chdir", lambda _folder: None)
    monkeypatch.setattr(sys, "argv", ["voicestack-converge", "--boot"])
    return made


def publish(emulator: Emulator, role: names.Role, text: str, *, release: str = "") -> str:
    """Puts a bundle into the bucket and names it as the wanted release."""
    content = json.dumps({"program": {"__main__.py": f"# {text}"}})
    release = release or hashlib.sha256(content.encode()).hexdigest()[:16]
    key = names.bundle_key(role, release)
    emulator.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content.encode())
    emulator.client("ssm").put_parameter(
        Name=names.release_parameter("test", role), Value=key, Type="String", Overwrite=True
    )
    return release


@pytest.mark.parametrize(("options", "status"), [(["--boot"], 0), (["--report"], 0), ([], 1)])
def test_a_host_without_a_release_waits_for_one_and_a_deployment_does_not_take_that_for_success(
    launched: Launched,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    status: int,
) -> None:
    (launched.folder / "host.json").write_text(
        json.dumps({**HOST, "parameter": "/voicestack/none"}), encoding="utf-8"
    )
    monkeypatch.setattr(sys, "argv", ["voicestack-converge", *options])
    with pytest.raises(SystemExit) as ended:
        launcher.main()
    assert ended.value.code == status
    assert "no release yet" in capsys.readouterr().out
    assert launched.became == []


def test_the_wanted_release_is_fetched_and_its_own_program_started(
    launched: Launched, emulator: Emulator
) -> None:
    for text in ("first", "second"):
        release = publish(emulator, "streaming", text)
        launcher.main()
        assert (launched.wanted / "release").read_text(encoding="utf-8") == release
        assert (launched.wanted / "converge" / "__main__.py").read_text(encoding="utf-8") == f"# {text}"
    assert launched.became[-1][1:] == ["-B", "-m", "converge", "--boot"]


def test_a_host_that_goes_down_at_any_moment_of_a_fetch_has_a_release(
    launched: Launched, emulator: Emulator
) -> None:
    publish(emulator, "streaming", "before")
    launcher.main()
    seen: list[str] = []
    watching = True

    def look(event: str, _arguments: object) -> None:
        if watching and event in ("os.rename", "os.symlink", "os.remove", "os.rmdir", "os.mkdir"):
            seen.append(str(json.loads((launched.wanted / "wanted.json").read_text())["program"]))

    # A hook can't be taken away again, only told to look away.
    sys.addaudithook(look)
    try:
        for text in ("after", "after that", "at last"):
            publish(emulator, "streaming", text)
            launcher.main()
    finally:
        watching = False
    assert "before" in seen[0]
    assert any("after that" in each for each in seen)
    # Only the one before is kept, for a report that is still at it.
    assert len(list((launched.folder / "state").glob("fetched-*"))) == 2


def test_a_bundle_that_is_not_what_its_name_says_is_refused_and_the_last_one_stays(
    launched: Launched, emulator: Emulator
) -> None:
    good = publish(emulator, "streaming", "good")
    launcher.main()
    publish(emulator, "streaming", "forged", release="0" * 16)
    with pytest.raises(SystemExit, match="not what its name says"):
        launcher.main()
    assert (launched.wanted / "release").read_text(encoding="utf-8") == good


def test_without_aws_a_boot_goes_on_with_what_is_there_and_a_deployment_fails(
    launched: Launched,
    emulator: Emulator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(emulator, "streaming", "kept")
    launcher.main()
    (launched.folder / "host.json").write_text(
        json.dumps({**HOST, "bucket": "gone-for-good"}), encoding="utf-8"
    )
    launcher.main()
    assert "AWS does not answer" in capsys.readouterr().out
    assert len(launched.became) == 2
    monkeypatch.setattr(sys, "argv", ["voicestack-converge"])
    with pytest.raises(SystemExit, match="AWS does not answer"):
        launcher.main()
    assert len(launched.became) == 2


@pytest.fixture
def as_host(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Talks to the emulator from this process."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    return emulator


def test_all_secrets_of_a_role_are_read_and_no_other(as_host: Emulator) -> None:
    given = {f"SECRET_{number}": f"value {number}" for number in range(25)}
    ssm = as_host.client("ssm")
    written: list[tuple[names.Role, dict[str, str]]] = [
        ("speech", given),
        ("streaming", {"API_KEYS": "other"}),
    ]
    for role, values in written:
        for name, value in values.items():
            path = f"{names.secrets_path('test', role)}/{name}"
            ssm.put_parameter(Name=path, Value=value, Type="SecureString")
    assert aws.secrets(REGION, names.secrets_path("test", "speech")) == given


def test_a_host_tells_how_it_is(as_host: Emulator) -> None:
    aws.put_metrics(REGION, names.METRICS, {"stack": "test", "host": "streaming"}, {names.HEALTH_METRIC: 2.0})
    found = as_host.client("cloudwatch").list_metrics(Namespace=names.METRICS)["Metrics"]
    assert [each["MetricName"] for each in found] == [names.HEALTH_METRIC]
    assert {each["Name"]: each["Value"] for each in found[0]["Dimensions"]} == {
        "stack": "test",
        "host": "streaming",
    }


def release_command(emulator: Emulator, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", "release", *words, "--stack", "test"]
    environment: dict[str, Any] = {**os.environ, **emulator.environment, "NO_COLOR": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_releases_are_listed_with_the_wanted_one_and_an_older_one_is_put_back(emulator: Emulator) -> None:
    first, second = (publish(emulator, "speech", text) for text in ("one", "two"))
    listed = [line for line in release_command(emulator, "list").stdout.splitlines() if "speech" in line]
    assert [(second in line, first in line, "wanted now" in line) for line in listed] == [
        (True, False, True),
        (False, True, False),
    ]
    ec2 = emulator.client("ec2")
    tags = {names.STACK_TAG: "test", names.ROLE_TAG: "speech", names.HOST_TAG: "speech-1"}
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
        ],
    )  # fmt: skip
    # The emulator only says that it has run the command; hosts of the rehearsal really run it.
    done = release_command(emulator, "rollback", "--role", "speech")
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"speech: release {first} on speech-1" in done.stdout
    wanted = emulator.client("ssm").get_parameter(Name=names.release_parameter("test", "speech"))
    assert wanted["Parameter"]["Value"] == names.bundle_key("speech", first)


def test_what_cannot_be_put_back_is_told_in_words(emulator: Emulator) -> None:
    done = release_command(emulator, "rollback", "nonsense", "--role", "speech")
    assert done.returncode == 1
    assert "no release 'nonsense'" in done.stderr
    assert release_command(emulator, "rollback", "--role", "media").returncode == 2


def test_two_at_once_take_turns_and_the_second_waits_until_the_program_of_the_first_has_ended(
    tmp_path: Path,
) -> None:
    program = "print('at work', flush=True); input()"
    launch = (
        "import os, pathlib, sys; from infra.hosts import launcher; "
        f"launcher.RUN = pathlib.Path({str(tmp_path / 'run')!r}); launcher.wait_for_turn(); "
        f"os.execv(sys.executable, [sys.executable, '-c', {program!r}])"
    )
    first, second = (
        subprocess.Popen(
            [sys.executable, "-c", launch], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    )
    with first, second:
        assert first.stdout
        assert second.stdout
        ready, _, _ = select.select([first.stdout, second.stdout], [], [], WITHIN)
        (winner,) = [each for each in (first, second) if each.stdout in ready]
        loser = second if winner is first else first
        assert winner.stdout
        assert loser.stdout
        assert winner.stdout.readline() == "at work\n"
        assert select.select([loser.stdout], [], [], 1.0)[0] == []
        winner.communicate("done\n", timeout=WITHIN)
        assert loser.stdout.readline() == "at work\n"
        loser.communicate("done\n", timeout=WITHIN)
