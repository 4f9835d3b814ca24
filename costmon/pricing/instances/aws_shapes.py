"""Sizes of Amazon's instance types, from their names.

Source: https://aws.amazon.com/ec2/instance-types/ and, for what burstable ones may use for ever,
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html
Metal, accelerators, storage families and generations before the fourth are not known here.
"""

import re
from decimal import Decimal

from costmon.pricing.instances.instance import Arch, Shape

# vCPUs and GiB, which are the same in all burstable families but t2.
_BURSTABLE = {
    "nano": "2 0.5",
    "micro": "2 1",
    "small": "2 2",
    "medium": "2 4",
    "large": "2 8",
    "xlarge": "4 16",
    "2xlarge": "8 32",
}
_ONE_VCPU = frozenset({"t2.nano", "t2.micro", "t2.small"})
# Of each vCPU.
_BASELINES = {
    "nano": "0.05",
    "micro": "0.10",
    "small": "0.20",
    "medium": "0.20",
    "large": "0.30",
    "xlarge": "0.40",
    "2xlarge": "0.40",
}
_T2_BASELINES = {**_BASELINES, "xlarge": "0.225", "2xlarge": "0.17"}
_BURSTABLE_FAMILIES = frozenset({"t2", "t3", "t3a", "t4g"})

# "Flex" types promise 40 % of a vCPU, and all of it for 95 % of a day.
_FLEX_BASELINE = Decimal("0.4")

_GIB_FOR_A_VCPU = {"c": Decimal(2), "m": Decimal(4), "r": Decimal(8)}
# c5n has 2.625 GiB for a vCPU, rounded in some sizes.
_OTHERWISE = frozenset({"c5n"})
_FAMILY = re.compile(r"(?:m4|([cmr])([5-9])([a-z]*))(-flex)?", re.ASCII)
_VCPUS = {"medium": 1, "large": 2, "xlarge": 4}
_TIMES = re.compile(r"([1-9]\d?)xlarge", re.ASCII)
_ARM = re.compile(r"a1|t4g|[a-z]+\d+g[a-z]*", re.ASCII)


def arch_of(name: str) -> Arch:
    """Return the processor of a type, from its family: Graviton has a `g` after the generation."""
    return "arm64" if _ARM.fullmatch(name.partition(".")[0]) else "x86_64"


def shape_of(name: str) -> Shape | None:
    """Return the size of a type such as `m5.large`; `None` when it is not known."""
    family, _, size = name.partition(".")
    if family in _BURSTABLE_FAMILIES:
        return _burstable(name, family, size)
    vcpu = _vcpu(size)
    found = _FAMILY.fullmatch(family)
    if found is None or vcpu is None or family in _OTHERWISE:
        return None
    each = _GIB_FOR_A_VCPU[found[1] or "m"]
    flex = _FLEX_BASELINE if found[4] else Decimal(1)
    return Shape(Decimal(vcpu), vcpu * each, arch_of(name), flex)


def _burstable(name: str, family: str, size: str) -> Shape | None:
    if size not in _BURSTABLE:
        return None
    vcpu, memory = map(Decimal, _BURSTABLE[size].split())
    if name in _ONE_VCPU:
        vcpu = Decimal(1)
    baseline = (_T2_BASELINES if family == "t2" else _BASELINES)[size]
    return Shape(vcpu, memory, arch_of(name), Decimal(baseline))


def _vcpu(size: str) -> int | None:
    if size in _VCPUS:
        return _VCPUS[size]
    times = _TIMES.fullmatch(size)
    return None if times is None else 4 * int(times[1])
