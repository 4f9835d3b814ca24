"""Make a source of TOML, as costmon.toml has it."""

import tomllib
from decimal import Decimal

from costmon.config.file import check_file
from costmon.providers import catalog
from costmon.testing.provider_contract import Recording, Vendor

ACME = """
[[custom]]
name = "acme"
title = "Acme"
url = "https://api.acme.example/v1"
headers = { Authorization = "Bearer {ACME_TOKEN}" }

[[custom.charges]]
path = "/orgs/{ACME_ORG}/costs"
params = { from = "{start}", to = "{end}" }
paging = { param = "cursor", cursor = "next_page", more = "has_more" }
rows = "data"
columns.BilledCost = "amount.value"
columns.BillingCurrency = "amount.currency"
columns.ChargePeriodStart = "day"
columns.ServiceName = "service"
columns.SubAccountId = "project"
columns.ConsumedQuantity = "count"
columns.ConsumedUnit = "'Requests'"

[[custom.usage]]
path = "/limits"
rows = "limits"
columns = { quota = "name", unit = "unit", used = "used", limit = "included", project = "project" }
"""


def faults_of(text):
    """Return the faults of a file by the place they are at."""
    file = check_file(tomllib.loads(text, parse_float=Decimal), catalog.declarations())
    return {fault.name: str(fault.accepted) for fault in file.faults}


def source_of(text):
    """Return the only source of a file that is right."""
    file = check_file(tomllib.loads(text, parse_float=Decimal), catalog.declarations())
    assert file.faults == ()
    (entry,) = file.custom
    return entry.source


def vendor(server, text, answers, **settings):
    """Serve the answers to the only source of a file."""
    source = source_of(text)
    return Vendor(
        server,
        Recording(answers=answers),
        slug="custom",
        credentials={name: f"secret-of-{name}-0123456789" for name in source.secrets},
        options={"source": source, "settings": settings},
    )
