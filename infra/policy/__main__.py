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
    StackValidationArgs,
    StackValidationPolicy,
)

from infra.policy.rules import POLICIES, STACK_POLICIES, Policy, Resource, StackPolicy, key_of


def validation(policy: Policy) -> ResourceValidationPolicy:
    """A policy as CrossGuard has it. What a preview does not know yet, it checks on `up`."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        protected = bool(args.opts.protect)
        for problem in policy.find(Resource(args.resource_type, args.name, args.props, protected)):
            report(problem, args.urn)

    return ResourceValidationPolicy(policy.name, policy.description, validate)


def stack_validation(policy: StackPolicy) -> StackValidationPolicy:
    """The same for one about everything, which is checked once all is known."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        urns = {key_of(each.urn): each.urn for each in args.resources}
        resources = [
            Resource(
                each.resource_type,
                each.name,
                each.props,
                bool(each.opts.protect),
                {
                    name: [key_of(other.urn) for other in others]
                    for name, others in each.property_dependencies.items()
                },
            )
            for each in args.resources
        ]
        for resource, problem in policy.find(resources):
            report(problem, urns[resource.key])

    return StackValidationPolicy(policy.name, policy.description, validate)


PolicyPack(
    "voicestack",
    policies=[
        *(validation(policy) for policy in POLICIES),
        *(stack_validation(policy) for policy in STACK_POLICIES),
    ],
    enforcement_level=EnforcementLevel.MANDATORY,
)
