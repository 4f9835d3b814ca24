"""Whole programs, metered from outside: each is a process of its own."""

import subprocess
import sys

import pytest

from tests.meter.launch.conftest import PACKAGE

pytestmark = pytest.mark.process

COUNTED = """
import costmon.meter
snapshot = costmon.meter.snapshot()
for row in snapshot.routes:
    print(row.method, row.route, row.status, row.requests)
print(snapshot.service, snapshot.options.provider, snapshot.options.target_users)
costmon.meter.stop()
"""

FLASK = """
from flask import Flask
app = Flask("shop")
@app.get("/users/<int:uid>")
def user(uid):
    return {"uid": uid}
"""
ASK_FLASK = """
client = app.test_client()
for number in range(5):
    client.get(f"/users/{number}")
client.get("/nowhere")
"""


def test_a_flask_application_that_says_nothing_of_us_is_counted(run_metered):
    said = run_metered(FLASK + ASK_FLASK + COUNTED, provider="GCP", target_users=7)

    assert said.splitlines() == [
        "GET (unmatched) 404 1",
        "GET /users/<int:uid> 200 5",
        "shop GCP 7",
    ]


def test_a_flask_application_that_meters_itself_counts_once_with_its_own_options(run_metered):
    own = "from costmon.meter.flask import CostMeter\nCostMeter(app, port=None, provider='AZURE')\n"

    said = run_metered(FLASK + own + ASK_FLASK + COUNTED, provider="GCP")

    assert said.splitlines()[1:] == ["GET /users/<int:uid> 200 5", "shop AZURE 1000"]


ASK_ASGI = """
import asyncio

async def ask(path):
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"host", b"a.example")], "client": None, "server": None,
    }
    sent = []
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message):
        sent.append(message)
    try:
        await app(scope, receive, send)
    except LookupError:
        pass
    return sent

async def all_of_them():
    for number in range(5):
        await ask(f"/api/users/{number}")
    await ask("/api/broken")
    await ask("/nowhere")

asyncio.run(all_of_them())
"""
FASTAPI = """
from fastapi import APIRouter, FastAPI
router = APIRouter()
@router.get("/users/{uid}")
async def user(uid: int):
    return {"uid": uid}
@router.get("/broken")
async def broken():
    raise LookupError("theirs")
app = FastAPI()
app.include_router(router, prefix="/api")
"""
ROWS = ["GET (unmatched) 404 1", "GET /api/broken 500 1", "GET /api/users/{uid} 200 5"]


def test_a_fastapi_application_is_counted_with_prefixes_and_exceptions(run_metered):
    said = run_metered(FASTAPI + ASK_ASGI + COUNTED, service="api")

    assert said.splitlines() == [*ROWS, "api AWS 1000"]


def test_a_fastapi_application_that_meters_itself_counts_once(run_metered):
    own = """
from costmon.meter.asgi import CostMeterMiddleware
app.add_middleware(CostMeterMiddleware, port=None, service="own", provider="AZURE")
"""

    said = run_metered(FASTAPI + own + ASK_ASGI + COUNTED, service="api")

    assert said.splitlines() == [*ROWS, "own AZURE 1000"]


def test_a_starlette_application_is_counted(run_metered):
    program = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
async def user(request):
    return PlainTextResponse("u")
async def broken(request):
    raise LookupError("theirs")
app = Starlette(routes=[Mount("/api", routes=[
    Route("/users/{uid}", user), Route("/broken", broken)])])
"""

    said = run_metered(program + ASK_ASGI + COUNTED, service="api")

    assert said.splitlines() == [*ROWS, "api AWS 1000"]


DJANGO = """
import django
from django.conf import settings
settings.configure(
    ROOT_URLCONF="__main__", ALLOWED_HOSTS=["*"], SECRET_KEY="x", MIDDLEWARE=[], OWN
)
from django.http import HttpResponse
from django.urls import path
def user(request, uid):
    return HttpResponse("u")
urlpatterns = [path("users/<int:uid>", user)]
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
from wsgiref.util import setup_testing_defaults
for number in range(5):
    environ = {"PATH_INFO": f"/users/{number}"}
    setup_testing_defaults(environ)
    body = application(environ, lambda *_: None)
    list(body)
    body.close()
"""


def test_a_django_application_is_counted(run_metered):
    said = run_metered(DJANGO.replace("OWN", "") + COUNTED, service="site")

    assert said.splitlines() == ["GET /users/<int:uid> 200 5", "site AWS 1000"]


def test_a_django_application_that_meters_itself_counts_once(run_metered):
    own = (
        "COSTMETER={'PORT': None, 'SERVICE': 'own'}, "
        "MIDDLEWARE=['costmon.meter.django.CostMeterMiddleware']"
    )

    said = run_metered(DJANGO.replace("MIDDLEWARE=[], OWN", own) + COUNTED, service="site")

    assert said.splitlines() == ["GET /users/<int:uid> 200 5", "own AWS 1000"]


def test_a_program_without_a_framework_runs_as_it_does_without_us(run_metered):
    said = run_metered("import sys; print(sys.argv[1:], 'json' in sys.modules)")

    assert said == "[] False\n"


def test_the_sitecustomize_that_ours_hides_is_run_too(run_metered, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "sitecustomize.py").write_text("import builtins; builtins.theirs = 'was run'")

    said = run_metered(
        "import sitecustomize; print(theirs, sitecustomize.__file__)", path=str(theirs)
    )

    assert said == f"was run {theirs / 'sitecustomize.py'}\n"


def test_a_process_that_the_program_starts_is_metered_too(run_metered):
    program = f"""
import subprocess, sys
text = '''{FLASK + ASK_FLASK + COUNTED}'''
done = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True)
print(done.stdout)
"""

    assert "GET /users/<int:uid> 200 5" in run_metered(program)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A Python that has nothing but its standard library."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    return folder / "bin" / "python"


def test_a_python_without_costmon_gets_it_and_nothing_else_of_ours(run_metered, bare):
    program = """
import importlib.util
import costmon.meter.flask
print([importlib.util.find_spec(name) for name in ("flask", "msgspec", "requests")])
print(costmon.meter.snapshot().process_cpu_ns > 0)
"""

    assert run_metered(program, python=bare).splitlines() == ["[None, None, None]", "True"]


def test_a_program_whose_meter_cannot_begin_runs_and_says_why_it_is_not_metered(
    run_metered, bare, tmp_path
):
    stderr: list[str] = []
    gone = tmp_path / "gone"
    (gone / "meter" / "launch").mkdir(parents=True)
    (gone / "meter" / "launch" / "early").symlink_to(f"{PACKAGE}/meter/launch/early")

    said = run_metered("print('runs')", python=bare, package=str(gone), stderr=stderr)

    assert said == "runs\n"
    assert len(stderr[0].splitlines()) == 1
    assert stderr[0].startswith("costmon: this program is not measured: ")
