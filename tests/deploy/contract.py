"""The names and labels of metrics that docs/metrics.md promises, and an exposition made of them."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

_VALUES = {
    "provider": "vercel",
    "account": "work",
    "basis": "billed",
    "budget": "provider:vercel month",
    "source": "charges",
    "reading": "charges",
    "month": "2026-11",
    "quantile": "0.5",
    "reason": "timeout",
}
"""Label values that queries select by; any other label has its own name as its value."""
_SUFFIXES = ("_bucket", "_count", "_sum")


class Family(NamedTuple):
    """One metric as documented: its name as scraped, its type and its labels."""

    name: str
    kind: str
    labels: tuple[str, ...]


@cache
def families() -> dict[str, Family]:
    """Return every metric of every table in docs/metrics.md, by name."""
    found = {}
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    for names, kind, labels in re.findall(
        r"^\| (`[a-z`_, ]+`) \| (gauge|counter|histogram|summary|stateset|info) \| ([a-z_, ]*)\|",
        text,
        flags=re.MULTILINE,
    ):
        for name in re.findall(r"`([a-z_]+)`", names):
            assert name not in found, f"{name} is documented twice"
            found[name] = Family(name, kind, tuple(re.findall(r"[a-z_]+", labels)))
    return found


def family_of(series: str) -> str:
    """Return the family that a series belongs to: a histogram has three."""
    documented = families()
    if series in documented:
        return series
    for suffix in _SUFFIXES:
        stem = series.removesuffix(suffix)
        if stem != series and stem in documented and documented[stem].kind == "histogram":
            return stem
    raise AssertionError(f"docs/metrics.md has no {series}")


class Exposition:
    """What a costmon could say at /metrics: one series of each family, then what a test sets.

    A name or a label that docs/metrics.md does not have fails the test that sets it.

    Attributes:
        now_s: The value of every timestamp at first, in seconds since 1970.
    """

    def __init__(self, *, now_s: float) -> None:
        self._families = families()
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        for family in self._families.values():
            labels = {label: _VALUES.get(label, label) for label in family.labels}
            if family.kind == "histogram":
                for bound in ("1.0", "+Inf"):
                    self._values[f"{family.name}_bucket", _key({**labels, "le": bound})] = 1
                self._values[f"{family.name}_count", _key(labels)] = 1
                self._values[f"{family.name}_sum", _key(labels)] = 1
            elif family.kind == "stateset":
                self._values[family.name, _key({**labels, family.name: "closed"})] = 1
            else:
                first = 0.5 if family.name.endswith("_ratio") else 1.0
                is_instant = family.name.endswith(("_timestamp_seconds", "_time_seconds"))
                self._values[family.name, _key(labels)] = now_s if is_instant else first

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set the value of one series, which appears when it is new."""
        family = self._families[family_of(name)]
        assert set(labels) == set(family.labels), f"{name} has the labels {family.labels}"
        self._values[name, _key(labels)] = value

    def text(self) -> str:
        """Return the exposition in the Prometheus text format."""
        lines = []
        values = list(self._values.items())  # a test changes them while Prometheus scrapes
        for family in self._families.values():
            kinds = {"counter", "histogram", "summary"}
            kind = family.kind if family.kind in kinds else "gauge"
            lines += [f"# HELP {family.name} As documented.", f"# TYPE {family.name} {kind}"]
            lines += [
                f"{name}{{{_written(labels)}}} {value}"
                for (name, labels), value in values
                if family_of(name) == family.name
            ]
        return "\n".join(lines) + "\n"


def _key(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _written(labels: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels)
