"""Read a Grafana dashboard: its panels, its queries, and the rules that it should keep."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from tests.deploy.contract import ROOT

PATH = ROOT / "dashboards" / "costs.json"
SOURCE = "${datasource}"
KNOWN_PANELS = {"stat", "table", "bargauge", "gauge", "barchart", "timeseries"}
WIDTH = 24


def shipped() -> dict[str, Any]:
    """Return the committed dashboard."""
    return dict(json.loads(PATH.read_text("utf-8")))


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the panels that show something: not the rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return each query with its panel."""
    return [(panel, target) for panel in panels(board) for target in panel["targets"]]


def runnable(expr: str) -> str:
    """Return a query as Grafana would send it for all vendors, an hour after the start."""
    for name, value in (("$__rate_interval", "1h"), ("$provider", ".*")):
        expr = expr.replace(name, value)
    assert not re.search(r"\$[a-z_{]", expr)  # "$1" belongs to label_replace
    return expr


def lint(board: dict[str, Any]) -> list[str]:
    """Return what is wrong, a line for each fault; nothing when all rules are kept.

    The rules are those of Grafana's own dashboard linter that matter to a reader, and the values
    that the builder takes without looking.
    """
    return [
        *_of_the_board(board),
        *(f"{panel.get('title')}: {fault}" for panel in panels(board) for fault in _of(panel)),
    ]


def _of_the_board(board: dict[str, Any]) -> Iterator[str]:
    variables = board["templating"]["list"]
    if not board.get("uid"):
        yield "no uid: links to it break at every import"
    if [it["name"] for it in variables if it["type"] == "datasource"] != ["datasource"]:
        yield "the data source is not a variable"
    for variable in variables:
        if variable["type"] == "query" and variable["datasource"]["uid"] != SOURCE:
            yield f"the variable {variable['name']} has a fixed data source"
    for key in ("id", "title"):
        counts = Counter(panel.get(key) for panel in board["panels"])
        yield from (f"{key} {value!r} is used twice" for value, n in counts.items() if n > 1)
    for one, other in combinations(board["panels"], 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"{one['title']!r} and {other['title']!r} overlap"


def _of(panel: dict[str, Any]) -> Iterator[str]:
    if panel["type"] not in KNOWN_PANELS:
        yield f"unknown type {panel['type']}"
    yield from (f"no {key}" for key in ("title", "description") if not panel.get(key))
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "no unit"
    if panel["gridPos"]["x"] + panel["gridPos"]["w"] > WIDTH:
        yield "wider than the page"
    if panel["datasource"]["uid"] != SOURCE:
        yield "a fixed data source"
    if len({target["refId"] for target in panel["targets"]}) != len(panel["targets"]):
        yield "two queries with one refId"
    for target in panel["targets"]:
        if target["datasource"]["uid"] != SOURCE:
            yield "a query with a fixed data source"
        if target.get("format") != "table" and not target.get("legendFormat"):
            yield "a query without a legend"
        if re.search(
            r"(?<!rate\()(?<!increase\()(?<!changes\()\b\w+_(total|bucket)\b", target["expr"]
        ):
            yield "a counter outside rate() and increase()"


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )
