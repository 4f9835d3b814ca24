"""systemd's notifications over a real datagram socket."""

import socket

from structlog.testing import capture_logs

from costmon.bootstrap.watchdog import Watchdog


def test_systemd_hears_ready_alive_and_stopping(tmp_path):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(5)
        watchdog = Watchdog(address)

        watchdog.ready()
        watchdog.alive()
        watchdog.stopping()

        heard = [systemd.recv(100) for _ in range(3)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_abstract_address_is_understood():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0costmon-test-notify")
        systemd.settimeout(5)

        Watchdog("@costmon-test-notify").ready()

        assert systemd.recv(100) == b"READY=1"


def test_outside_systemd_nothing_happens():
    with capture_logs() as lines:
        Watchdog(None).alive()

    assert lines == []


def test_a_listener_that_is_gone_is_said_and_does_not_stop_the_service(tmp_path):
    with capture_logs() as lines:
        Watchdog(str(tmp_path / "nobody")).alive()

    assert [line["event"] for line in lines] == ["bootstrap.notify_failed"]
