"""The user's own price file: strict, and a fault says where it is."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import InputError
from costmon.pricing.aws.tiers import Tier
from costmon.pricing.instances.formats.imported import Wanted
from costmon.pricing.instances.formats.own import COLUMNS, imported, read, rendered
from costmon.pricing.instances.instance import Instance, fault_of
from costmon.pricing.instances.prices import listed

HEADER = ",".join(COLUMNS)
WHOLE = f"{HEADER}\nAWS,eu-west-1,m5.large,2,8,x86_64,1,0.107,2026-11-01,our contract\n"

DECIMALS = st.decimals("0.0001", 1000, places=4)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}", fullmatch=True)
INSTANCES = st.builds(
    Instance,
    provider=st.sampled_from(["AWS", "GCP", "AZURE"]),
    region=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
    name=NAMES,
    vcpu=DECIMALS,
    memory_gib=DECIMALS,
    arch=st.sampled_from(["x86_64", "arm64"]),
    baseline=st.decimals("0.0001", 1, places=4),
    hourly_usd=DECIMALS,
    as_of=st.dates(),
    source=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
    basis=st.just("manual"),
).filter(lambda row: fault_of(row) is None)


def machines(text):
    return [row for row in read(text) if isinstance(row, Instance)]


def test_a_row_is_read_with_the_basis_manual():
    (row,) = read(WHOLE)

    assert row == Instance(
        provider="AWS",
        region="eu-west-1",
        name="m5.large",
        vcpu=Decimal(2),
        memory_gib=Decimal(8),
        arch="x86_64",
        baseline=Decimal(1),
        hourly_usd=Decimal("0.107"),
        as_of=dt.date(2026, 11, 1),
        source="our contract",
        basis="manual",
    )


def test_a_known_type_needs_no_size():
    (row,) = machines(f"{HEADER}\naws,us-east-1,t3.nano,,,,,0.004,2026-11-01,\n")

    assert (row.provider, row.vcpu, row.memory_gib) == ("AWS", Decimal(2), Decimal("0.5"))
    assert (row.baseline, row.source) == (Decimal("0.05"), "your own prices")


def test_optional_columns_may_be_absent_and_in_any_order():
    (row,) = machines(
        "hourly_usd,as_of,instance_type,region,provider\n0.06,2026-11-01,e2-medium,us-west1,GCP\n"
    )

    assert (row.hourly_usd, row.baseline) == (Decimal("0.06"), Decimal("0.5"))


def test_a_spreadsheets_byte_order_mark_and_line_ends_are_no_fault():
    assert read("\ufeff" + WHOLE.replace("\n", "\r\n")) == read(WHOLE)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("", "line 1: name the columns .*provider is missing"),
        ("provider,region\n", "instance_type is missing"),
        (f"{HEADER},hourly\n", "'hourly' is unknown"),
        (f"{HEADER},source\n", "a column name is duplicated"),
        (f"{HEADER}\n", "has no rows"),
        (WHOLE.replace("AWS", "OCI"), r"line 2, provider: 'OCI': give AWS, GCP, AZURE"),
        (WHOLE.replace("0.107", "0"), r"line 2, hourly_usd: '0': give a decimal above 0"),
        (WHOLE.replace("0.107", "-1"), "line 2, hourly_usd: '-1': give a decimal such as"),
        (WHOLE.replace("0.107", "nan"), "line 2, hourly_usd"),
        (WHOLE.replace("0.107", "1e3"), "line 2, hourly_usd"),
        (WHOLE.replace("0.107", ""), "line 2, hourly_usd: ''"),
        (WHOLE.replace("0.107", "\u0661"), "line 2, hourly_usd"),
        (WHOLE.replace(",2,8,", ",0,8,"), "line 2, vcpu: '0'"),
        (WHOLE.replace(",1,0.1", ",1.5,0.1"), "line 2, baseline: '1.5'"),
        (WHOLE.replace("x86_64", "sparc"), "line 2, arch: 'sparc': give x86_64, arm64"),
        (WHOLE.replace("2026-11-01", "1.11.26"), "line 2, as_of: '1.11.26': give a day"),
        (WHOLE.replace("m5.large", "m5 large"), "line 2, instance_type: 'm5 large'"),
        (WHOLE.replace("m5.large,2,8", "q9.large,,"), "line 2, vcpu: ''"),
        (WHOLE.replace("eu-west-1", ""), "line 2, region: ''"),
        (WHOLE + "AWS,eu-west-1\n", "line 3: the number of cells must equal"),
        (WHOLE.rstrip() + ",more\n", "line 2: the number of cells must equal"),
        (WHOLE + WHOLE.split("\n")[1], "line 3: m5.large is already in line 2"),
        (WHOLE + '"AWS\n', "after line 2: unexpected end"),
    ],
)
def test_a_fault_names_the_line_and_what_would_be_accepted(wrong, says):
    with pytest.raises(InputError, match=says):
        read(wrong)


@given(st.lists(INSTANCES, max_size=5, unique_by=lambda row: (row.provider, row.region, row.name)))
def test_what_is_written_is_read_back_the_same(rows):
    if rows:
        assert read(rendered(rows)) == tuple(rows)


def test_what_was_read_can_be_priced_with():
    prices = listed().extended(read(WHOLE))

    assert prices.region("AWS", "eu-west-1").instances[0].hourly_usd == Decimal("0.107")


TRAFFIC = "provider,region,instance_type,hourly_usd,as_of,above_gb,usd_per_gb\n"


def test_traffic_has_tiers_of_its_own_in_the_same_file():
    text = (
        f"{TRAFFIC}AWS,eu-west-1,m5.large,0.107,2026-11-01,,\n"
        "AWS,eu-west-1,,,2026-11-02,500,0.03\n"
        "AWS,eu-west-1,,,2026-11-01,0,0\n"
    )

    region = listed().extended(read(text)).region("AWS", "eu-west-1")

    assert region.egress == (Tier(Decimal(0), Decimal(0)), Tier(Decimal(500), Decimal("0.03")))
    assert region.egress_as_of == dt.date(2026, 11, 1)
    assert region.egress_source == "your own prices"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("AWS,eu-west-1,,,2026-11-01,100,0.03\n", "one of them at above_gb=0"),
        ("AWS,eu-west-1,,,2026-11-01,,0.03\n", "line 2, above_gb: ''"),
        ("AWS,eu-west-1,,,2026-11-01,0,free\n", "line 2, usd_per_gb: 'free'"),
        ("AWS,eu-west-1,,,2026-11-01,0,1\n" * 2, "line 3: traffic above 0 GB is already in line 2"),
        ("AWS,eu-west-1,,,2026-11-01,0,\n", "line 2, vcpu: ''"),
    ],
)
def test_tiers_that_cannot_be_are_refused(lines, says):
    with pytest.raises(InputError, match=says):
        listed().extended(read(TRAFFIC + lines))


def test_only_what_is_wanted_is_taken_of_ones_own_file():
    assert imported(WHOLE, Wanted(provider="AWS", region="eu-west-1")).instances == read(WHOLE)
    with pytest.raises(InputError, match="no instance types of that provider"):
        imported(WHOLE, Wanted(provider="GCP"))
