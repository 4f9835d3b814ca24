"""The files of prices that come with costmon: what is in them, and when they are read."""

import csv
import re
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from costmon.errors import InputError
from costmon.pricing import csv_rows
from costmon.pricing.aws import AWS, NO_MONTH
from costmon.pricing.aws.prices import Prices
from costmon.pricing.csv_rows import shipped_text
from costmon.pricing.instances.formats.own import read
from costmon.pricing.instances.instance import Instance
from costmon.pricing.instances.prices import listed
from costmon.pricing.instances.shapes import PROVIDERS, shape_of

PACKAGE = Path(csv_rows.__file__).parents[1]
FILES = sorted(path.name for path in (PACKAGE / "pricing" / "data").glob("*.csv"))


@pytest.mark.parametrize("name", FILES)
def test_each_row_has_a_date_and_a_source(name):
    for row in csv.DictReader(shipped_text(name).splitlines()):
        assert re.fullmatch(r"2\d{3}-\d\d-\d\d", row["as_of"])
        assert row["source"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_size_is_what_the_name_of_the_type_says(provider):
    rows = [
        row for row in read(shipped_text(f"{provider.lower()}.csv")) if isinstance(row, Instance)
    ]

    assert rows
    for row in rows:
        assert shape_of(provider, row.name) == (row.vcpu, row.memory_gib, row.arch, row.baseline)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_file_of_ours_can_be_the_users_own(provider):
    own = listed().extended(read(shipped_text(f"{provider.lower()}.csv")))

    for region in listed().regions(provider):
        ours, theirs = listed().region(provider, region), own.region(provider, region)
        assert theirs.egress == ours.egress
        assert [row._replace(basis="list_price") for row in theirs.instances] == list(
            ours.instances
        )
        assert {row.basis for row in theirs.instances} == {"manual"}


def test_amazons_traffic_begins_after_the_free_100_gb():
    listed_tiers = AWS.row("sa-east-1", "transfer_out").tiers
    prices = listed().extended(
        read(
            "provider,region,instance_type,hourly_usd,as_of\n"
            "AWS,sa-east-1,m5.large,0.1,2026-11-01\n"
        )
    )

    free, *paid = prices.region("AWS", "sa-east-1").egress

    assert free == (Decimal(0), Decimal(0))
    assert paid == [tier._replace(above=tier.above + 100) for tier in listed_tiers]


def test_nothing_is_read_at_import():
    code = """
import sys
read = []
sys.addaudithook(lambda event, told: read.append(told[0]) if event == "open" else None)
import costmon.guard, costmon.meter, costmon.pricing.aws, costmon.pricing.instances.prices
import costmon.guard.costs.account, costmon.meter.price_list
early = [name for name in read if str(name).endswith(".csv")]
costmon.pricing.aws.transfer_cost(1, region="us-east-1")
costmon.pricing.instances.prices.listed().region("GCP", "us-central1")
print(early, sorted({str(name).rpartition("/")[2] for name in read if str(name).endswith(".csv")}))
"""

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert done.stdout == "[] ['aws_services.csv', 'gcp.csv']\n"


def test_they_are_read_from_a_zip_file_too(tmp_path):
    archive = tmp_path / "costmon.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in PACKAGE.rglob("*"):
            if path.suffix in {".py", ".csv"}:
                packed.write(path, path.relative_to(PACKAGE.parent))
    code = """
from costmon.pricing.aws import cross_region_cost, transfer_cost
from costmon.pricing.instances.prices import listed
print(listed.__code__.co_filename)
print(len(listed().region("AZURE", "eastus").instances))
print(transfer_cost(2**30, region="us-east-1"))
print(cross_region_cost(2**30, source="us-east-1", target="us-east-2"))
"""

    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(archive)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    where, *told = done.stdout.splitlines()
    assert where.startswith(str(archive)), done.stderr
    assert told == [str(len(listed().region("AZURE", "eastus").instances)), "0.09", "0.01"]


def test_prices_of_services_are_read_once_and_only_when_one_is_needed():
    times = []

    def rows():
        times.append(1)
        return AWS.rows.values()

    prices = Prices(rows)
    assert times == []

    assert prices.rows == AWS.rows
    assert prices.regions("s3_puts") == AWS.regions("s3_puts")
    assert times == [1]


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("transfer_out,0,x,2026-11-01,here,listed", "line 2, usd: 'x': give a decimal"),
        ("egress,0,1,2026-11-01,here,listed", "line 2, meter: 'egress': give transfer_out"),
        ("transfer_out,0,1,2026-11-01,here,sure", "line 2, confidence: 'sure': give listed"),
        ("transfer_out,0,1,2026-11-31,here,listed", "line 2, as_of"),
    ],
)
def test_a_row_of_a_service_that_is_not_valid_is_refused(cell, says, monkeypatch):
    text = f"region,meter,above,usd,as_of,source,confidence\nus-east-1,{cell}\n"
    monkeypatch.setattr(csv_rows, "shipped_text", lambda name: text)
    from costmon.pricing.aws import prices

    with pytest.raises(InputError, match=says):
        Prices(prices._shipped).row("us-east-1", "transfer_out")


def test_without_a_month_the_free_storage_of_each_region_is_used_up():
    assert dict(NO_MONTH.used) == {
        (region, "dynamodb_storage"): 25 * 2**30 for region in AWS.regions("dynamodb_storage")
    }
