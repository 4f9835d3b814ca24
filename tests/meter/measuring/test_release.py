"""What comes late for a request holds its measure, and must not hold what the client sent."""

import gc
import weakref

import pytest

import costmon.meter
from costmon.meter.measuring.measure import CURRENT
from costmon.meter.wsgi import MeteredWSGI
from tests.meter.burn import drive


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield
    costmon.meter.stop()


class Sent:
    """Stands for a client's data."""


def plain(_environ, start_response):
    start_response("200 OK", [])
    return [b"plain"]


def streamed(_environ, start_response):
    start_response("200 OK", [])
    yield b"streamed"


def failed(_environ, _start_response):
    raise LookupError


@pytest.mark.parametrize("application", [plain, streamed, failed])
def test_a_measure_that_is_held_holds_nothing_of_the_client(application):
    measures = []

    def holding(environ, start_response):
        measures.append(CURRENT.get())
        return application(environ, start_response)

    app = MeteredWSGI(holding, port=None)
    environ = {**drive.environ("/"), "sent": Sent()}
    sent = weakref.ref(environ["sent"])
    try:
        body = app(environ, lambda *_: lambda _data: None)
        assert list(body)
        if hasattr(body, "close"):
            body.close()
        del body
    except LookupError:
        pass
    del environ
    gc.collect()

    assert measures[0]
    assert measures[0].ended_ns
    assert sent() is None
