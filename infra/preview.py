"""`python -m infra.preview`: what `pulumi up` would do, as a comment that a reviewer reads in a minute.

Counts first, then what could hurt: errors, broken policies, data or addresses that would be lost, hosts that
would go down, doors that would open. Then every change, with what makes it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from infra import contents
from infra.policy.rules import EVERYWHERE, POLICIES, STACK_POLICIES, Resource, ingress, key_of

VERBS = {
    "delete": "delete",
    "replace": "replace",
    "update": "change",
    "create": "create",
    "same": "unchanged",
}
FORGET = "forget"  # to delete what stays where it is: Pulumi only knows of it no longer
ORDER = ("delete", "replace", "change", FORGET, "create", "unchanged")
# Steps that Pulumi tells beside the one that says it all.
PARTS = (
    "create-replacement",
    "delete-replaced",
    "read",
    "refresh",
    "discard-replaced",
    "remove-pending-replace",
)
LOST = {
    "aws:ebs/volume:Volume": "its data",
    "aws:s3/bucket:Bucket": "what lies in it",
    "aws:ec2/eip:Eip": "the public address",
    "aws:ecr/repository:Repository": "its images",
    "docker:index/volume:Volume": "its data",
}
HOSTS = ("aws:ec2/instance:Instance", "docker:index/container:Container")
LONGEST = 60  # characters of a value
LIMIT = 60000  # characters of a comment; the services take 65,536
COPIED = "docker-build:index:Index"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class NoPreview(RuntimeError):
    """Pulumi gave no preview; the message is what it said."""


@dataclass(frozen=True)
class Change:
    """What would happen to a resource. `before` and `after` are its inputs, empty where there are none.

    What is `kept` stays where it is when Pulumi forgets it.
    """

    verb: str
    type: str
    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    reasons: tuple[str, ...]
    protected: bool
    kept: bool = False

    @property
    def kind(self) -> str:
        """Its type as people write it: aws:ec2/instance:Instance is ec2.Instance."""
        package, module, last = [*self.type.split(":"), "", ""][:3]
        folder = module.partition("/")[0]
        return f"{package if folder == 'index' else folder}.{last}"

    @property
    def title(self) -> str:
        """What would happen to what."""
        return f"{self.verb} {self.kind} `{self.name}`"


def changes(preview: Mapping[str, Any]) -> list[Change]:
    """Every resource of a preview; components and providers, which are only folders of others, left out."""
    found = []
    for step in preview.get("steps", []):
        old, new = step.get("oldState") or {}, step.get("newState") or {}
        state = new or old
        kind = state.get("type", "")
        if step["op"] in PARTS or not state.get("custom") or kind.startswith("pulumi:"):
            continue
        found.append(
            Change(
                verb=FORGET
                if step["op"] == "delete" and old.get("retainOnDelete")
                else VERBS.get(step["op"], step["op"]),
                type=kind,
                name=step["urn"].rpartition("::")[2],
                before=old.get("inputs") or {},
                after=new.get("inputs") or {},
                reasons=tuple(step.get("replaceReasons") or step.get("diffReasons") or ()),
                protected=bool(old.get("protect")),
                kept=bool(old.get("retainOnDelete")),
            )
        )
    return sorted(found, key=lambda each: (place(each.verb), each.kind, each.name))


def place(verb: str) -> int:
    """Where a verb stands in a list; what nobody knows comes first."""
    return ORDER.index(verb) if verb in ORDER else -1


def dangers(found: list[Change]) -> Iterator[str]:
    """What a reviewer has to see before anything else, the worst first."""
    gone = [each for each in found if each.verb in ("delete", "replace") and not each.kept]
    for each in gone:
        if each.protected:
            yield f"**{each.title}**: it is protected, and Pulumi will refuse{because(each)}"
    for each in gone:
        if not each.protected and each.type in LOST:
            yield f"**{each.title}**: {LOST[each.type]} would be lost{because(each)}"
    for each in gone:
        if each.type in HOSTS:
            yield f"**{each.title}**: it goes down{because(each)}"
    for each in found:
        if each.verb != "unchanged" and (
            wide := doors(each.type, each.after) - doors(each.type, each.before)
        ):
            yield f"**{each.title}**: open to everyone: {', '.join(sorted(wide))}"


def everything(found: list[Change]) -> Iterator[str]:
    """A line for each change that says why, and one for all of a kind that say nothing more."""
    changed = [each for each in found if each.verb != "unchanged"]
    for (verb, kind), group in groupby(changed, key=lambda each: (each.verb, each.kind)):
        alike = []
        for each in group:
            if reason := because(each):
                yield f"{each.title}{reason}"
            else:
                alike.append(f"`{each.name}`")
        if alike:
            yield f"{verb} {kind} {', '.join(alike)}"


def doors(kind: str, inputs: Mapping[str, Any]) -> set[str]:
    """The ports that anybody reaches through a rule."""
    return {
        f"{rule.protocol} {rule.first}" + (f" to {rule.last}" if rule.last != rule.first else "")
        for rule in ingress(Resource(kind, "", inputs))
        if any(cidr in EVERYWHERE for cidr in rule.cidrs)
    }


def broken(preview: Mapping[str, Any]) -> list[str]:
    """Every policy that the stack would break."""
    found, resources = [], []
    for step in preview.get("steps", []):
        new = step.get("newState") or {}
        # What is not known yet is checked on `up`, by the policy pack.
        known = {key: value for key, value in (new.get("inputs") or {}).items() if value != UNKNOWN}
        refers = {
            name: [key_of(urn) for urn in urns or ()]
            for name, urns in (new.get("propertyDependencies") or {}).items()
        }
        name, protected = step["urn"].rpartition("::")[2], bool(new.get("protect"))
        resource = Resource(new.get("type", ""), name, known, protected, refers)
        resources.append(resource)
        found += [
            f"{policy.name}: `{resource.name}`: {problem}"
            for policy in POLICIES
            if not hidden(policy.name, new.get("inputs") or {})
            for problem in policy.find(resource)
        ]
    return found + [
        f"{policy.name}: `{resource.name}`: {problem}"
        for policy in STACK_POLICIES
        for resource, problem in policy.find(resources)
    ]


def hidden(policy: str, inputs: Mapping[str, Any]) -> bool:
    """Whether a policy asks for something that the preview does not know yet."""
    return policy == "images-by-digest" and UNKNOWN in (inputs.get("content"), inputs.get("key"))


def because(change: Change) -> str:
    """What makes a change, with short values before and after."""
    told = []
    for reason in change.reasons:
        old, new = change.before.get(reason), change.after.get(reason)
        told.append(f"{reason}: {value(old)} → {value(new)}" if plain(old) and plain(new) else reason)
    return f" ({'; '.join(told)})" if told else ""


def plain(given: Any) -> bool:
    """Whether a value is short enough to be read, and no secret."""
    return isinstance(given, str | int | float | bool) and len(str(given)) <= LONGEST and given != "[secret]"


def value(given: Any) -> str:
    """A value in a sentence."""
    return "not known yet" if given == UNKNOWN else f"`{given}`"


def packages(found: list[Change]) -> Iterator[str]:
    """What another release of an image has in it, where the documents of both are there."""
    for each in found:
        old, new = (released(inputs) for inputs in (each.before, each.after))
        if each.type != COPIED or not old or not new or old == new:
            continue
        image, *tags = old[0], old[1], new[1]
        files = [contents.place(tag, image) for tag in tags]
        if lacking := [tag for tag, file in zip(tags, files, strict=True) if not file.is_file()]:
            missing = " and ".join(lacking)
            yield f"`{image}`: {contents.folder()} has no document of {missing} to compare (`make sbom`)"
            continue
        before, after = (contents.read(file.read_text(encoding="utf-8")) for file in files)
        yield from (f"`{image}`: {line}" for line in contents.differences(before, after))


def released(inputs: Mapping[str, Any]) -> tuple[str, str] | None:
    """Image and tag of a released image that is copied."""
    (source, *_) = inputs.get("sources") or [""]
    name, colon, tag = str(source).rpartition("/")[2].partition(":")
    return (name, tag) if colon else None


def errors(preview: Mapping[str, Any], severity: str = "error") -> list[str]:
    """What keeps the stack from being previewed, in Pulumi's words; or what it warns of."""
    return [
        each["message"].strip()
        for each in preview.get("diagnostics") or []
        if each.get("severity") == severity and each["message"].strip() != "error: preview failed"
    ]


def comment(preview: Mapping[str, Any], stack: str) -> str:
    """The comment, in Markdown."""
    found = changes(preview)
    counts = Counter(each.verb for each in found)
    counted = ", ".join(f"{counts[verb]} to {verb}" for verb in ORDER if counts[verb] and verb != "unchanged")
    lines = [f"### `{stack}`: {counted or 'nothing changes'}, {counts['unchanged']} unchanged", ""]
    for title, items in (
        ("It fails", errors(preview)),
        ("Policies that it breaks", broken(preview)),
        ("Look at this first", [*dangers(found), *errors(preview, "warning")]),
    ):
        if items:
            lines += [f"**{title}**", "", *(f"- {indented(item)}" for item in items), ""]
    if inside := list(packages(found)):
        lines += ["**What is in the images**", "", *(f"- {line}" for line in inside), ""]
    if listed := [f"- {line}" for line in everything(found)]:
        lines += ["**Everything that changes**", "", *listed, ""]
    return shortened(lines)


def indented(item: str) -> str:
    """An item of a list, its further lines inside of it."""
    return item.replace("\n", "\n  ")


def shortened(lines: list[str]) -> str:
    """The text, cut where a comment would not take it; it says so."""
    text = ""
    for number, line in enumerate(lines):
        if len(text) + len(line) > LIMIT:
            return f"{text}… and {len(lines) - number} more lines; `make preview` shows them\n"
        text += f"{line}\n"
    return text


def ask(stack: str) -> dict[str, Any]:
    """Pulumi's preview of a stack, as data. Raises NoPreview."""
    done = subprocess.run(
        ["pulumi", "preview", "--json", "--show-sames", "--non-interactive", "--stack", stack],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        read: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise NoPreview(f"{done.stdout}{done.stderr}".strip() or "pulumi said nothing") from None
    return read


def main() -> int:
    """Previews a stack as a comment. The exit status is 1 where it fails or breaks a policy."""
    parser = argparse.ArgumentParser(prog="python -m infra.preview", description=main.__doc__)
    parser.add_argument("--stack", default="local")
    parser.add_argument("--to", type=Path, help="a file for the comment too")
    parser.add_argument("--append", action="store_true", help="below what that file says already")
    asked = parser.parse_args()
    print(f"previewing {asked.stack} …", file=sys.stderr, flush=True)
    try:
        preview = ask(asked.stack)
        text, bad = comment(preview, asked.stack), bool(errors(preview) or broken(preview))
    except NoPreview as problem:
        text, bad = f"### `{asked.stack}`: no preview\n\n```\n{problem}\n```\n", True
    print(text, end="")
    if asked.to:
        before = asked.to.read_text(encoding="utf-8") if asked.append and asked.to.is_file() else ""
        asked.to.parent.mkdir(parents=True, exist_ok=True)
        asked.to.write_text(shortened([*before.splitlines(), *text.splitlines()]), encoding="utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
