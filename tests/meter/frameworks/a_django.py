"""A Django project in one file; settings are made once in a process."""

import asyncio

import django
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path

from tests.meter.frameworks.work import MS, burn


class Refuses:
    """A middleware that answers before any view."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return HttpResponse("no", status=401)


def hello(request, **_):
    return HttpResponse("hello")


def burns(request):
    burn(20 * MS)
    return HttpResponse("burned")


def streams(request):
    def chunks():
        for _ in range(3):
            burn(10 * MS)
            yield b"12345"

    return StreamingHttpResponse(chunks())


def raises(request):
    message = "a view's own"
    raise KeyError(message)


def reads(request):
    return HttpResponse(str(len(request.body)))


async def hello_async(request):
    return HttpResponse("hello")


async def burns_async(request):
    burn(20 * MS)
    await asyncio.sleep(0.02)
    burn(10 * MS)
    return HttpResponse("burned")


async def streams_async(request):
    async def chunks():
        for _ in range(3):
            burn(10 * MS)
            await asyncio.sleep(0)
            yield b"12345"

    return StreamingHttpResponse(chunks())


async def waits(request):
    request.scope["test.started"].set()
    await asyncio.Event().wait()


api = [
    path("users/<int:pk>/", hello),
    re_path(r"^articles/(?P<year>[0-9]{4})/(?P<slug>[^/]+)/$", hello),
    path("nested/", include([path("<slug:name>", hello)])),
]

urlpatterns = [
    path("", hello),
    path("api/v1/", include(api)),
    path("burns", burns),
    path("streams", streams),
    path("raises", raises),
    path("reads", reads),
    path("hello-async", hello_async),
    path("burns-async", burns_async),
    path("streams-async", streams_async),
    path("waits", waits),
]

METERED = ["costmon.meter.django.CostMeterMiddleware"]
OPTIONS = {"provider": "GCP", "PORT": None, "warmup_s": 0}

if not settings.configured:
    settings.configure(
        SECRET_KEY="of a test",
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        MIDDLEWARE=METERED,
        ROOT_URLCONF=__name__,
        COSTMETER=OPTIONS,
        USE_TZ=True,
    )
    django.setup()
