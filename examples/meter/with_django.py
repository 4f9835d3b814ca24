"""A Django project in one file, with the meter in its settings.

Run it: `python examples/meter/with_django.py [port [dashboard's port]]`, request
http://localhost:8000, /reports/50 and /slow a few times, and open http://localhost:7777.
"""

import sys
import time
from collections.abc import Iterator
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

PORT, DASHBOARD_PORT = (int(port) for port in [*sys.argv[1:], "8000", "7777"][:2])


def home(_: HttpRequest) -> HttpResponse:
    """Respond immediately: costs next to nothing."""
    return HttpResponse("hello")


def report(_: HttpRequest, rows: int) -> JsonResponse:
    """Compute: the cost grows with the number of rows."""
    return JsonResponse({"total": sum(number * number for number in range(rows * 10_000))})


def slow(_: HttpRequest) -> HttpResponse:
    """Wait for something else: takes 100 ms, but costs no more than the home page."""
    time.sleep(0.1)
    return HttpResponse("done")


def export(_: HttpRequest, rows: int) -> StreamingHttpResponse:
    """Compute while the response is being sent: this is charged, too."""

    def lines() -> Iterator[str]:
        for row in range(rows):
            yield f"{row},{sum(range(10_000))}\n"

    return StreamingHttpResponse(lines(), content_type="text/csv")


urlpatterns = [
    path("", home),
    path("reports/<int:rows>", report),
    path("exports/<int:rows>", export),
    path("slow", slow),
]

settings.configure(
    SECRET_KEY="of an example",
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "costmon.meter.django.CostMeterMiddleware",  # first: it sees what the others do
        "django.middleware.common.CommonMiddleware",
    ],
    COSTMETER={
        "service": "django-shop",
        "provider": "AZURE",
        "target_users": 1000,
        "port": DASHBOARD_PORT,
        "warmup_s": 5,
    },
)

if __name__ == "__main__":
    django.setup()
    with make_server("127.0.0.1", PORT, get_wsgi_application()) as server:
        server.serve_forever()
