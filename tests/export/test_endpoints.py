import shutil
import subprocess
from decimal import Decimal

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from costmon.export.endpoints import EndpointCollector
from costmon.export.prometheus import exposition
from costmon.export.scopes import MOST_SCOPES
from costmon.meter.export.rates import Rates, rates_of
from costmon.meter.options import Options
from costmon.meter.price_list import prices_of
from costmon.state.metered_spend import listed_rates
from tests.meter.sample import MS, row, snapshot

RATES = Rates(Decimal("0.01"), Decimal("0.09"))


def collector(*services, rates=RATES):
    return EndpointCollector(services=lambda: services, rates=lambda _: rates)


def samples_of(made, name):
    text = exposition([made], "")[0].decode()
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"costmon_endpoint_{name}"
    }


def samples(name, *services):
    return samples_of(collector(*services), name)


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_everything_parses(accept):
    body, _ = exposition([collector(snapshot(row(), row('a"\\\n')), snapshot(service="b"))], accept)

    parse = openmetrics if accept else text_string_to_metric_families
    names = {family.name for family in parse(body.decode())}
    assert {name.removesuffix("_total").removeprefix("costmon_endpoint_") for name in names} == {
        "requests",
        "cpu_seconds",
        "late_cpu_seconds",
        "request_bytes",
        "response_bytes",
        "cost_usd",
        "request_cpu_seconds",
        "request_duration_seconds",
        "process_cpu_seconds",
        "attributed_ratio",
        "processes",
        "recording",
        "meter_faults",
    }


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say():
    text, _ = exposition([collector(snapshot(row()))], "")

    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_endpoints_are_counted_by_application_method_and_status():
    found = samples("requests_total", snapshot(row(), row(status=500)), snapshot(service="b"))

    assert found == {
        ("shop", "/users/{id}", "GET", "200"): 3,
        ("shop", "/users/{id}", "GET", "500"): 3,
    }


def test_cost_is_cpu_and_traffic():
    (cost,) = samples("cost_usd_total", snapshot(row(cpu_ms=[1000], bytes_out=2**30))).values()

    assert cost == pytest.approx(0.1)


def test_cost_without_a_price_is_absent_not_zero():
    assert samples_of(collector(snapshot(row()), rates=None), "cost_usd_total") == {}
    assert samples_of(collector(snapshot(row()), rates=None), "requests_total")


def test_our_lists_say_what_work_costs_and_no_file_of_an_application_is_opened(tmp_path):
    assert listed_rates(Options()) == rates_of(prices_of(Options()), Options())
    assert listed_rates(Options(prices=str(tmp_path))) == listed_rates(Options())
    assert listed_rates(Options(region="mars-1")) is None
    assert listed_rates(Options(instance="m9.huge")) is None


def many(count, cpu_ms=1.0):
    return [row(f"/r{number}", cpu_ms=[cpu_ms + number]) for number in range(count)]


def test_only_the_endpoints_with_most_cpu_are_told_apart():
    found = samples("requests_total", snapshot(*many(MOST_SCOPES + 50)))

    assert len(found) == MOST_SCOPES + 1
    assert found["shop", "other", "GET", "200"] == 50
    assert ("shop", "/r0", "GET", "200") not in found
    assert sum(found.values()) == MOST_SCOPES + 50


def test_the_bound_is_for_each_application():
    found = samples("requests_total", snapshot(*many(100)), snapshot(*many(100), service="b"))

    assert not [labels for labels in found if labels[1] == "other"]
    assert len(found) == 200


def test_other_never_falls_when_endpoints_change_places():
    rows = many(MOST_SCOPES + 1)
    shown = [snapshot(*rows)]
    made = EndpointCollector(services=lambda: shown, rates=lambda _: RATES)
    before = samples_of(made, "cpu_seconds_total")["shop", "other", "GET", "200"]

    rows[0] = row("/r0", cpu_ms=[1, 5000])
    shown[0] = snapshot(*rows)
    after = samples_of(made, "cpu_seconds_total")

    assert after["shop", "/r0", "GET", "200"] == 5.001
    assert after["shop", "other", "GET", "200"] >= before


def test_the_attributed_share_is_of_all_endpoints():
    (ratio,) = samples("attributed_ratio", snapshot(*many(MOST_SCOPES * 2))).values()

    assert ratio == pytest.approx(0.9, abs=0.001)


def test_histograms_are_of_those_told_apart():
    counts = samples("request_cpu_seconds_count", snapshot(*many(MOST_SCOPES + 50)))

    assert len(counts) == MOST_SCOPES


def test_late_work_is_shown_apart():
    (late,) = samples("late_cpu_seconds_total", snapshot(row(late_cpu_ns=4 * MS))).values()

    assert late == 0.004


def test_nothing_reported_is_no_metric_at_all():
    assert exposition([collector()], "")[0] == b""


def test_invented_applications_do_not_make_the_scrape_large(monkeypatch):
    monkeypatch.setattr("costmon.export.endpoints.MOST_SERIES", 60)
    monkeypatch.setattr("costmon.export.scopes.MOST_OTHERS", 40)
    invented = [
        snapshot(
            *(
                row(f"/{number}", method=f"M{number % 7}", status=200 + number)
                for number in range(50)
            ),
            service=f"app{name}",
        )
        for name in range(12)
    ]

    requests = samples_of(collector(*invented), "requests_total")

    assert len(requests) <= 60 + 40 + 1
    assert ("(other)", "other", "(other)", "(other)") in requests
    assert sum(requests.values()) == sum(it.requests for one in invented for it in one.routes)
