"""What an application is called that has no name."""

import os

import pytest

from costmon.meter.process_info import program_name, rss_bytes


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/srv/shop.py"], "shop"),
        (["/usr/bin/uvicorn", "--port", "8000", "shop.main:app"], "shop.main"),
        (["/usr/lib/uvicorn/__main__.py", "shop:app", "--host", "localhost:1"], "shop"),
        (["gunicorn", "-b", "127.0.0.1:8000", "--bind", "localhost:80", "pay:app"], "pay"),
        (["gunicorn", "wsgi:create_app()"], "wsgi"),
        (["gunicorn", "-c", "gunicorn.conf.py"], "gunicorn"),
        (["-c"], "python"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_a_program_is_called_as_what_it_serves(arguments, name):
    assert program_name(arguments) == name


def test_memory_in_use_is_what_the_system_says():
    psutil = pytest.importorskip("psutil", reason="psutil is not installed")

    assert rss_bytes() == pytest.approx(psutil.Process(os.getpid()).memory_info().rss, rel=0.1)
