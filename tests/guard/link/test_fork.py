"""A forked process reports for itself, and leaves its parent's connections and files alone."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.guard.link.service import Service, running

ROOT = Path(__file__).parents[3]

PROGRAM = """
    import os, sys, time
    sys.path.insert(0, sys.argv[1])
    from costmon.guard.link.link import Link
    from costmon.testing import FakeClock
    from tests.guard.link.source import NOW, SOON, FakeSource, row

    source = FakeSource("store-of-parent")
    source.spend(row("key:parent"))
    link = Link(source, sys.argv[2], clock=FakeClock(NOW), pace=SOON, spool=sys.argv[3])
    link.touch()
    assert link.first_policy(5.0)
    while not link.numbers().rows:
        time.sleep(0.01)
    parent = link.guard

    children = []
    for number in range(4):
        pid = os.fork()
        if not pid:
            assert link.guard != parent
            source.store = f"store-of-{number}"
            source.usages.clear()
            source.spend(row(f"key:child{number}"))
            link.touch()
            assert link.first_policy(5.0)
            link.close(5.0)
            os._exit(0 if link.numbers().rows else 1)
        children.append(pid)
    source.spend(row("key:after"))
    link.touch()
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    link.close(5.0)
    print(codes, parent)
"""

UNUSED = """
    import os, sys, time
    sys.path.insert(0, sys.argv[1])
    from costmon.guard.link.link import Link
    from costmon.testing import FakeClock
    from tests.guard.link.source import NOW, SOON, FakeSource, row

    source = FakeSource("store")
    source.spend(row("key:k"))
    link = Link(source, "http://127.0.0.1:1", clock=FakeClock(NOW), pace=SOON, spool=sys.argv[3])
    link.touch()
    while not link.numbers().is_lost:
        time.sleep(0.01)
    if os.fork():
        os._exit(0)  # the parent is gone, its child lives on without a link
    print("living", flush=True)
    sys.stdin.read()
"""

EXIT = """
    import sys
    sys.path.insert(0, sys.argv[1])
    from costmon.guard.link.link import Link
    from costmon.testing import FakeClock
    from tests.guard.link.source import NOW, SOON, FakeSource, row

    source = FakeSource("store")
    link = Link(source, sys.argv[2], clock=FakeClock(NOW), pace=SOON._replace(report_s=60.0))
    link.touch()
    source.spend(row("key:last"))
    link.touch()
"""


def _run(program, *arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program), str(ROOT), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("kind", ["http", "unix"])
def test_parent_and_children_report_under_their_own_names(tmp_path, kind):
    service = Service()
    where = str(tmp_path / "report.sock") if kind == "unix" else "127.0.0.1"
    with running(service, where) as url:
        ran = _run(PROGRAM, url, str(tmp_path / "spool"))

    assert ran.returncode == 0, ran.stderr
    codes, _, parent = ran.stdout.strip().rpartition(" ")
    assert codes == "[0, 0, 0, 0]"
    assert ran.stderr == ""
    wanted = {"key:parent", "key:after", *(f"key:child{number}" for number in range(4))}
    assert {scope for _, _, scope, _ in service.rows()} == wanted
    names = {report.guard for report in service.reports}
    assert parent in names
    assert len(names) == 5
    for name in names:
        sequences = [report.sequence for report in service.reports if report.guard == name]
        assert len(sequences) == len(set(sequences))
    assert not list((tmp_path / "spool").iterdir())


def test_a_child_does_not_keep_the_spool_of_its_dead_parent_locked(tmp_path):
    from costmon.guard.link.spool import Spool

    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(UNUSED), str(ROOT), "-", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "living\n"
        process.wait(10)
        spool = Spool(tmp_path, "f" * 32)
        leftover = spool.adopt()
        process.stdin.close()

    assert leftover is not None
    leftover.discard()
    spool.close()


def test_a_program_that_ends_without_closing_its_guard_reports_all_the_same():
    service = Service()
    with running(service) as url:
        ran = _run(EXIT, url)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert {scope for _, _, scope, _ in service.rows()} == {"key:last"}
