"""Folding is struck at every step, and raced by workers that are killed: everybody counts once."""

import subprocess
import sys
from pathlib import Path

import pytest

from costmon.meter.reporting.files import Files
from costmon.meter.reporting.folders import make_private
from costmon.meter.reporting.locked_file import LockedFile
from costmon.meter.reporting.merging import merged
from costmon.meter.reporting.wire import encode
from tests.meter.reporting.samples import counted, row, snapshot


class KilledError(BaseException):
    """Stands for a signal that nothing can catch."""


class Strike:
    """Lets so many calls pass, then fails one."""

    def __init__(self, calls, error):
        self.left = calls
        self.error = error
        self.struck = False

    def around(self, function):
        def act(*args, **kwargs):
            self.left -= 1
            if self.left == 0:
                self.struck = True
                raise self.error
            return function(*args, **kwargs)

        return act


_TOUCHING = ("os.open", "os.scandir", "pathlib.Path.unlink", "pathlib.Path.replace", "os.fstat")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KilledError()])
def test_a_fold_that_is_struck_at_any_step_loses_nobody_and_counts_nobody_twice(
    tmp_path, monkeypatch, error
):
    for step in range(1, 60):
        folder = tmp_path / str(step) / "shop"
        make_private(folder)
        alive = _kept(folder, 1, requests=100)
        for pid in (2, 3, 4):
            _kept(folder, pid, requests=pid).forget()
        Files(folder).fold()
        for pid in (5, 6):
            _kept(folder, pid, requests=pid).forget()

        strike = Strike(step, error)
        with monkeypatch.context() as struck:
            for name in _TOUCHING:
                module, _, function = name.rpartition(".")
                owner = Path if module.endswith("Path") else __import__(module)
                struck.setattr(name, strike.around(getattr(owner, function)))
            try:
                Files(folder).fold()
            except (OSError, KilledError):
                assert strike.struck

        assert _total(folder) == 120, step
        Files(folder).fold()
        assert _total(folder) == 120, step
        assert len(list(folder.glob("*.json"))) == 2
        alive.forget()
        if not strike.struck:
            assert step > 15
            return
    pytest.fail("folding takes more steps than were tried")


_WORKERS = """
import os, signal, sys
from pathlib import Path
from costmon.meter.reporting.locked_file import LockedFile
from costmon.meter.reporting.wire import encode
from tests.meter.reporting.samples import row, snapshot

folder, workers = Path(sys.argv[1]), int(sys.argv[2])
for number in range(workers):
    child = os.fork()
    if not child:
        file = LockedFile(folder, os.getpid(), f"{sys.argv[3]}-{number}")
        for seq in range(1, 11):
            sent = snapshot(
                row(requests=seq), pid=os.getpid(), boot=f"{sys.argv[3]}-{number}", seq=seq
            )
            file.keep(encode(sent))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
"""

_FOLDER = """
import sys
from pathlib import Path
from costmon.meter.reporting.files import Files

files = Files(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    files.fold()
"""


@pytest.mark.process
def test_workers_that_are_killed_while_others_fold_and_read_are_counted_once(tmp_path):
    folder = tmp_path / "meter" / "shop"
    make_private(folder)
    root = Path(__file__).parents[3]
    folders = [
        subprocess.Popen([sys.executable, "-c", _FOLDER, folder], cwd=root, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for each in folders:
        assert each.stdout
        assert each.stdout.readline() == b"ready\n"
    workers = [
        subprocess.Popen([sys.executable, "-c", _WORKERS, folder, "25", str(number)], cwd=root)
        for number in range(2)
    ]
    reader, seen = Files(folder), [0]
    while any(it.poll() is None for it in workers):
        seen.append(_total(folder, reader))
    for each in folders:
        assert each.poll() is None
        each.kill()
        each.wait(10)
        if each.stdout:
            each.stdout.close()

    assert [it.returncode for it in workers] == [0, 0]
    assert seen == sorted(seen)
    assert _total(folder) == 500
    Files(folder).fold()
    assert _total(folder) == 500


def _kept(folder, pid, *, requests):
    file = LockedFile(folder, pid, "b")
    file.keep(encode(snapshot(row(requests=requests), pid=pid, boot="b")))
    return file


def _total(folder, files=None):
    found = (files or Files(folder)).gather()
    return counted(merged(found)).get("/", 0) if found else 0
