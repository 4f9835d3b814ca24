"""A meter of its own for every test: it serves nothing, and hands over to nobody."""

import pytest

from costmon.meter.figures import RouteStats, merged_rows
from costmon.meter.options import Options
from costmon.meter.process import METER, METERS


class Nobody:
    """In place of what runs beside an application."""

    def __init__(self, *_):
        pass

    def flush(self):
        pass

    def stop(self):
        pass


@pytest.fixture(autouse=True)
def _own_meter(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    monkeypatch.setattr("costmon.meter.background.Background", Nobody)
    METERS.stop()
    METER.options = Options(port=None, warmup_s=0.0)
    METER.reset()
    METER.faults = 0
    yield
    METERS.stop()
    assert METER.faults == 0, "the meter failed, and kept it from the application"


@pytest.fixture
def rows():
    """Return what was counted: rows by method, route and status."""

    def counted() -> dict[tuple[str, str, int], RouteStats]:
        found = (row for meter in METERS.every() for row in meter.snapshot().routes)
        return {(row.method, row.route, row.status): row for row in merged_rows(found)}

    return counted
