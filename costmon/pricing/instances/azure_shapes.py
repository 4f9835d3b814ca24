"""Sizes of Azure's virtual machines, from their names.

Source: https://learn.microsoft.com/azure/virtual-machines/sizes/overview. A name such as
`Standard_E8-2ads_v5` says: series E, the memory of 8 vCPUs, 2 vCPUs, AMD, local disk, premium
storage, version 5. Series and sizes whose memory follows no rule are not known here.
"""

import re
from decimal import ROUND_DOWN, Decimal

from costmon.pricing.instances.instance import Arch, Shape

# vCPUs, GiB, and the vendor's "base CPU performance of VM" in percent of one vCPU.
_B_V1 = {
    "B1ls": "1 0.5 5",
    "B1s": "1 1 10",
    "B1ms": "1 2 20",
    "B2s": "2 4 40",
    "B2ms": "2 8 60",
    "B4ms": "4 16 90",
    "B8ms": "8 32 135",
    "B12ms": "12 48 202",
    "B16ms": "16 64 270",
    "B20ms": "20 80 337",
}
_FINE = Decimal("0.0001")
# Version 2 lists its base performance in percent of each vCPU: ts, ls and s, whatever processor.
_B_V2 = {"ts": Decimal("0.2"), "ls": Decimal("0.3"), "s": Decimal("0.4")}
_TINY_GIB = Decimal(1)

_D_V2 = {
    "1": "1 3.5",
    "2": "2 7",
    "3": "4 14",
    "4": "8 28",
    "5": "16 56",
    "11": "2 14",
    "12": "4 28",
    "13": "8 56",
    "14": "16 112",
    "15": "20 140",
}

# Series, features and version -> GiB for a vCPU. `[ads]*` are processor, local disk, storage.
_RULES = (
    (re.compile(r"A()_v2"), Decimal(2)),
    (re.compile(r"A(m)_v2"), Decimal(8)),
    (re.compile(r"D(p?a?d?s?)_v[3-6]"), Decimal(4)),
    (re.compile(r"D(p?a?ld?s)_v[56]"), Decimal(2)),
    (re.compile(r"E(p?a?b?d?s?)_v[3-6]"), Decimal(8)),
    (re.compile(r"F(s?)"), Decimal(2)),
    (re.compile(r"F(s)_v2"), Decimal(2)),
    (re.compile(r"F(as)_v6"), Decimal(4)),
    (re.compile(r"F(als)_v6"), Decimal(2)),
    (re.compile(r"F(ams)_v6"), Decimal(8)),
)
# Above it the E series has less than 8 GiB for a vCPU: 432, 504, 512 or 672 GiB, by version.
_LARGEST_E = 48
_LARGEST_E_ARM = 20
_NAME = re.compile(
    r"Standard_([A-Z]+)([1-9]\d{0,2})(?:-([1-9]\d{0,2}))?([a-z]*)((?:_v\d)?)", re.ASCII
)
_B_NAME = re.compile(r"(p|a)?(ts|ls|s)")


def arch_of(name: str) -> Arch:
    """Return the processor of a size, from its features: a `p` before any other is Arm."""
    found = _NAME.fullmatch(name)
    return "arm64" if found is not None and found[4].startswith("p") else "x86_64"


def shape_of(name: str) -> Shape | None:
    """Return the size of a type such as `Standard_D2s_v5`; `None` when it is not known."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    series, size, constrained, features, version = found.groups()
    if series == "B":
        return None if constrained else _burstable(size, features, version)
    if version == "_v2" and series in {"D", "DS"}:
        return _second_d(size, constrained, features)
    each = _gib_for_a_vcpu(series + features + version)
    if each is None:
        return None
    if series == "E" and int(size) > (_LARGEST_E_ARM if "p" in features else _LARGEST_E):
        return None
    vcpu = Decimal(constrained or size)
    return Shape(vcpu, Decimal(size) * each, arch_of(name))


def _gib_for_a_vcpu(series: str) -> Decimal | None:
    for pattern, each in _RULES:
        if pattern.fullmatch(series):
            return each
    return None


def _burstable(size: str, features: str, version: str) -> Shape | None:
    listed = _B_V1.get(f"B{size}{features}")
    if not version and listed is not None:
        vcpu, memory, percent = map(Decimal, listed.split())
        return Shape(vcpu, memory, baseline=(percent / 100 / vcpu).quantize(_FINE, ROUND_DOWN))
    found = _B_NAME.fullmatch(features)
    if version != "_v2" or found is None:
        return None
    vcpu = Decimal(size)
    memory = {"ts": _TINY_GIB, "ls": 2 * vcpu, "s": 4 * vcpu}[found[2]]
    arch: Arch = "arm64" if found[1] == "p" else "x86_64"
    return Shape(vcpu, memory, arch, _B_V2[found[2]])


def _second_d(size: str, constrained: str | None, features: str) -> Shape | None:
    if features or size not in _D_V2:
        return None
    vcpu, memory = map(Decimal, _D_V2[size].split())
    return Shape(Decimal(constrained) if constrained else vcpu, memory)
