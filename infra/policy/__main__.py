"""The policies as a CrossGuard pack: `pulumi preview --policy-pack "$PWD/infra/policy/pack"`."""

from __future__ import annotations

import sys
from pathlib import Path

# Pulumi starts the pack inside its folder; the packages lie above.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

from infra.policy.rules import POLICIES, Policy, Resource


def validation(policy: Policy) -> ResourceValidationPolicy:
    """A policy as CrossGuard has it. What a preview does not know yet, it checks on `up`."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        protected = bool(args.opts.protect)
        for problem in policy.find(Resource(args.resource_type, args.name, args.props, protected)):
            report(problem, args.urn)

    return ResourceValidationPolicy(policy.name, policy.description, validate)


PolicyPack(
    "voicestack",
    policies=[validation(policy) for policy in POLICIES],
    enforcement_level=EnforcementLevel.MANDATORY,
)
