"""Sizes of Google's machine types, from their names.

Source: https://cloud.google.com/compute/docs/machine-resource; what the vendor calls GB is GiB.
Names with an accelerator, a local disk (`-lssd`) or bare metal are not known here.
"""

import re
from decimal import Decimal

from costmon.pricing.instances.instance import Arch, Shape

# Shared cores: the baseline is the "fractional vCPU" of the vendor's page over the vCPUs seen.
_SHARED = {
    "e2-micro": Shape(Decimal(2), Decimal(1), baseline=Decimal("0.125")),
    "e2-small": Shape(Decimal(2), Decimal(2), baseline=Decimal("0.25")),
    "e2-medium": Shape(Decimal(2), Decimal(4), baseline=Decimal("0.5")),
    "f1-micro": Shape(Decimal(1), Decimal("0.6"), baseline=Decimal("0.2")),
    "g1-small": Shape(Decimal(1), Decimal("1.7"), baseline=Decimal("0.5")),
}

# GiB for a vCPU: standard, highmem, highcpu; "-": there is none.
_FAMILIES = {
    "c2": "4 - -",
    "c2d": "4 8 2",
    "c3": "4 8 2",
    "c3d": "4 8 2",
    "c4": "3.75 7.75 2",
    "c4a": "4 8 2",
    "c4d": "3.875 7.875 1.875",
    "e2": "4 8 1",
    "n1": "3.75 6.5 0.9",
    "n2": "4 8 1",
    "n2d": "4 8 1",
    "n4": "4 8 2",
    "n4a": "4 8 2",
    "n4d": "4 8 2",
    "t2a": "4 - -",
    "t2d": "4 - -",
}
_KINDS = ("standard", "highmem", "highcpu")
_ARM = frozenset({"c4a", "n4a", "t2a"})

# GiB where a size has not what its family's rule says.
_ODD = {
    "c3d-highcpu-30": "59",
    "c3d-highcpu-60": "118",
    "c3d-highcpu-90": "177",
    "c3d-highcpu-180": "354",
    "c3d-highcpu-360": "708",
    "c4-highmem-2": "15",
    "c4-standard-2": "7",
    "c4d-highcpu-2": "3",
    "c4d-highcpu-4": "7",
    "c4d-highmem-2": "15",
    "c4d-highmem-4": "31",
    "c4d-standard-2": "7",
    "c4d-standard-4": "15",
    "n2-highmem-128": "864",
}
_NAME = re.compile(r"([a-z]\d[a-z]?)-(standard|highmem|highcpu)-([1-9]\d{0,2})", re.ASCII)


def arch_of(name: str) -> Arch:
    """Return the processor of a type, from its family; x86 when the family is not known."""
    return "arm64" if name.partition("-")[0] in _ARM else "x86_64"


def shape_of(name: str) -> Shape | None:
    """Return the size of a type such as `e2-standard-2`; `None` when it is not known."""
    shared = _SHARED.get(name)
    if shared is not None:
        return shared
    found = _NAME.fullmatch(name)
    if found is None or found[1] not in _FAMILIES:
        return None
    each = _FAMILIES[found[1]].split()[_KINDS.index(found[2])]
    if each == "-":
        return None
    vcpu = Decimal(found[3])
    memory = Decimal(_ODD[name]) if name in _ODD else vcpu * Decimal(each)
    return Shape(vcpu, memory.normalize() if memory % 1 else memory.to_integral(), arch_of(name))
