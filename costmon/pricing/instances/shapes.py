"""Sizes of machines by provider, from the names of their types."""

from costmon.pricing.instances import aws_shapes, azure_shapes, gcp_shapes
from costmon.pricing.instances.instance import Arch, Shape

_SHAPES = {
    "AWS": aws_shapes.shape_of,
    "GCP": gcp_shapes.shape_of,
    "AZURE": azure_shapes.shape_of,
}
_ARCHES = {
    "AWS": aws_shapes.arch_of,
    "GCP": gcp_shapes.arch_of,
    "AZURE": azure_shapes.arch_of,
}

PROVIDERS = tuple(_SHAPES)


def shape_of(provider: str, name: str) -> Shape | None:
    """Return the size of a type; `None` when its name does not tell it.

    Args:
        provider: One of `PROVIDERS`.
        name: Of the type, as the provider writes it.
    """
    return _SHAPES[provider](name)


def arch_of(provider: str, name: str) -> Arch:
    """Return the processor of a type, whose size need not be known."""
    return _ARCHES[provider](name)
