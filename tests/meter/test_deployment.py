"""Where an application lives, and which start of it a process belongs to."""

import multiprocessing
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from costmon.meter.deployment import current_run, place_of_program
from costmon.meter.reporting.text import NAME_CHARACTERS, place_name

_NOW = 1_795_000_000.0
_PRINT = (
    "import os\n"
    "from costmon.meter.deployment import current_run\n"
    "print(current_run(os.environ, 1_795_000_000.0).name)\n"
)
_ROOT = Path(__file__).parents[2]


def here():
    return current_run({}, _NOW).name


def printed(**environ):
    found = subprocess.run(
        [sys.executable, "-c", _PRINT],
        capture_output=True,
        text=True,
        check=True,
        cwd=_ROOT,
        env={**os.environ, **environ},
    )
    return found.stdout.strip()


def tell_run(pipe):
    pipe.send(here())


@pytest.mark.process
def test_a_forked_worker_belongs_to_the_start_of_its_server():
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, here().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        assert told.read() == here()


@pytest.mark.process
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_worker_that_multiprocessing_starts_belongs_to_the_start_of_its_server(method):
    context = multiprocessing.get_context(method)
    receiving, sending = context.Pipe(duplex=False)
    worker = context.Process(target=tell_run, args=(sending,))
    worker.start()
    told = receiving.recv()
    worker.join(10)

    assert told == here()


@pytest.mark.process
def test_a_program_that_another_one_starts_is_a_start_of_its_own():
    first, second = printed(), printed()

    assert len({first, second, here()}) == 3


@pytest.mark.process
@pytest.mark.parametrize("variable", ["WERKZEUG_RUN_MAIN", "RUN_MAIN"])
def test_a_process_that_a_reloader_restarts_belongs_to_the_start_of_the_reloader(variable):
    assert printed(**{variable: "true"}) == here()


def test_a_run_began_before_now():
    assert 0 < current_run({}, _NOW).started_at < _NOW


def test_without_proc_the_run_is_this_process(tmp_path):
    assert current_run({}, _NOW, proc=str(tmp_path)) == (f"{os.getpid()}-0", 0.0)


@pytest.fixture
def served(monkeypatch):
    module = types.ModuleType("some_app")
    module.__file__ = "/srv/shop/some_app.py"
    monkeypatch.setitem(sys.modules, "some_app", module)


@pytest.mark.parametrize(
    "arguments",
    [
        ["/venv/bin/gunicorn", "-w", "4", "some_app:app"],
        ["/venv/lib/site-packages/uvicorn/__main__.py", "some_app:app"],
        ["/venv/bin/granian", "--interface", "asgi", "some_app:create()"],
    ],
)
def test_a_server_serves_the_folder_of_the_module(served, arguments):
    assert place_of_program(arguments) == "/srv/shop"


def test_a_script_serves_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert place_of_program(["/srv/shop/run.py"]) == "/srv/shop"
    assert place_of_program(["run.py"]) == str(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-c"],
        ["/venv/bin/flask", "run"],
        ["/venv/bin/fastapi", "run", "main.py"],
        ["/venv/bin/gunicorn", "not_imported:app"],
        ["/venv/lib/python3.11/site-packages/flask/__main__.py", "run"],
    ],
)
def test_other_programs_serve_the_working_directory(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)

    assert place_of_program(arguments) == str(tmp_path)


def test_long_and_unprintable_places_stay_different():
    long = "/srv/" + "a" * 300
    names = [place_name(text) for text in (long + "b", long + "c", "/srv/\n", "/srv/\r", "/srv/a")]

    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= NAME_CHARACTERS
    assert names[-1] == "/srv/a"
