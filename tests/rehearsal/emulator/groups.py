"""What Auto Scaling groups do at lifecycle hooks: Moto keeps hooks, and holds no instance back at them.

A new instance waits until it is said to be done with the hook for that, and takes part from then on; one that
is to end waits as well, and runs until it is done. Waits do not run out here.
"""

from __future__ import annotations

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import (
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
    TerminateInstanceActivity,
)
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
ARRIVES, LEAVES, TAKES_PART = "Pending:Wait", "Terminating:Wait", "InService"
WAITS_AT = {LAUNCHING: ARRIVES, TERMINATING: LEAVES}


def hold_at_hooks() -> None:
    """Has groups do so; once in a process."""
    new_instances_wait()
    instances_that_are_to_end_wait()
    AutoScalingResponse.complete_lifecycle_action = complete  # type: ignore[attr-defined]


def holds(group: FakeAutoScalingGroup, transition: str) -> bool:
    """Whether the group has a hook for it."""
    hooks = group.autoscaling_backend.describe_lifecycle_hooks(group.name)
    return any(hook.lifecycle_transition == transition for hook in hooks)


def new_instances_wait() -> None:
    """An instance that a group has started waits, and counts as one that is there."""
    before = FakeAutoScalingGroup.replace_autoscaling_group_instances

    def start(group: FakeAutoScalingGroup, count: int, tags: dict[str, str]) -> None:
        there = len(group.instance_states)
        before(group, count, tags)
        if holds(group, LAUNCHING):
            for each in group.instance_states[there:]:
                each.lifecycle_state = ARRIVES

    def active(group: FakeAutoScalingGroup) -> list[InstanceState]:
        return [each for each in group.instance_states if each.lifecycle_state in (ARRIVES, TAKES_PART)]

    FakeAutoScalingGroup.replace_autoscaling_group_instances = start  # type: ignore[method-assign,assignment]
    FakeAutoScalingGroup.active_instances = active  # type: ignore[method-assign,assignment]


def instances_that_are_to_end_wait() -> None:
    """One that is too many, or is to be ended, waits; with the group all of them end."""
    set_capacity = FakeAutoScalingGroup.set_desired_capacity
    end = AutoScalingBackend.terminate_instance
    delete = AutoScalingBackend.delete_auto_scaling_group

    def set_desired_capacity(group: FakeAutoScalingGroup, wanted: int | None) -> None:
        count = group.min_size if wanted is None else wanted
        active = group.active_instances()
        if holds(group, TERMINATING):
            for each in active[: max(0, len(active) - (count or 0))]:
                each.lifecycle_state = LEAVES
        set_capacity(group, wanted)

    def terminate_instance(
        backend: AutoScalingBackend, instance: str, should_decrement: bool
    ) -> TerminateInstanceActivity:
        group, found = known(backend, instance)
        if not holds(group, TERMINATING):
            return end(backend, instance, should_decrement)
        before = group.desired_capacity or 0
        found.lifecycle_state = LEAVES
        set_desired_capacity(group, before - should_decrement)
        return TerminateInstanceActivity(found.instance, before)

    def delete_auto_scaling_group(backend: AutoScalingBackend, name: str) -> None:
        group = backend.autoscaling_groups.get(name)
        if group:
            for hook in backend.describe_lifecycle_hooks(name):
                backend.delete_lifecycle_hook(name, hook.name)
            leave(group, [each for each in group.instance_states if each.lifecycle_state == LEAVES])
        delete(backend, name)

    FakeAutoScalingGroup.set_desired_capacity = set_desired_capacity  # type: ignore[method-assign,assignment]
    AutoScalingBackend.terminate_instance = terminate_instance  # type: ignore[method-assign,assignment]
    AutoScalingBackend.delete_auto_scaling_group = delete_auto_scaling_group  # type: ignore[method-assign,assignment]


def known(backend: AutoScalingBackend, instance: str) -> tuple[FakeAutoScalingGroup, InstanceState]:
    """An instance and its group. Raises ValidationError as AWS does where it is in none."""
    for group in backend.autoscaling_groups.values():
        for each in group.instance_states:
            if each.instance.id == instance:
                return group, each
    raise ValidationError(f"Instance Id not found - No managed instance found for instance ID {instance}")


def leave(group: FakeAutoScalingGroup, leaving: list[InstanceState]) -> None:
    """Ends instances of the group."""
    group.instance_states = [each for each in group.instance_states if each not in leaving]
    if leaving:
        group.autoscaling_backend.ec2_backend.terminate_instances([each.instance.id for each in leaving])


def complete(request: AutoScalingResponse) -> ActionResult:
    """CompleteLifecycleAction: whoever waits at the hook goes on, or is given up."""
    backend = request.autoscaling_backend
    instance = request._get_param("InstanceId")
    group, found = known(backend, instance)
    hooks = backend.describe_lifecycle_hooks(group.name, [request._get_param("LifecycleHookName")])
    waits = [WAITS_AT.get(str(hook.lifecycle_transition)) for hook in hooks]
    if found.lifecycle_state not in waits:
        raise ValidationError(f"No active Lifecycle Action found with instance ID {instance}")
    if found.lifecycle_state == ARRIVES and request._get_param("LifecycleActionResult") == "CONTINUE":
        found.lifecycle_state = TAKES_PART
    else:
        leave(group, [found])
        group.set_desired_capacity(group.desired_capacity)
    return EmptyResult()
