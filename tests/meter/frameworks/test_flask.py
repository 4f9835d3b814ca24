"""Flask is measured by one line, and any WSGI application by another."""

import gzip
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("flask")

from flask import Blueprint, Flask, Response, abort, request, stream_with_context
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from costmon.meter.figures import UNMATCHED
from costmon.meter.flask import CostMeter
from costmon.meter.process import METER
from costmon.meter.routes.routing import wsgi_route
from costmon.meter.wsgi import MeteredWSGI
from tests.meter.frameworks.calling import call
from tests.meter.frameworks.work import MS, burn, is_about


def an_app(  # noqa: C901 - it has many views
    *, is_metered: bool = True, **options
) -> Flask:
    app = Flask("shop")

    @app.get("/users/<int:uid>")
    def user(uid):
        return str(uid)

    @app.get("/burns")
    def burns():
        burn(20 * MS)
        return "burned"

    @app.get("/streams")
    def streams():
        def chunks():
            for _ in range(3):
                burn(10 * MS)
                yield b"12345"

        return Response(stream_with_context(chunks()))

    @app.post("/reads")
    def reads():
        return str(len(request.get_data()))

    @app.get("/raises")
    def raises():
        message = "a view's own"
        raise KeyError(message)

    @app.get("/refuses")
    def refuses():
        abort(403)

    @app.get("/late")
    def late():
        response = Response("sent")
        response.call_on_close(lambda: burn(10 * MS))
        return response

    if is_metered:
        CostMeter(app, port=None, **options)
    return app


class TestRoutes:
    def test_a_route_is_its_rule(self, rows):
        client = an_app().test_client()
        client.get("/users/7")
        client.get("/users/8?secret=1")

        assert {key: row.requests for key, row in rows().items()} == {
            ("GET", "/users/<int:uid>", 200): 2
        }

    def test_a_route_of_a_blueprint_has_its_prefixes(self, rows):
        app, outer, inner = an_app(), Blueprint("outer", "o"), Blueprint("inner", "i")
        inner.add_url_rule("/x/<y>", view_func=lambda y: y)
        outer.register_blueprint(inner, url_prefix="/inner")
        app.register_blueprint(outer, url_prefix="/api/v1")

        app.test_client().get("/api/v1/inner/x/1")

        assert list(rows()) == [("GET", "/api/v1/inner/x/<y>", 200)]

    def test_a_mounted_application_is_below_its_mount(self, rows):
        plain, sub = an_app(is_metered=False), an_app(is_metered=False)
        application = MeteredWSGI(DispatcherMiddleware(plain, {"/v2": sub}), port=None)

        call(application, "/users/7")
        call(application, "/v2/users/7")

        assert list(rows()) == [
            ("GET", "/users/<int:uid>", 200),
            ("GET", "/v2/users/<int:uid>", 200),
        ]

    def test_a_prefix_that_the_proxy_took_off_is_in_no_route(self, rows):
        application = MeteredWSGI(an_app(is_metered=False), port=None)

        call(application, "/users/7", SCRIPT_NAME="/behind")

        assert list(rows()) == [("GET", "/users/<int:uid>", 200)]

    def test_rules_of_subdomains_stay_apart(self, rows):
        app = Flask("hosts", subdomain_matching=True)
        app.config["SERVER_NAME"] = "example.org"
        app.add_url_rule("/x", "a", lambda: "a")
        app.add_url_rule("/x", "b", lambda shop: shop, subdomain="<shop>")
        CostMeter(app, port=None)

        app.test_client().get("/x", base_url="http://example.org")
        app.test_client().get("/x", base_url="http://acme.example.org")

        assert [route for _, route, _ in rows()] == ["/x", "<shop>./x"]

    def test_rules_of_hosts_stay_apart(self, rows):
        app = Flask("hosts", host_matching=True, static_host="static.example.org")
        app.add_url_rule("/x", "a", lambda: "a", host="a.example.org")
        app.add_url_rule("/x", "b", lambda: "b", host="b.example.org")
        CostMeter(app, port=None)

        app.test_client().get("/x", base_url="http://a.example.org")
        app.test_client().get("/x", base_url="http://b.example.org")

        assert [route for _, route, _ in rows()] == ["a.example.org/x", "b.example.org/x"]

    @pytest.mark.parametrize(
        ("path", "method", "status"),
        [("/nothing/1", "GET", 404), ("/reads", "GET", 405), ("/nothing/2", "POST", 404)],
    )
    def test_what_no_rule_took_is_unmatched(self, rows, path, method, status):
        an_app().test_client().open(path, method=method)

        assert list(rows()) == [(method, UNMATCHED, status)]

    def test_a_redirect_to_the_slash_is_unmatched(self, rows):
        app = an_app()
        app.add_url_rule("/slash/", view_func=lambda: "x")

        app.test_client().get("/slash")

        assert list(rows()) == [("GET", UNMATCHED, 308)]

    def test_a_hook_that_answers_first_answers_for_the_route(self, rows):
        app = an_app()
        app.before_request(lambda: ("no", 401))

        app.test_client().get("/users/7")

        assert list(rows()) == [("GET", "/users/<int:uid>", 401)]

    def test_a_method_that_http_does_not_know_is_other(self, rows):
        call(an_app(), "/users/7", "BREW")

        assert list(rows()) == [("(other)", UNMATCHED, 405)]

    def test_an_application_without_a_framework_is_one_row(self, rows):
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"x"]

        call(MeteredWSGI(application, port=None), "/a/path")

        assert list(rows()) == [("GET", UNMATCHED, 200)]

    def test_bottle_leaves_its_rule_behind(self):
        rule = SimpleNamespace(rule="/users/<uid:int>")
        environ = {"bottle.route": rule, "SCRIPT_NAME": "/v2", "PATH_INFO": "/users/7"}

        assert wsgi_route(environ, ("", "/v2/users/7")) == "/v2/users/<uid:int>"

    def test_what_no_framework_leaves_behind_raises_nothing(self):
        assert wsgi_route({"werkzeug.request": object()}, ("", "/")) is None
        assert wsgi_route({}, ("", "/"), KeyError("never raised")) is None


class TestWork:
    def test_what_a_view_burns_is_its_routes(self, rows):
        an_app().test_client().get("/burns")

        assert is_about(rows()["GET", "/burns", 200].cpu_ns, 20 * MS)

    def test_work_before_and_after_the_view_counts(self, rows):
        app = an_app()
        app.before_request(lambda: burn(10 * MS))
        app.teardown_request(lambda _: burn(10 * MS))

        app.test_client().get("/burns")

        assert is_about(rows()["GET", "/burns", 200].cpu_ns, 40 * MS)

    def test_a_body_that_is_made_while_it_is_sent_counts(self, rows):
        assert an_app().test_client().get("/streams").data == b"12345" * 3

        row = rows()["GET", "/streams", 200]
        assert row.bytes_out == 15
        assert is_about(row.cpu_ns, 30 * MS)

    def test_what_is_done_as_a_body_is_closed_counts(self, rows):
        with an_app().test_client() as client:
            client.get("/late").close()

        assert is_about(rows()["GET", "/late", 200].cpu_ns, 10 * MS)

    def test_a_body_that_the_client_leaves_halfway_is_counted(self, rows):
        with an_app().test_client() as client:
            response = client.get("/streams", buffered=False)
            assert next(response.iter_encoded()) == b"12345"
            response.close()

        row = rows()["GET", "/streams", 200]
        assert (row.requests, row.bytes_out) == (1, 5)

    def test_an_exception_is_counted_as_500(self, rows):
        assert an_app().test_client().get("/raises").status_code == 500

        assert rows()["GET", "/raises", 500].requests == 1

    def test_an_exception_that_leaves_flask_is_counted_and_left_alone(self, rows):
        app = an_app()
        app.testing = True

        with pytest.raises(KeyError):
            app.test_client().get("/raises")

        assert rows()["GET", "/raises", 500].requests == 1

    def test_an_aborted_request_has_its_status(self, rows):
        an_app().test_client().get("/refuses")

        assert list(rows()) == [("GET", "/refuses", 403)]

    def test_an_asynchronous_view_is_its_routes(self, rows):
        pytest.importorskip("asgiref.sync")  # its import is not what the view costs
        app = an_app()

        @app.get("/async")
        async def view():
            burn(20 * MS)
            return "burned"

        app.test_client().get("/async")

        assert is_about(rows()["GET", "/async", 200].cpu_ns, 20 * MS)


class TestBytes:
    def test_what_is_read_of_a_body_is_counted(self, rows):
        an_app().test_client().post("/reads", data=b"x" * 1000)

        assert rows()["POST", "/reads", 200].bytes_in == 1000

    def test_nothing_is_sent_to_who_asks_for_the_head(self, rows):
        an_app().test_client().head("/users/7")

        assert rows()["HEAD", "/users/<int:uid>", 200].bytes_out == 0

    @pytest.mark.parametrize("status", [204, 304])
    def test_nothing_is_sent_with_a_status_that_has_no_body(self, rows, status):
        app = an_app()
        app.add_url_rule("/empty", view_func=lambda: ("ignored", status))

        app.test_client().get("/empty")

        assert rows()["GET", "/empty", status].bytes_out == 0

    def test_what_is_compressed_outside_the_application_is_counted_as_sent(self, rows):
        inner = an_app(is_metered=False)
        inner.add_url_rule("/large", view_func=lambda: "x" * 10_000)

        def compressing(environ: Any, start_response):
            body = b"".join(inner(environ, lambda *_: lambda _: None))
            start_response("200 OK", [("Content-Encoding", "gzip")])
            return [gzip.compress(body)]

        _, body = call(MeteredWSGI(compressing, port=None), "/large")

        assert len(body) < 1_000
        assert rows()["GET", "/large", 200].bytes_out == len(body)

    def test_the_route_is_told_though_the_answer_is_collected_first(self, rows):
        """Flask has forgotten it by then: it is written down from the first such request on."""
        application = an_app(is_metered=False)

        def collecting(environ: Any, start_response):
            body = b"".join(application(environ, lambda *_: lambda _: None))
            start_response("200 OK", [])
            return [body]

        metered = MeteredWSGI(collecting, port=None)
        call(metered, "/users/7")
        call(metered, "/nothing")

        assert [route for _, route, _ in rows()] == [UNMATCHED, "/users/<int:uid>"]

    def test_what_is_written_in_the_old_way_is_counted(self, rows):
        def application(environ, start_response):
            write = start_response("200 OK", [])
            write(b"1234")
            return [b"56"]

        call(MeteredWSGI(application, port=None), "/")

        assert rows()["GET", UNMATCHED, 200].bytes_out == 6


class TestOnce:
    def test_an_application_that_is_wrapped_twice_counts_once(self, rows):
        app = an_app()
        CostMeter(app, port=None)
        app.wsgi_app = MeteredWSGI(app.wsgi_app, port=None)  # type: ignore[method-assign]  # as Flask documents

        app.test_client().get("/burns")

        assert rows()["GET", "/burns", 200].requests == 1
        assert is_about(rows()["GET", "/burns", 200].cpu_ns, 20 * MS)

    def test_a_second_meter_forgets_nothing(self, rows):
        app = an_app()
        app.test_client().get("/users/7")

        an_app()
        CostMeter().init_app(app, port=None)

        assert rows()["GET", "/users/<int:uid>", 200].requests == 1

    def test_init_app_takes_what_the_constructor_was_given(self):
        app = an_app(is_metered=False)

        CostMeter(provider="GCP", port=None).init_app(app, target_users=7)

        assert (METER.options.provider, METER.options.target_users) == ("GCP", 7)

    def test_debug_pages_are_left_alone(self, rows):
        from werkzeug.debug import DebuggedApplication

        app = an_app()
        app.debug = True
        status, body = call(DebuggedApplication(app), "/raises")

        assert status == 500
        assert b"KeyError" in body
        assert rows()["GET", "/raises", 500].requests == 1
