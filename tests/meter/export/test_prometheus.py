"""The text that Prometheus reads, read with Prometheus's own tools."""

import shutil
import subprocess
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from costmon.meter.export.prometheus import text_of
from costmon.meter.export.rates import Rates
from tests.meter.sample import MS, row, snapshot

RATES = {"shop": Rates(Decimal("0.00001"), Decimal("0.09"))}
ENDPOINT = {"app": "shop", "endpoint": "/users/{id}", "method": "GET"}


def samples(text):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text, name, **labels):
    return samples(text)[f"costmon_endpoint_{name}", tuple(sorted(labels.items()))]


def test_requests_and_cpu_are_counted_by_endpoint_and_status():
    text = text_of([snapshot(row(cpu_ms=(5, 7)), row(status=500, cpu_ms=(1,)))], {})

    assert value(text, "requests_total", **ENDPOINT, status="200") == 2
    assert value(text, "cpu_seconds_total", **ENDPOINT, status="200") == 0.012
    assert value(text, "cpu_seconds_total", **ENDPOINT, status="500") == 0.001
    assert value(text, "response_bytes_total", **ENDPOINT, status="200") == 2000


def test_late_work_is_in_the_cpu_and_shown_apart():
    text = text_of([snapshot(row(cpu_ms=(5,), late_cpu_ns=4 * MS))], {})

    assert value(text, "cpu_seconds_total", **ENDPOINT, status="200") == 0.009
    assert value(text, "late_cpu_seconds_total", **ENDPOINT, status="200") == 0.004


def test_tenants_are_added_up():
    text = text_of([snapshot(row(tag="a"), row(tag="b"))], {})

    assert value(text, "requests_total", **ENDPOINT, status="200") == 6


def test_cost_without_a_price_is_absent_not_zero():
    assert "cost_usd" not in text_of([snapshot(row())], {})


def test_cost_is_cpu_and_traffic_at_the_rates():
    text = text_of([snapshot(row(cpu_ms=(1000,), bytes_out=2**30))], RATES)

    assert value(text, "cost_usd_total", **ENDPOINT, status="200") == pytest.approx(0.09001)


def test_the_histogram_counts_what_lies_below_each_end():
    text = text_of([snapshot(row(cpu_ms=(0.05, 5, 5, 50_000, 100_000)))], {})

    def within(le):
        return value(text, "request_cpu_seconds_bucket", **ENDPOINT, le=le)

    assert within("0.000065536") == 1
    assert within("0.004194304") == 1
    assert within("0.016777216") == 3
    assert within("68.719476736") == 4
    assert within("+Inf") == 5
    assert value(text, "request_cpu_seconds_count", **ENDPOINT) == 5


def test_statuses_are_added_up_in_histograms():
    text = text_of([snapshot(row(), row(status=404))], {})

    assert value(text, "request_duration_seconds_count", **ENDPOINT) == 6


def test_an_application_without_requests_still_shows_its_processes():
    text = text_of([snapshot(processes=3, faults=2)], RATES)

    assert value(text, "processes", app="shop") == 3
    assert value(text, "meter_faults_total", app="shop") == 2
    assert "attributed_ratio" not in text
    assert "requests_total" not in text


def test_two_applications_are_told_apart():
    text = text_of([snapshot(row()), snapshot(row(), service="blog")], RATES)

    assert value(text, "requests_total", **ENDPOINT, status="200") == 3
    assert value(text, "requests_total", **(ENDPOINT | {"app": "blog"}), status="200") == 3


@given(st.text(min_size=1))
def test_any_route_is_read_as_it_was_written(name):
    text = text_of([snapshot(row(name))], RATES)

    labels = ENDPOINT | {"endpoint": name, "status": "200"}
    assert value(text, "requests_total", **labels) == 3


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say():
    text = text_of([snapshot(row(), row('/a"b\\c\n')), snapshot(service="empty")], RATES)

    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
