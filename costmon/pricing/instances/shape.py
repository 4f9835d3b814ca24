"""What a type of machine has, whatever it costs."""

from decimal import Decimal
from typing import NamedTuple

from costmon.pricing.instances.instance import Arch

ALWAYS = Decimal(1)


class Shape(NamedTuple):
    """The size of a type of machine.

    Attributes:
        vcpu: Virtual CPUs that a program sees.
        memory_gib: GiB.
        arch: Of its processor.
        baseline: Share of its vCPUs that it may use for ever: 1 unless it is burstable.
    """

    vcpu: Decimal
    memory_gib: Decimal
    arch: Arch = "x86_64"
    baseline: Decimal = ALWAYS
