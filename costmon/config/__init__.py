"""Read the settings: `.env`, the environment, `costmon.toml`, the command line, in one value.

The only package that reads the environment and that knows the names of variables.
"""

from costmon.config.accounts import AccountSettings
from costmon.config.load import Loaded, load
from costmon.config.parsers import Network
from costmon.config.providers import ProviderInfo, Providers
from costmon.config.secret import Secret
from costmon.config.settings import Settings

__all__ = [
    "AccountSettings",
    "Loaded",
    "Network",
    "ProviderInfo",
    "Providers",
    "Secret",
    "Settings",
    "load",
]
