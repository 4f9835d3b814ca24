"""Say which variables hold the default token and the base URL of each vendor.

The provider catalog is above this room and cannot be asked; a test compares the two.
"""

from collections.abc import Mapping

from costmon.config import variables as var
from costmon.config.secret import Secret

PROVIDERS: Mapping[str, tuple[var.Variable[Secret], var.Variable[str]]] = {
    "digitalocean": (var.DO_API_TOKEN, var.DO_API_URL),
}
