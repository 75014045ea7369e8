"""Where Moto does other than AWS, and a program would notice."""

from __future__ import annotations

import secrets
import string
from typing import Any, cast

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.ec2.models.instances import Instance, InstanceState
from moto.ec2.models.launch_templates import LaunchTemplateVersion
from moto.route53 import models
from moto.route53.responses import Route53

ALARM = ("AlarmIdentifier", "InsufficientDataHealthStatus")


def apply() -> None:
    """Makes the corrections; once in a process."""
    addresses_are_free_again()
    models.create_route53_zone_id = zone_id
    health_checks_know_their_alarms()
    later_versions_have_user_data()
    an_instance_has_one_root_disk()


def addresses_are_free_again() -> None:
    """An instance's first network interface goes with it; its addresses are free again."""
    before = Instance.terminate

    def terminate(instance: Instance) -> InstanceState:
        for interface in instance.nics.values():
            interface.delete_on_termination = True
        for address in instance.ec2_backend.addresses:
            if address.instance is instance:
                instance.ec2_backend.disassociate_address(association_id=address.association_id)
        return before(instance)

    Instance.terminate = terminate  # type: ignore[method-assign,assignment]


def zone_id(**_: Any) -> str:
    """The id of a hosted zone: on AWS all of them begin with Z."""
    return "Z" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(20))


def later_versions_have_user_data() -> None:
    """Moto refuses to start anything by the user data of a launch template's second version."""

    def user_data(version: LaunchTemplateVersion) -> Base64EncodedString | None:
        given = version.data.get("UserData")
        return Base64EncodedString(given) if isinstance(given, str) else given

    LaunchTemplateVersion.user_data = property(user_data)  # type: ignore[assignment,method-assign]


def an_instance_has_one_root_disk() -> None:
    """Moto gives it one, and leaves that behind where a launch template has another."""
    add = Instance.add_block_device

    def add_block_device(
        instance: Instance,
        size: int,
        device_path: str,
        *others: Any,
        **named: Any,
    ) -> None:
        if before := instance.block_device_mapping.get(device_path):
            instance.ec2_backend.detach_volume(before.volume_id, instance.id, device_path)
            instance.ec2_backend.delete_volume(before.volume_id)
        add(instance, size, device_path, *others, **named)

    Instance.add_block_device = add_block_device  # type: ignore[method-assign,assignment]


def identity(answer: ActionResult) -> str:
    """The id of the health check that was made or changed."""
    result = cast("dict[str, models.HealthCheck]", answer.result)
    return result["HealthCheck"].id


def health_checks_know_their_alarms() -> None:
    """Moto forgets which alarm a health check follows."""
    kept: dict[str, dict[str, Any]] = {}
    make, change = Route53.create_health_check, Route53.update_health_check
    shown = models.HealthCheck.health_check_config.fget  # type: ignore[attr-defined]

    def create(request: Route53) -> ActionResult:
        answer = make(request)
        given = request._get_param("HealthCheckConfig")
        kept[identity(answer)] = {key: given[key] for key in ALARM if key in given}
        return answer

    def update(request: Route53) -> ActionResult:
        answer = change(request)
        given = {key: value for key in ALARM if (value := request._get_param(key))}
        kept.setdefault(identity(answer), {}).update(given)
        return answer

    Route53.create_health_check = create  # type: ignore[method-assign,assignment]
    Route53.update_health_check = update  # type: ignore[method-assign,assignment]
    models.HealthCheck.health_check_config = property(  # type: ignore[method-assign,assignment]
        lambda check: shown(check) | kept.get(check.id, {})
    )
