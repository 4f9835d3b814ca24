"""Django is measured in both modes, by one line in its settings."""

import asyncio

import pytest

pytest.importorskip("django")

import django

from tests.meter.frameworks import a_django  # isort: skip

from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.test import AsyncClient, Client, override_settings

from costmon.errors import InputError
from costmon.meter.figures import UNMATCHED
from costmon.meter.process import METER
from costmon.meter.routes.routing import pattern_route
from costmon.meter.wsgi import MeteredWSGI
from tests.meter.frameworks.asking import a_scope, ask, asked
from tests.meter.frameworks.calling import call
from tests.meter.frameworks.work import MS, is_about

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")


class TestUnderWSGI:
    @pytest.mark.parametrize(
        ("path", "route"),
        [
            ("/", "/"),
            ("/api/v1/users/7/", "/api/v1/users/<int:pk>/"),
            ("/api/v1/articles/2024/a-b/", "/api/v1/articles/<year:[0-9]{4}>/<slug>/"),
            ("/api/v1/nested/a-b", "/api/v1/nested/<slug:name>"),
        ],
    )
    def test_a_route_is_the_template_with_all_it_is_included_by(self, rows, path, route):
        assert call(get_wsgi_application(), path) == (200, b"hello")

        assert list(rows()) == [("GET", route, 200)]

    def test_what_no_view_took_is_one_row(self, rows):
        application = get_wsgi_application()
        for number in range(20):
            call(application, f"/nothing/{number}")

        assert rows()["GET", UNMATCHED, 404].requests == 20
        assert len(rows()) == 1

    def test_what_a_view_burns_is_its_routes(self, rows):
        call(get_wsgi_application(), "/burns")

        assert is_about(rows()["GET", "/burns", 200].cpu_ns, 20 * MS)

    def test_a_body_that_is_made_while_it_is_sent_counts(self, rows):
        _, content = call(get_wsgi_application(), "/streams")

        row = rows()["GET", "/streams", 200]
        assert content == b"12345" * 3
        assert row.bytes_out == 15
        assert is_about(row.cpu_ns, 30 * MS)

    def test_an_exception_is_counted_as_500(self, rows):
        assert call(get_wsgi_application(), "/raises")[0] == 500

        assert rows()["GET", "/raises", 500].requests == 1

    @override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True)
    def test_an_exception_that_leaves_django_is_counted_and_left_alone(self, rows):
        with pytest.raises(KeyError):
            call(get_wsgi_application(), "/raises")

        assert rows()["GET", "/raises", 500].requests == 1

    def test_a_body_that_is_read_is_counted(self, rows):
        assert call(get_wsgi_application(), "/reads", "POST", b"x" * 1000) == (200, b"1000")

        assert rows()["POST", "/reads", 200].bytes_in == 1000

    def test_nothing_is_sent_to_who_asks_for_the_head(self, rows):
        call(get_wsgi_application(), "/", "HEAD")

        assert rows()["HEAD", "/", 200].bytes_out == 0

    @override_settings(MIDDLEWARE=[*a_django.METERED, "tests.meter.frameworks.a_django.Refuses"])
    def test_a_middleware_that_answers_first_answers_for_the_route(self, rows):
        application = get_wsgi_application()
        call(application, "/api/v1/users/7/")
        call(application, "/nothing")

        assert list(rows()) == [("GET", UNMATCHED, 401), ("GET", "/api/v1/users/<int:pk>/", 401)]

    @override_settings(MIDDLEWARE=[*a_django.METERED, "django.middleware.common.CommonMiddleware"])
    def test_a_redirect_to_the_slash_is_no_route(self, rows):
        assert call(get_wsgi_application(), "/api/v1/users/7")[0] == 301

        assert list(rows()) == [("GET", UNMATCHED, 301)]

    def test_a_project_that_is_wrapped_as_well_counts_once(self, rows):
        application = MeteredWSGI(get_wsgi_application(), port=None)

        call(application, "/burns")

        assert rows()["GET", "/burns", 200].requests == 1
        assert is_about(rows()["GET", "/burns", 200].cpu_ns, 20 * MS)


class TestUnderASGI:
    def test_a_route_is_the_template_with_all_it_is_included_by(self, rows):
        assert ask(get_asgi_application(), "/api/v1/users/7/").body == b"hello"

        assert list(rows()) == [("GET", "/api/v1/users/<int:pk>/", 200)]

    def test_what_no_view_took_is_one_row(self, rows):
        application = get_asgi_application()
        for number in range(5):
            ask(application, f"/nothing/{number}")

        assert rows()["GET", UNMATCHED, 404].requests == 5

    def test_what_a_view_burns_in_a_thread_is_its_routes(self, rows):
        ask(get_asgi_application(), "/burns")

        row = rows()["GET", "/burns", 200]
        assert is_about(row.cpu_ns, 20 * MS)
        assert is_about(row.offloaded_cpu_ns, 20 * MS)

    def test_what_an_asynchronous_view_burns_is_its_routes(self, rows):
        ask(get_asgi_application(), "/burns-async")

        row = rows()["GET", "/burns-async", 200]
        assert is_about(row.cpu_ns, 30 * MS)
        assert row.wall_ns >= 50 * MS

    @pytest.mark.parametrize("route", ["/streams", "/streams-async"])
    def test_a_body_that_is_made_while_it_is_sent_counts(self, rows, route):
        assert ask(get_asgi_application(), route).body == b"12345" * 3

        row = rows()["GET", route, 200]
        assert row.bytes_out == 15
        assert is_about(row.cpu_ns, 30 * MS)

    def test_an_exception_is_counted_as_500(self, rows):
        assert ask(get_asgi_application(), "/raises").status == 500

        assert rows()["GET", "/raises", 500].requests == 1

    @pytest.mark.skipif(django.VERSION < (5, 0), reason="this Django does not hear of it")
    def test_a_client_that_hangs_up_is_counted(self, rows):
        async def hang_up() -> None:
            started, hung_up = asyncio.Event(), asyncio.Event()
            scope = {**a_scope("/waits"), "test.started": started}
            request = asyncio.create_task(asked(get_asgi_application(), scope, hangs_up=hung_up))
            await started.wait()
            hung_up.set()
            await request

        asyncio.run(hang_up())

        assert rows()["GET", "/waits", 499].requests == 1

    def test_our_middleware_takes_no_thread(self, monkeypatch):
        """The 17th defect of the reference: 105 us for each request."""
        from asgiref.sync import SyncToAsync

        hops = []
        before = SyncToAsync.__call__

        async def counted(self, *args, **kwargs):
            hops.append(self.func)
            return await before(self, *args, **kwargs)

        monkeypatch.setattr(SyncToAsync, "__call__", counted)
        ask(get_asgi_application(), "/hello-async")
        with_us = len(hops)
        hops.clear()
        with override_settings(MIDDLEWARE=[]):
            ask(get_asgi_application(), "/hello-async")

        assert with_us == len(hops)


class TestOfTestClients:
    def test_a_test_clients_requests_are_counted(self, rows):
        assert Client().get("/api/v1/users/7/").content == b"hello"

        row = rows()["GET", "/api/v1/users/<int:pk>/", 200]
        assert (row.requests, row.bytes_out) == (1, 5)

    def test_a_test_clients_streamed_body_is_counted(self, rows):
        response = Client().get("/streams")

        assert response.getvalue() == b"12345" * 3
        row = rows()["GET", "/streams", 200]
        assert row.bytes_out == 15
        assert is_about(row.cpu_ns, 30 * MS)

    def test_an_exception_is_counted_and_raised_as_ever(self, rows):
        with pytest.raises(KeyError):
            Client().get("/raises")

        assert rows()["GET", "/raises", 500].requests == 1

    def test_an_asynchronous_test_clients_requests_are_counted(self, rows):
        response = asyncio.run(_in_own_thread(lambda: AsyncClient().get("/burns-async")))

        assert response.content == b"burned"
        row = rows()["GET", "/burns-async", 200]
        assert (row.requests, row.bytes_out) == (1, 6)
        assert is_about(row.cpu_ns, 30 * MS)


class TestSettings:
    def test_options_are_taken_in_upper_and_lower_case(self):
        with override_settings(COSTMETER={"PROVIDER": "GCP", "target_users": 5, "PORT": None}):
            get_wsgi_application()

        assert (METER.options.provider, METER.options.target_users) == ("GCP", 5)
        assert METER.options.region == "us-central1"

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"provider": "IBM", "port": None}, "AWS, GCP"),
            ({"Provider": "AWS", "provider": "GCP"}, "twice"),
            ("AWS", "use a dict"),
            ({1: 2}, "use a dict"),
            ({"users": 1}, "target_users"),
        ],
    )
    def test_bad_options_are_refused_at_start_with_what_is_accepted(self, given, said):
        with override_settings(COSTMETER=given), pytest.raises(ImproperlyConfigured) as refused:
            get_wsgi_application()

        assert isinstance(refused.value, InputError)
        assert "COSTMETER" in str(refused.value)
        assert said in str(refused.value)

    def test_no_settings_are_the_defaults(self, monkeypatch):
        monkeypatch.setattr(METER, "run", lambda: None)  # the default has a dashboard
        with override_settings():
            from django.conf import settings

            del settings.COSTMETER
            get_wsgi_application()

        assert (METER.options.provider, METER.options.port) == ("AWS", 7777)


@pytest.mark.parametrize(
    ("pattern", "route"),
    [
        ("", "/"),
        ("users/<int:pk>/", "/users/<int:pk>/"),
        ("^users/$", "/users/"),
        (r"^users/(?P<pk>[^/.]+)/$", "/users/<pk>/"),
        (r"api/^users/(?P<pk>\d+)\Z", r"/api/users/<pk:\d+>"),
        (r"^users\.(?P<format>[a-z0-9]+)/?$", r"/users\.<format:[a-z0-9]+>/?"),
        (r"^a/(?P<x>(b|c)d)/$", r"/a/(?P<x>(b|c)d)/"),
    ],
)
def test_a_pattern_becomes_a_template_that_can_be_read(pattern, route):
    assert pattern_route(pattern) == route


async def _in_own_thread(ask_client):
    from asgiref.sync import ThreadSensitiveContext

    async with ThreadSensitiveContext():
        return await ask_client()
