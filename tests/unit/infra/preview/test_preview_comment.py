"""A preview as a comment: counts, what could hurt, then everything. The previews are a real engine's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra import preview
from infra.preview import UNKNOWN, NoPreview, broken, changes, comment, dangers, errors, main

FOLDER = Path(__file__).parent
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
TAGS = {"stack": "prod", "service": "voicestack", "owner": "media-team", "cost-centre": "4711"}


def recorded(name: str) -> dict[str, Any]:
    """A preview of the real engine: volumes and networks, changed, or protected and changed."""
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return read


def step(op: str, kind: str, old: dict[str, Any], new: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A step of a preview, in the engine's shape."""
    state = {"type": kind, "custom": True}
    return {
        "op": op,
        "urn": f"urn:pulumi:prod::voicestack::{kind}::it",
        "oldState": {**state, "inputs": old} if old else None,
        "newState": {**state, "inputs": new} if new else None,
        **more,
    }


def test_counts_come_first_and_then_what_could_hurt() -> None:
    lines = comment(recorded("changed"), "trial").splitlines()
    assert lines[0] == ("### `trial`: 1 to delete, 2 to replace, 1 to forget, 2 to create, 1 unchanged")
    first = lines.index("**Look at this first**")
    assert "delete docker.Volume `old`" in lines[first + 2]
    assert "its data would be lost" in lines[first + 2]
    assert first < lines.index("**Everything that changes**")


def test_alike_changes_of_a_kind_share_a_line() -> None:
    kind = "docker:index/network:Network"
    one, two = step("create", kind, {}, {"name": "a"}), step("create", kind, {}, {"name": "b"})
    two["urn"] += "-too"
    assert "- create docker.Network `it`, `it-too`" in comment({"steps": [two, one]}, "local").splitlines()


def test_a_replacement_says_what_makes_it() -> None:
    assert "(name: `trial-data` → `trial-data-2`)" in comment(recorded("changed"), "trial")


def test_what_stays_where_it_is_is_no_danger() -> None:
    assert not any("kept" in each for each in dangers(changes(recorded("changed"))))
    assert "forget docker.Volume `kept`" in comment(recorded("changed"), "trial")


def test_what_is_protected_is_refused_and_pulumis_words_are_there() -> None:
    told = comment(recorded("protected"), "trial")
    assert "**replace docker.Volume `data`**: it is protected, and Pulumi will refuse" in told
    assert "cannot be deleted" in told
    assert len(errors(recorded("protected"))) == 2


def test_a_warning_is_passed_on() -> None:
    warned = {
        "steps": [],
        "diagnostics": [{"severity": "warning", "message": "warning: an empty passphrase\n"}],
    }
    assert "an empty passphrase" in comment(warned, "prod")
    assert errors(warned) == []


def test_a_secret_is_not_told() -> None:
    old, new = {"value": "[secret]", "tier": "Standard"}, {"value": "[secret]", "tier": "Advanced"}
    changed = step("update", "aws:ssm/parameter:Parameter", old, new, diffReasons=["value", "tier"])
    told = comment({"steps": [changed]}, "prod")
    assert "(value; tier: `Standard` → `Advanced`)" in told


def test_a_host_that_goes_down_is_named_with_its_reason() -> None:
    kind = "aws:ec2/instance:Instance"
    found = changes(
        {"steps": [step("replace", kind, {"ami": "ami-1"}, {"ami": "ami-2"}, replaceReasons=["ami"])]}
    )
    assert list(dangers(found)) == ["**replace ec2.Instance `it`**: it goes down (ami: `ami-1` → `ami-2`)"]


def test_a_door_that_opens_to_everyone_is_named_and_one_that_was_open_is_not() -> None:
    rule = {"ipProtocol": "tcp", "fromPort": 1935, "toPort": 1935, "cidrIpv4": "0.0.0.0/0"}
    closed = {**rule, "cidrIpv4": "203.0.113.0/24"}
    assert "tcp 1935" in next(dangers(changes({"steps": [step("update", RULE, closed, rule)]})))
    assert list(dangers(changes({"steps": [step("update", RULE, rule, rule)]}))) == []


def test_a_policy_that_would_be_broken_is_told_also_of_what_does_not_change() -> None:
    rule = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0", "tags": TAGS}
    assert "no-public-ssh" in broken({"steps": [step("same", RULE, rule, rule)]})[0]


def test_what_is_not_known_yet_breaks_no_policy() -> None:
    kind = "aws:s3/bucketObjectv2:BucketObjectv2"
    bundle = {"key": UNKNOWN, "content": UNKNOWN, "tags": TAGS}
    assert broken({"steps": [step("create", kind, {}, bundle)]}) == []
    rule = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "referencedSecurityGroupId": UNKNOWN,
            "description": "who logs in", "tags": TAGS}  # fmt: skip
    assert broken({"steps": [step("create", RULE, {}, rule)]}) == []


def test_a_long_comment_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "LIMIT", 300)
    told = comment(recorded("changed"), "trial")
    assert len(told) < 400
    assert "more lines" in told


def test_nothing_to_do_is_one_line() -> None:
    same = step("same", "docker:index/network:Network", {"name": "a"}, {"name": "a"})
    assert comment({"steps": [same]}, "local").strip() == "### `local`: nothing changes, 1 unchanged"


def test_where_there_is_no_preview_pulumis_words_are_the_comment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(stack: str) -> dict[str, Any]:
        raise NoPreview(f"no stack named '{stack}' found")

    monkeypatch.setattr(preview, "ask", refuse)
    monkeypatch.setattr("sys.argv", ["preview", "--stack", "prod", "--to", str(tmp_path / "out/comment.md")])
    assert main() == 1
    assert "no stack named 'prod' found" in (tmp_path / "out/comment.md").read_text(encoding="utf-8")
    assert "previewing prod" in capsys.readouterr().err
