"""DigitalOcean: everything in an account that costs money, and the vendor's own balance."""

from costmon.providers.digitalocean.provider import DigitalOcean

__all__ = ["DigitalOcean"]
