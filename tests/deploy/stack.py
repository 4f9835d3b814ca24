"""A real Prometheus and a real Alertmanager on loopback, set up from the files in deploy/.

Starting them takes six to eight seconds, five of them in Prometheus' own discovery of targets,
so they are started once a session. Each test uses names of its own (a budget, an account).
"""

import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.deploy.contract import ROOT

PATIENCE_S = 30.0
BINARIES = ("prometheus", "prometheus-alertmanager")

T = TypeVar("T")


def missing_binaries(*names: str) -> list[str]:
    """Return which programs of these are not installed."""
    return [name for name in names if shutil.which(name) is None]


def wait_until(claim: Callable[[], T | None], what: str) -> T:
    """Return the first true result of the claim."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        result = claim()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S:.0f} s"
        time.sleep(0.05)


@contextlib.contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve loopback with one thread and one request a connection, so that no thread is left."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def reply(self, body: bytes, content_type: str = "text/plain; version=0.0.4") -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def exporter(text: Callable[[], str]) -> Iterator[str]:
    """Serve what `text` returns at /metrics; yield the address, such as `127.0.0.1:9210`."""

    class Handler(_Handler):
        def do_GET(self) -> None:
            self.reply(text().encode())

    with _serving(Handler) as address:
        yield address


class Webhook:
    """The receiver behind Alertmanager, and the alerts that it was sent."""

    def __init__(self) -> None:
        self._alerts: list[dict[str, Any]] = []
        self._changed = threading.Condition()

    def receive(self, message: bytes) -> None:
        """Store the alerts of one notification."""
        with self._changed:
            self._alerts += json.loads(message)["alerts"]
            self._changed.notify_all()

    def received(self, status: str | None = None, **labels: str) -> list[dict[str, Any]]:
        """Return the alerts so far that have these labels, in the order of their arrival."""
        with self._changed:
            return [
                alert
                for alert in self._alerts
                if status in {None, alert["status"]} and labels.items() <= alert["labels"].items()
            ]

    def wait_for(self, status: str, **labels: str) -> dict[str, Any]:
        """Wait for such an alert, and return it."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: self.received(status, **labels), PATIENCE_S)
            assert arrived, f"{status} {labels} never arrived; received: {self._alerts}"
            return arrived[0]


@contextlib.contextmanager
def receiver(webhook: Webhook) -> Iterator[str]:
    """Pass notifications to the webhook; yield the address."""

    class Handler(_Handler):
        def do_POST(self) -> None:
            webhook.receive(self.rfile.read(int(self.headers["Content-Length"])))
            self.reply(b"")

    with _serving(Handler) as address:
        yield address


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """A running Prometheus and Alertmanager, and what the receiver behind them was sent."""

    prometheus: str
    alertmanager: str
    webhook: Webhook

    def query(self, text: str) -> list[dict[str, Any]]:
        """Return the result of an instant query; one that cannot be parsed fails the test."""
        return list(self._prometheus("query", query=text)["result"])

    def values(self, text: str) -> list[float]:
        """Return only the values of an instant query."""
        return [float(sample["value"][1]) for sample in self.query(text)]

    def label_values(self, label: str, selector: str) -> list[str]:
        """Return the values of one label among the series of the selector."""
        return list(self._prometheus(f"label/{label}/values", **{"match[]": selector}))

    def firing(self, **labels: str) -> list[dict[str, str]]:
        """Return the labels of the alerts that fire in Prometheus."""
        return [
            alert["labels"]
            for alert in self._prometheus("alerts")["alerts"]
            if alert["state"] == "firing" and labels.items() <= alert["labels"].items()
        ]

    def inhibited(self, **labels: str) -> list[dict[str, str]]:
        """Return the labels of the alerts that another alert inhibits in Alertmanager."""
        return [
            alert["labels"]
            for alert in _get(f"http://{self.alertmanager}/api/v2/alerts")
            if alert["status"]["inhibitedBy"] and labels.items() <= alert["labels"].items()
        ]

    def reload(self) -> list[int]:
        """Let both read their configuration again, as the documents say; return the statuses."""
        statuses = []
        for address in (self.prometheus, self.alertmanager):
            request = urllib.request.Request(f"http://{address}/-/reload", method="POST")
            with urllib.request.urlopen(request, timeout=10) as answer:
                statuses.append(answer.status)
        self.wait_for_alertmanager()
        return statuses

    def wait_for_alertmanager(self) -> None:
        """Wait until Prometheus has found Alertmanager: it loses what fires before for a minute."""
        wait_until(
            lambda: self._prometheus("alertmanagers")["activeAlertmanagers"],
            "Prometheus finds Alertmanager",
        )

    def _prometheus(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        answer = _get(f"http://{self.prometheus}/api/v1/{path}?{query}")
        assert answer["status"] == "success", f"{parameters}: {answer['error']}"
        return answer["data"]


@contextlib.contextmanager
def monitoring(costmon: str, folder: Path) -> Iterator[Monitoring]:
    """Run the shipped configuration, with intervals of a second, on what serves /metrics.

    Args:
        costmon: The address that Prometheus scrapes: a stand-in's, or a real service's.
        folder: For the configuration and the data of both.
    """
    alertmanager, prometheus = _free_addresses(2)
    webhook = Webhook()
    with contextlib.ExitStack() as stack:
        hook = stack.enter_context(receiver(webhook))
        _write(folder / "alertmanager.yml", alertmanager_config(hook))
        _write(folder / "prometheus.yml", prometheus_config(costmon, alertmanager))
        for path in (ROOT / "deploy/prometheus/rules").glob("*.yml"):
            _write(folder / "rules" / path.name, shortened_rules(path))
        stack.enter_context(
            _running(
                "prometheus-alertmanager",
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={alertmanager}",
                "--cluster.listen-address=",  # otherwise it listens on every interface
            )
        )
        stack.enter_context(
            _running(
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={prometheus}",
                "--web.enable-lifecycle",
                "--log.level=warn",
            )
        )
        running = Monitoring(prometheus=prometheus, alertmanager=alertmanager, webhook=webhook)
        for address in (alertmanager, prometheus):
            wait_until(partial(_is_ready, address), f"{address} is ready")
        wait_until(lambda: running.query('up{job="costmon"} == 1'), "the first scrape")
        running.wait_for_alertmanager()
        wait_until(lambda: running.query("ALERTS or costmon:month_to_date_cost_usd:sum"), "rules")
        yield running


def prometheus_config(costmon: str, alertmanager: str) -> dict[str, Any]:
    """Return deploy/prometheus/prometheus.yml with these addresses and intervals of a second."""
    config = _read(ROOT / "deploy/prometheus/prometheus.yml")
    config["global"] = dict.fromkeys(config["global"], "1s")
    (job,) = config["scrape_configs"]
    _set_targets(job, costmon)
    _set_targets(config["alerting"]["alertmanagers"][0], alertmanager)
    return config


def shortened_rules(path: Path) -> dict[str, Any]:
    """Return the shipped rules with every `for` shortened to a second, and nothing else changed."""
    rules = _read(path)
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "1s"
    return rules


def alertmanager_config(hook: str) -> dict[str, Any]:
    """Return deploy/alertmanager/alertmanager.yml with this receiver and short intervals."""
    config = _read(ROOT / "deploy/alertmanager/alertmanager.yml")
    # Prometheus sends each rule's alerts by itself, the warning first: the wait collects both.
    config["route"] |= {"group_wait": "500ms", "group_interval": "1s"}
    (endpoint,) = config["receivers"][0]["webhook_configs"]
    endpoint["url"] = f"http://{hook}/"
    return config


def _set_targets(section: dict[str, Any], address: str) -> None:
    (static,) = section["static_configs"]
    static["targets"] = [address]


def _read(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text("utf-8")))


def _write(path: Path, config: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(config), sort_keys=False), "utf-8")


def _free_addresses(count: int) -> list[str]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{probe.getsockname()[1]}" for probe in sockets]


@contextlib.contextmanager
def _running(*command: str) -> Iterator[None]:
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _get(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)
