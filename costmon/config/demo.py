"""What a demo is configured with: `demo.toml`, and a token that only simulated vendors accept."""

import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from costmon.config.accounts import AccountSettings, manual_account, read_accounts
from costmon.config.file import FileSettings, check_file
from costmon.config.providers import Providers
from costmon.config.reader import Reader

_ENVIRON = {"DEMO_TOKEN": "demo-token-of-the-simulated-vendors"}


def demo_file(file: FileSettings, providers: Providers) -> FileSettings:
    """Return the user's file with the demo's accounts and, where it has none, its limits."""
    text = Path(__file__).with_name("demo.toml").read_text("utf-8")
    demo = check_file(tomllib.loads(text, parse_float=Decimal), providers)
    return replace(
        file,
        accounts=demo.accounts,
        manual=demo.manual,
        caps=file.caps or demo.caps,
        rules=file.rules or demo.rules,
        detection=demo.detection._replace(expected=file.detection.expected),
        quotas=file.quotas or demo.quotas,
        faults=(*file.faults, *demo.faults),
    )


def demo_accounts(file: FileSettings, providers: Providers) -> tuple[AccountSettings, ...]:
    """Return the simulated accounts; bootstrap fills in where the simulated vendors listen."""
    accounts = read_accounts(Reader(_ENVIRON), providers, file.accounts, required=True)
    return (*accounts, manual_account(file.manual))
