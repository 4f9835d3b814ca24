"""Say where an answer is not what DigitalOcean documents."""

from costmon.errors import ProviderSchemaError
from costmon.providers import reading

SLUG = "digitalocean"


def schema_fault(path: str, detail: str, where: str | None = None) -> ProviderSchemaError:
    """Make the error for an answer of `path` that is wrong at `where` (`$.droplets[0].id`)."""
    return reading.schema_fault(SLUG, path, detail, where)
