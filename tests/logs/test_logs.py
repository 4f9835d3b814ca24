"""The log: no secret in any place of a line, no control character on a terminal, no crash."""

import datetime as dt
import io
import json
import logging
import warnings
from decimal import Decimal

import pytest
import structlog

from costmon import logs

SECRET = "s3cr3t/of'the<house>"


@pytest.fixture(autouse=True)
def _restore_library_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)


@pytest.fixture
def stream():
    return io.StringIO()


def configure(stream, form="json", level="info"):
    logs.configure(level=level, form=form, secrets=[SECRET], stream=stream)
    return structlog.get_logger()


def line_of(stream):
    (line,) = stream.getvalue().splitlines()
    return json.loads(line)


def raise_with(text):
    raise ValueError(text)


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "fact",
    [
        SECRET,
        f"at {SECRET}, twice {SECRET}",
        {"deep": [{"deeper": (SECRET,)}]},
        {SECRET: 1},
        {SECRET},
        ValueError(SECRET),
        SECRET.encode(),
        "https://h/?t=s3cr3t%2Fof%27the%3Chouse%3E",
    ],
    ids=repr,
)
def test_a_known_secret_is_masked_wherever_it_stands(stream, form, fact):
    configure(stream, form).info("test.logged", fact=fact)

    written = stream.getvalue()
    assert "s3cr3t" not in written
    assert "<SECRET>" in written


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_secret_in_a_traceback_is_masked(stream, form):
    log = configure(stream, form)

    try:
        raise_with(SECRET)
    except ValueError:
        log.exception("test.failed")

    assert "s3cr3t" not in stream.getvalue()
    assert "raise_with" in stream.getvalue()


@pytest.mark.parametrize(
    "key", ["token", "api_token", "password", "Authorization", "apikey", "db.password", "x-api_key"]
)
def test_what_a_telling_key_holds_is_masked(stream, key):
    configure(stream).info("test.logged", **{key: "whatever"})

    assert line_of(stream)[key] == "<SECRET>"


def test_numbers_under_a_telling_key_are_facts(stream):
    configure(stream).info("test.logged", fence_token=3)

    assert line_of(stream)["fence_token"] == 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer <SECRET>"),
        ("dop_v1_0123456789abcdef0123", "<SECRET>"),
        ("postgresql://me:pw@h/x", "postgresql://me:<SECRET>@h/x"),
        ("https://h/path?a=b@c", "https://h/path?a=b@c"),
    ],
)
def test_what_looks_like_a_credential_is_masked(stream, text, shown):
    configure(stream).info("test.logged", text=text)

    assert line_of(stream)["text"] == shown


def test_values_that_json_does_not_know_are_written_as_text(stream):
    configure(stream).info(
        "test.logged",
        amount=Decimal("1.50"),
        at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        ratio=float("nan"),
        some=frozenset({1}),
    )

    line = line_of(stream)
    assert line["amount"] == "1.50"
    assert line["at"] == "2026-01-02T00:00:00+00:00"
    assert line["ratio"] == "nan"
    assert line["some"] == [1]
    assert (line["event"], line["level"]) == ("test.logged", "info")
    assert dt.datetime.fromisoformat(line["timestamp"]).tzinfo is not None


def test_a_hostile_name_cannot_write_on_the_terminal(stream):
    name = "a\x1b[2J\r\nforged line\x9b31m\u202e"

    configure(stream, "console").info(name, name=name, many=[name], **{name: 1})

    written = stream.getvalue()
    assert written.count("\n") == 1
    assert not set(written) & set("\x1b\r\x9b\u202e")


def test_a_traceback_keeps_its_lines_and_loses_its_controls(stream):
    log = configure(stream, "console")

    try:
        raise_with("red \x1b[31m")
    except ValueError:
        log.exception("test.failed")

    assert stream.getvalue().count("\n") > 3
    assert "\x1b" not in stream.getvalue()


def test_every_line_carries_the_labels(stream):
    logs.configure(level="info", form="json", labels={"demo": True}, stream=stream)

    structlog.get_logger().info("test.logged")

    assert line_of(stream)["demo"] is True


def test_lines_below_the_level_are_not_written(stream):
    log = configure(stream, level="warning")

    log.info("test.quiet")
    log.warning("test.loud")

    assert line_of(stream)["event"] == "test.loud"


def test_what_libraries_log_and_warn_of_is_adopted(stream):
    configure(stream)

    logging.getLogger("lib").warning("hello %s", SECRET)
    logging.getLogger("lib").info("too quiet")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("beware", stacklevel=1)

    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["logger"], first["message"]) == ("lib", "hello <SECRET>")
    assert "beware" in second["message"]


def test_a_record_whose_arguments_do_not_fit_is_still_written(stream):
    configure(stream)

    record = logging.LogRecord("lib", logging.ERROR, "x", 1, "%d things", ("no number",), None)
    logging.getLogger().handlers[-1].handle(record)

    assert line_of(stream)["message"] == "%d things"


def test_configuring_twice_writes_once(stream):
    configure(stream)
    configure(stream)

    logging.getLogger("lib").warning("once")

    assert line_of(stream)["message"] == "once"


class FullDisk(io.StringIO):
    full = True

    def write(self, text):
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_log_that_cannot_be_written_stops_nobody_and_is_counted():
    stream = FullDisk()
    log = configure(stream)

    log.info("test.lost")
    log.info("test.lost")
    stream.full = False
    log.info("test.found")

    note, line = stream.getvalue().splitlines()
    assert "2 log lines could not be written" in note
    assert json.loads(line)["event"] == "test.found"


def test_auto_is_json_unless_a_person_looks(stream):
    configure(stream, "auto").info("test.logged")

    assert line_of(stream)["event"] == "test.logged"


def test_auto_is_pretty_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    configure(stream, "auto").info("test.logged")

    assert not stream.getvalue().startswith("{")


class Screen(io.StringIO):
    """What a terminal shows: a line that is cleared is not there any more."""

    def isatty(self):
        return True

    @property
    def lines(self):
        return [line.rpartition("\r\x1b[2K")[2] for line in self.getvalue().split("\n")]


def test_a_status_stays_below_the_log_until_it_is_taken_away():
    screen = Screen()
    output = logs.Output(screen)

    output.show_status("half")
    output.msg("first")
    output.show_status("whole")
    shown = screen.lines
    output.msg("second")
    output.show_status("")

    assert shown == ["first", "whole"]
    assert screen.lines == ["first", "second", ""]


def test_a_status_is_not_written_where_nobody_looks(stream):
    logs.Output(stream).show_status("half")

    assert stream.getvalue() == ""
