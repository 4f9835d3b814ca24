"""`costmon prices`, as an operator meets it."""

import datetime as dt
import io
import json
import sys
from pathlib import Path

import pytest

from costmon.cli import build_parser, main, prices
from costmon.pricing.instances.formats.catalog import FORMATS
from costmon.pricing.instances.formats.own import COLUMNS
from costmon.testing.clock import FakeClock

SKYPILOT = """\
InstanceType,vCPUs,MemoryGiB,AcceleratorName,Price,Region
m5.large,2.0,8.0,,0.107,eu-west-1
m5.large,2.0,8.0,,0.096,us-east-1
m5.xlarge,4.0,16.0,,0,us-east-1
g5.xlarge,4.0,16.0,A10G,1.006,us-east-1
"""
OWN = "provider,region,instance_type,hourly_usd,as_of,source\n"


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    def execute(*arguments):
        code = main(["prices", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return execute


def cells(text):
    return [line.split() for line in text.splitlines()]


def test_all_regions_are_shown_with_their_dates(run):
    code, out, _ = run("show")

    assert code == 0
    rows = {tuple(row[:2]): row[2:] for row in cells(out)}
    assert rows["AWS", "us-east-1"][:3] == ["100", "2026-07-20", "2026-09-16"]
    assert ("GCP", "asia-southeast1") in rows
    assert ("AZURE", "northeurope") in rows


def test_a_providers_main_region_is_shown_cheapest_first(run):
    code, out, _ = run("show", "--provider", "aws")

    assert code == 0
    assert out.startswith("AWS us-east-1: on demand, Linux, US dollars\n")
    first = cells(out)[3]
    assert first == [
        "t4g.nano", "2", "0.5", "arm64", "5%", "0.0042", "3.07", "2026-07-20", "list",
    ]  # fmt: skip
    assert "free up to 100 GB, 0.09 a GB up to 10340 GB, " in out
    assert "0.05 a GB beyond" in out
    assert "source: Amazon's price API, as karpenter-provider-aws generated it" in out


def test_types_are_found_by_glob_in_any_case_and_without_azures_prefix(run):
    _, amazon, _ = run("show", "--provider", "AWS", "--type", "M5.*")
    _, azure, _ = run("show", "--provider", "azure", "--region", "West Europe", "--type", "d2s_v5")

    assert len([row for row in cells(amazon) if row and row[0].startswith("m5.")]) == 5
    assert [row[0] for row in cells(azure) if "2026-06-18" in row] == ["Standard_D2s_v5"]


def test_a_type_is_searched_everywhere_unless_a_provider_is_named(run):
    _, out, _ = run("show", "--type", "e2-micro")

    assert [row[0] for row in cells(out) if row and row[0] == "GCP"] == ["GCP"] * 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--provider", "oracle"], "use one of AWS, GCP, AZURE"),
        (["--provider", "AWS", "--region", "us-east1"], "did you mean us-east-1?"),
        (["--provider", "AWS", "--type", "z*"], "no instance type in AWS us-east-1 matches 'z*'"),
        (["--region", "eastus"], "--region requires --provider"),
        (["--prices", "absent.csv"], "absent.csv"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(run, arguments, says):
    code, out, err = run("show", *arguments)

    assert code in {1, 2}
    assert not out
    assert says in err


def test_ones_own_prices_win_and_are_marked(run, tmp_path):
    Path("own.csv").write_text(OWN + "AWS,us-east-1,t3.nano,0.001,2026-11-01,deal\n")

    _, out, _ = run("show", "--provider", "AWS", "--prices", "own.csv")

    assert cells(out)[3] == [
        "t3.nano", "2", "0.5", "x86_64", "5%", "0.001", "0.73", "2026-11-01", "yours",
    ]  # fmt: skip
    assert "; deal" in out


def test_traffic_without_a_price_is_unknown_and_not_free(run):
    Path("own.csv").write_text(OWN + "AWS,mx-central-1,t3.nano,0.01,2026-11-01,deal\n")
    where = ["--provider", "AWS", "--region", "mx-central-1", "--prices", "own.csv"]

    _, out, _ = run("show", *where)
    _, as_json, _ = run("show", *where, "--json")

    assert "traffic to the internet a month: ?\n" in out
    assert json.loads(as_json)["regions"][0]["egress"] is None


def test_a_fault_in_ones_own_prices_names_file_line_and_column(run):
    Path("own.csv").write_text(OWN + "AWS,us-east-1,t3.nano,0,2026-11-01,deal\n")

    code, _, err = run("show", "--prices", "own.csv")

    assert code == 2
    assert "own.csv: line 2, hourly_usd: '0': give a decimal above 0" in err


@pytest.mark.parametrize(
    ("day", "stale"),
    [
        ("2026-11-02", []),
        ("2026-11-03", ["traffic"]),
        ("2026-12-15", ["traffic"]),
        ("2026-12-16", ["machines", "traffic"]),
    ],
)
def test_prices_older_than_180_days_are_warned_of(run, monkeypatch, day, stale):
    clock = FakeClock(dt.datetime.fromisoformat(f"{day}T12:00:00+00:00"))
    monkeypatch.setattr("costmon.cli.prices_show.SystemClock", lambda: clock)

    _, out, err = run("show", "--provider", "AZURE", "--json")

    assert json.loads(out)["regions"][0]["stale"] == stale
    assert err.splitlines() == [f"the prices of {what} are older than 180 days" for what in stale]


def test_json_has_exact_amounts_and_where_each_is_from(run):
    _, out, _ = run("show", "--provider", "GCP", "--type", "e2-micro", "--json")

    (region,) = json.loads(out)["regions"]
    (micro,) = region["instances"]
    assert micro["hourly_usd"] == "0.0083764275"
    assert micro["baseline"] == "0.125"
    assert micro["as_of"] == "2026-08-03"
    assert region["egress"]["tiers"][0] == {"above_gb": "0", "usd_per_gb": "0.12"}


def test_an_imported_list_is_a_price_file_of_ones_own(run):
    Path("vms.csv").write_text(SKYPILOT)

    code, out, err = run(
        "import", "vms.csv", "--format", "skypilot", "--provider", "aws", "--as-of", "2026-11-01",
        "-o", "own.csv",
    )  # fmt: skip
    _, shown, _ = run("show", "--provider", "AWS", "--region", "eu-west-1", "--prices", "own.csv")

    assert (code, out) == (0, "")
    assert err.splitlines() == [
        "2 prices, of 2026-11-01",
        "skipped 1: the price is 0",
        "skipped 1: the type has an accelerator",
    ]
    assert [row[5] for row in cells(shown) if row and row[0] == "m5.large"] == ["0.107"]
    assert "traffic to the internet a month: free up to 100 GB" in shown
    assert [path.name for path in sorted(Path().iterdir())] == ["own.csv", "vms.csv"]


def test_an_import_goes_to_stdout_unless_told_and_may_come_from_stdin(run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SKYPILOT.encode())))

    code, out, _ = run(
        "import", "-", "--format", "skypilot", "--provider", "AWS", "--region", "eu-west-1",
        "--as-of", "2026-11-01",
    )  # fmt: skip

    assert code == 0
    assert out.splitlines() == [
        ",".join(COLUMNS),
        "AWS,eu-west-1,m5.large,2.0,8.0,x86_64,1,0.107,2026-11-01,skypilot-catalog",
    ]


@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        (b"", ["--format", "libcloud"], "list as libcloud: the price list is not valid JSON"),
        (b"\xff", ["--format", "libcloud"], "byte 0 is not valid UTF-8"),
        (SKYPILOT.encode(), ["--format", "skypilot"], "does not name its provider"),
        (b"", ["--format", "csv"], "invalid choice"),
        (b"", ["--format", "own", "--as-of", "soon"], "give a day such as"),
        (b"", ["--format", "own", "--provider", "x"], "AWS, GCP, AZURE"),
    ],
)
def test_an_import_that_fails_writes_nothing(run, content, arguments, says):
    Path("list").write_bytes(content)

    code, out, err = run("import", "list", *arguments, "-o", "own.csv")

    assert code == 2
    assert not out
    assert says in err
    assert not Path("own.csv").exists()


def test_a_file_larger_than_any_list_is_refused(run, monkeypatch):
    monkeypatch.setattr("costmon.cli.prices_file.MOST_CHARACTERS", 10)
    Path("list").write_text(SKYPILOT)

    code, _, err = run("import", "list", "--format", "skypilot")

    assert code == 2
    assert "at most 10 bytes" in err


def test_the_formats_of_the_command_line_are_those_there_are():
    assert tuple(FORMATS) == prices._FORMATS
    assert build_parser().parse_args(["prices", "show"]).action == "show"
