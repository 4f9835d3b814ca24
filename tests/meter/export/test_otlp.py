"""OTLP in JSON, read back as OpenTelemetry's protobuf has it, and posted to a receiver."""

import importlib
import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import InputError
from costmon.meter.export.collector import Collector, ExportError
from costmon.meter.export.exponential import exponential_of
from costmon.meter.export.otlp import MOST_POINTS, requests_of
from costmon.meter.export.rates import Rates
from costmon.meter.histogram import bucket_of, middle
from tests.meter.export.receiver import Receiver, receiving
from tests.meter.sample import row, snapshot

RATES = {"shop": Rates(Decimal(1), Decimal(1))}


def metrics(body):
    (resource,) = body["resourceMetrics"]
    (scope,) = resource["scopeMetrics"]
    return {metric["name"]: metric for metric in scope["metrics"]}


def only(snapshots, rates=None):
    (body,) = requests_of(snapshots, rates or {})
    return metrics(body)


def test_sums_are_cumulative_since_the_recording_began():
    sums = only([snapshot(row(cpu_ms=(5, 7)))])["costmon.endpoint.requests"]["sum"]

    assert sums["aggregationTemporality"] == 2
    assert sums["isMonotonic"]
    (point,) = sums["dataPoints"]
    assert point["asInt"] == "2"
    assert point["startTimeUnixNano"] == "1790000000000000000"
    assert point["timeUnixNano"] == "1790000100500000000"
    assert {"key": "http.route", "value": {"stringValue": "/users/{id}"}} in point["attributes"]


def test_cost_without_a_price_is_absent_not_zero():
    assert "costmon.endpoint.cost" not in only([snapshot(row())])
    assert "costmon.endpoint.cost" in only([snapshot(row())], RATES)


def test_workers_and_machines_do_not_overwrite_each_other():
    def name_of(given):
        (body,) = requests_of([given], {})
        attributes = body["resourceMetrics"][0]["resource"]["attributes"]
        return [a["value"] for a in attributes if a["key"] == "service.instance.id"]

    assert name_of(snapshot(pid=1)) != name_of(snapshot(pid=2))
    assert name_of(snapshot(boot="x")) != name_of(snapshot(boot="y"))


def test_much_is_sent_in_parts_that_have_everything_once():
    rows = [row(f"/r{number}") for number in range(1000)]

    bodies = list(requests_of([snapshot(*rows)], RATES))

    counted = [
        point
        for body in bodies
        for point in metrics(body).get("costmon.endpoint.requests", {"sum": {"dataPoints": []}})[
            "sum"
        ]["dataPoints"]
    ]
    assert len(bodies) == math.ceil(8002 / MOST_POINTS)
    assert len({json.dumps(point["attributes"]) for point in counted}) == len(counted) == 1000


@given(st.dictionaries(st.integers(0, 40 << 5), st.integers(1, 10**6), max_size=50))
def test_an_exponential_histogram_has_every_count_near_its_value(buckets):
    made = exponential_of(buckets)

    assert made.zeros + sum(made.counts) == sum(buckets.values())
    assert len(made.counts) <= 160
    base = 2**2**-made.scale
    for bucket in buckets:
        if seconds := middle(bucket) / 1e9:
            index = math.ceil(math.log(seconds, base) - 1e-6) - 1 - made.offset
            near = made.counts[max(0, index - 1) : index + 2]
            assert any(near), (bucket, index)


def test_the_buckets_are_as_fine_as_ours_when_values_are_close():
    made = exponential_of({bucket_of(5_000_000): 3, bucket_of(6_000_000): 2})

    assert made.scale == 5
    assert (made.counts[0], made.counts[-1]) == (3, 2)


def test_opentelemetry_itself_reads_it():
    protocol = pytest.importorskip(
        "opentelemetry.proto.collector.metrics.v1.metrics_service_pb2",
        reason="opentelemetry-proto is not installed",
    )
    form = importlib.import_module("google.protobuf.json_format")
    (body,) = requests_of([snapshot(row(cpu_ms=(5, 50)), row('"\n', status=500))], RATES)

    read = form.Parse(json.dumps(body), protocol.ExportMetricsServiceRequest())

    by_name = {m.name: m for m in read.resource_metrics[0].scope_metrics[0].metrics}
    histogram = by_name["costmon.endpoint.request.cpu"].exponential_histogram.data_points[0]
    assert sum(histogram.positive.bucket_counts) == histogram.count
    assert histogram.sum > 0


@pytest.fixture
def receiver():
    with receiving() as server:
        yield server


def test_a_collector_gets_json_at_the_usual_path(receiver):
    Collector(receiver.url, headers={"X-Key": "s3cret"}).send({"resourceMetrics": []})

    ((path, headers, content),) = receiver.received
    assert path == "/v1/metrics"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Key"] == "s3cret"
    assert json.loads(content) == {"resourceMetrics": []}


def test_a_path_of_the_address_is_kept(receiver):
    Collector(f"{receiver.url}/otlp/v1/metrics").send({})

    assert receiver.received[0][0] == "/otlp/v1/metrics"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, b'{"message": "full\\u001b[31m"}'), "answered 503: full .*try again later"),
        ((400, b"<html>"), "answered 400: no reason given"),
        ((302, b""), "answered 302"),
        (
            (200, b'{"partialSuccess": {"rejectedDataPoints": "7", "errorMessage": "old"}}'),
            "rejected 7 data points: old",
        ),
    ],
)
def test_what_a_collector_did_not_take_is_said(receiver, answer, said):
    receiver.answer = answer

    with pytest.raises(ExportError, match=said) as raised:
        Collector(receiver.url, headers={"X-Key": "s3cret"}).send({})

    assert "\x1b" not in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_full_success_may_say_so(receiver):
    receiver.answer = (200, b'{"partialSuccess": {"rejectedDataPoints": "0"}}')

    Collector(receiver.url).send({})

    assert len(receiver.received) == 1


def test_nobody_there_is_said_with_the_address(unused_port):
    with pytest.raises(
        ExportError,
        match=rf"cannot send metrics to the collector.*127\.0\.0\.1:{unused_port}/v1/metrics",
    ):
        Collector(f"http://127.0.0.1:{unused_port}").send({})


@pytest.fixture
def unused_port():
    with Receiver() as server:
        return server.server_port


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:4318",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://h:0",
        "http://h:99999",
        "http://user:s3cret@h",
        "http://h/?key=s3cret",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_showing_secrets(url):
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:4318") as raised:
        Collector(url)

    assert "s3cret" not in str(raised.value)


def test_a_header_that_would_break_the_request_is_refused():
    with pytest.raises(InputError, match="header") as raised:
        Collector("http://h", headers={"X": "s3cret\r\nY: 1"})

    assert "s3cret" not in str(raised.value)
