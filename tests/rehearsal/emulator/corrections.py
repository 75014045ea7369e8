"""Where Moto does other than EC2, and a program would notice."""

from __future__ import annotations

from moto.ec2.models.instances import Instance, InstanceState


def apply() -> None:
    """Makes the corrections; once in a process."""
    before = Instance.terminate

    def terminate(instance: Instance) -> InstanceState:
        # An instance's first network interface goes with it, and its private address is free again.
        for interface in instance.nics.values():
            interface.delete_on_termination = True
        return before(instance)

    Instance.terminate = terminate
