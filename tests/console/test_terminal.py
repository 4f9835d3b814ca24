"""The prompt as a person or a shell meets it: a process with a terminal or a pipe."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

import costmon
from costmon.messages import GetChildren

ROOT = Path(costmon.__file__).parent.parent
ATTACHED = """
import sys
from pathlib import Path
from costmon.clock import SystemClock
from costmon.console.repl import attach
path, history = sys.argv[1:]
sys.exit(attach(Path(path), clock=SystemClock(), history=Path(history)))
"""
INSIDE = """
import os, signal, threading
from costmon.console.repl import PromptThread
asked_to_end = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: asked_to_end.set())
prompt = PromptThread(lambda message: ())
prompt.start()
asked_to_end.wait()
prompt.restore_terminal()
os._exit(0)
"""

pytestmark = pytest.mark.process


class Terminal:
    """A process with a pseudo terminal, and what it has shown so far."""

    def __init__(self, script, *arguments):
        self._master, self.slave = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            cwd=ROOT,
            env={**os.environ, "TERM": "dumb", "INPUTRC": os.devnull},
        )

    def type(self, text):
        os.write(self._master, text.encode())

    def wait_for(self, text, timeout_s=15.0):
        """Read until `text` is shown, and forget everything up to its end."""
        deadline = time.monotonic() + timeout_s
        while text not in self.shown:
            ready, _, _ = select.select([self._master], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{text!r} did not come; shown: {self.shown!r}"
            self.shown += os.read(self._master, 65536).decode()
        before, _, self.shown = self.shown.partition(text)
        return before

    def close(self):
        self.process.kill()
        self.process.wait(10)
        os.close(self._master)
        os.close(self.slave)


@pytest.fixture
def terminal():
    terminals = []

    def start(script, *arguments):
        terminals.append(Terminal(script, *arguments))
        return terminals[-1]

    yield start
    for each in terminals:
        each.close()


def run_script(path, text):
    return subprocess.run(
        [sys.executable, "-c", ATTACHED, str(path), os.devnull],
        input=text,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
        check=False,
    )


def test_a_person_restarts_the_poller_with_the_help_of_tab(serve, terminal, path, tmp_path):
    serve()
    history = tmp_path / "history"
    person = terminal(ATTACHED, path, history)
    person.wait_for("Type help() for commands")
    person.wait_for(">>> ")

    person.type("superv\t")
    person.wait_for("supervisor")
    person.type('.tell(RestartChild(name="mes\t')
    person.wait_for("messenger")
    person.type("\x15")  # begins anew: whether Tab closes the quote depends on the line editor
    person.type('supervisor.tell(RestartChild(name="messenger"))\n')
    person.wait_for("restarting messenger")
    person.wait_for(">>> ")
    person.type("1/0\n")
    person.wait_for("ZeroDivisionError")
    person.wait_for(">>> ")
    person.type("\x04")

    assert person.process.wait(10) == 0
    assert 'supervisor.tell(RestartChild(name="messenger"))' in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


def test_leaving_the_prompt_leaves_the_service_running(serve, client, path, supervisor):
    serve()

    assert run_script(path, "exit()\n").returncode == 0

    assert client.ask(GetChildren()) == supervisor.children


def test_a_piped_script_gets_answers_without_prompts(serve, path):
    serve()

    ended = run_script(path, 'supervisor.tell(RestartChild(name="poller"))\nchildren()\n')

    assert ended.returncode == 0
    assert ended.stderr == ""
    assert ended.stdout.splitlines()[0] == "restarting poller.digitalocean"
    assert ended.stdout.splitlines()[1].startswith("name ")


def test_without_a_service_the_command_fails_before_anything_is_read(path):
    ended = run_script(path, "")

    assert ended.returncode == 1
    assert "ConsoleUnavailableError: cannot connect to the service" in ended.stderr.replace(
        "costmon.errors.", ""
    )


def test_a_piped_script_with_an_error_exits_with_1(serve, path):
    serve()

    ended = run_script(path, 'supervisor.tell(RestartChild(name="x"))\nprint("unreached")\n')

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("there is no child 'x'; known: messenger")


def test_the_terminal_is_given_back_when_the_service_ends_under_the_prompt(terminal):
    service = terminal(INSIDE)
    before = termios.tcgetattr(service.slave)
    service.wait_for(">>> ")
    deadline = time.monotonic() + 10
    while termios.tcgetattr(service.slave) == before:
        assert time.monotonic() < deadline, "the prompt never took the terminal"
        os.sched_yield()

    service.process.send_signal(signal.SIGTERM)

    assert service.process.wait(10) == 0
    assert termios.tcgetattr(service.slave) == before
