"""The prompt, driven by lines without a terminal."""

import datetime as dt
import io

import pytest

from costmon.console.completion import Completer
from costmon.console.namespace import namespace
from costmon.console.prompt import Prompt
from costmon.errors import ConsoleUnavailableError
from costmon.messages import GetChildren, RestartChild
from costmon.testing.clock import FakeClock


class Typist:
    """Feeds lines to a prompt and keeps what it shows."""

    def __init__(self, ask, clock=None):
        self.out = io.StringIO()
        self.err = io.StringIO()
        self.prompts = []
        self.names = namespace(ask, source=io.StringIO(), out=self.out, clock=clock)

    def type(self, *lines, interactive=False):
        left = iter(lines)

        def read_line(prompt):
            self.prompts.append(prompt)
            line = next(left, EOFError())
            if isinstance(line, BaseException):
                raise line
            return line

        prompt = Prompt(self.names, read_line=read_line, err=self.err, interactive=interactive)
        return prompt.run()


@pytest.fixture
def typist(supervisor):
    return Typist(supervisor.ask)


RESTARTS = [
    'supervisor.tell(RestartChild(name="poller"))',
    'send(supervisor, "restart_child", name="poller")',
]


@pytest.mark.parametrize("line", RESTARTS)
def test_both_ways_restart_the_poller_and_say_so(typist, supervisor, line):
    assert typist.type(line) == 0

    assert supervisor.asked == [RestartChild(name="poller")]
    assert typist.out.getvalue() == "restarting poller.digitalocean\n"


@pytest.mark.parametrize(
    "line",
    [
        'supervisor.tell(RestartChild(name="pol"))',
        'send(supervisor, "restart_child", name="pol")',
    ],
)
def test_a_wrong_name_is_answered_with_the_valid_ones(typist, line):
    assert typist.type(line) == 1

    assert typist.err.getvalue() == (
        "there is no child 'pol'; known: messenger, poller, poller.digitalocean\n"
    )


def test_a_wrong_command_is_answered_with_the_valid_ones(typist, supervisor):
    assert typist.type('send(supervisor, "reboot")') == 1

    assert typist.err.getvalue() == (
        "unknown command 'reboot'; known: children, restart_child, circuits, "
        "open_circuit, close_circuit, budgets, guards\n"
    )
    assert supervisor.asked == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('supervisor.tell("restart")', "str is not a console message; known:"),
        ("supervisor.ask(None)", "NoneType is not a console message; known:"),
        ('send(supervisor, "restart_child")', "missing required field `name`"),
        ('send(supervisor, "restart_child", nam="x")', "takes name, not 'nam'"),
        ("supervisor.tell(RestartChild(name=3))", "Expected `str`, got `int`"),
    ],
)
def test_a_wrong_message_is_answered_in_one_line(typist, supervisor, line, words):
    assert typist.type(line) == 1

    assert words in typist.err.getvalue()
    assert typist.err.getvalue().count("\n") == 1
    assert supervisor.asked == []


def test_children_prints_the_tree(typist):
    assert typist.type("children()") == 0

    assert "poller.digitalocean  running           3         2        5" in typist.out.getvalue()


def test_the_children_can_be_had_as_values(typist, supervisor):
    assert typist.type("found = supervisor.ask(GetChildren())") == 0

    assert typist.names["found"] == supervisor.children
    assert supervisor.asked == [GetChildren()]


def test_circuits_budgets_and_guards_are_printed(typist):
    assert typist.type("circuits()", "budgets()", "guards()") == 0

    lines = typist.out.getvalue().splitlines()
    assert lines == [
        "scope            state  since                    until  author  reason",
        "provider:openai  open   2026-11-21 12:00:00 UTC  -      ada     a loop",
        "scope   period  limit       warn  block  by",
        "host:*  month   10.50  USD     -      -  file",
        "app     host  pid     seen  budgets  in flight  refused",
        "worker  box    12  3 s ago        4          1        7",
    ]


def test_nothing_to_show_is_said_in_words(typist, supervisor):
    supervisor.circuits = supervisor.budgets = supervisor.guards = ()

    assert typist.type("circuits()", "budgets()", "guards()") == 0

    assert typist.out.getvalue().splitlines() == [
        "no circuit has been opened yet",
        "no budgets",
        "no guard has reported in the last 24 hours",
    ]


def test_a_circuit_is_opened_for_some_hours_and_closed_again(supervisor):
    clock = FakeClock()
    typist = Typist(supervisor.ask, clock=clock)

    assert typist.type('open_circuit("host:X.example", "a loop", hours=2)') == 0
    assert typist.type('close_circuit("host:x.example", reason="fixed")') == 0

    opened, closed = supervisor.asked
    assert (opened.scope, opened.reason) == ("host:x.example", "a loop")
    assert opened.expires_at == clock.now() + dt.timedelta(hours=2)
    assert (closed.scope, closed.reason) == ("host:x.example", "fixed")
    assert opened.author == closed.author != ""
    assert typist.out.getvalue().splitlines() == [
        "host:x.example is open until 2026-11-21 12:00:00 UTC",
        "host:x.example is closed",
    ]


def test_a_circuit_that_is_not_in_force_yet_is_not_said_to_be(typist, supervisor):
    supervisor.confirmed = False

    assert typist.type('open_circuit("global", "stop")') == 0

    assert typist.out.getvalue() == "accepted for global: run circuits() to check\n"


def test_a_circuit_is_opened_by_the_messages_name_too(typist, supervisor):
    assert typist.type('send(supervisor, "open_circuit", scope="host:*", reason="stop")') == 0

    assert supervisor.asked[0].scope == "host:*"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('open_circuit("x.example", "loop")', "'x.example' is not a valid scope: use 'global', or"),
        ('open_circuit("global", "")', "reason must not be empty"),
        ('open_circuit("global", "loop", hours=-1)', "hours=-1: give a number above 0"),
        ('open_circuit("global", "loop", hours="2")', "hours='2': give a number above 0"),
        ('open_circuit("global", "loop", hours=1e9)', "at most 8784"),
        ('close_circuit("global", 3)', "Expected `str`, got `int`"),
    ],
)
def test_a_circuit_that_cannot_be_is_refused_in_one_line(typist, supervisor, line, words):
    assert typist.type(line) == 1

    assert words in typist.err.getvalue()
    assert typist.err.getvalue().count("\n") == 1
    assert supervisor.asked == []


def test_help_shows_the_console_and_still_explains_things(typist):
    assert typist.type("help()", "help(RestartChild)") == 0

    text = typist.out.getvalue()
    assert "supervisor.tell(RestartChild" in text
    assert "Restart one child or all of a role" in text


@pytest.mark.parametrize("name", ["help", "exit", "supervisor"])
def test_a_name_alone_says_what_to_do_with_it(typist, name):
    assert repr(typist.names[name])[0] in "TU<"


def test_a_script_stops_at_its_first_error_with_exit_code_1(typist):
    assert typist.type("before = 1", "1/0", "after = 1") == 1

    assert "ZeroDivisionError" in typist.err.getvalue()
    assert "before" in typist.names
    assert "after" not in typist.names


def test_a_script_without_an_error_exits_with_0_and_sees_no_prompt(typist):
    assert typist.type("for i in range(2):", "    x = i", "", "y = x + 1") == 0

    assert typist.names["y"] == 2
    assert set(typist.prompts) == {""}


def test_a_block_at_the_end_needs_no_empty_line(typist):
    assert typist.type("for i in range(2):", "    x = i") == 0

    assert typist.names["x"] == 1


@pytest.mark.parametrize("line", ["x = (", "x = = 1", "'''"])
def test_a_script_that_is_no_python_exits_with_1(typist, line):
    assert typist.type(line) == 1

    assert typist.err.getvalue()


def test_at_a_terminal_the_prompt_goes_on_after_an_error(typist):
    assert typist.type("1/0", "x = (", KeyboardInterrupt(), "x = 3", interactive=True) == 0

    assert typist.names["x"] == 3
    assert "KeyboardInterrupt" in typist.err.getvalue()
    assert typist.prompts == [">>> ", ">>> ", "... ", ">>> ", ">>> "]


@pytest.mark.parametrize(
    ("line", "code"),
    [("exit()", 0), ("quit(3)", 3), ("raise SystemExit", 0), ("raise SystemExit('no')", 1)],
)
def test_exit_leaves_the_prompt_with_its_code(typist, line, code):
    assert typist.type(line, "after = 1", interactive=True) == code

    assert "after" not in typist.names


def test_exit_in_the_last_block_of_a_script_counts(typist):
    assert typist.type("if True:", "    exit(4)") == 4


def test_a_supervisor_that_takes_too_long_is_one_line_without_a_traceback(typist, supervisor):
    supervisor.fault = TimeoutError("no answer within 5 s")

    assert typist.type("children()") == 1

    assert typist.err.getvalue() == "the supervisor did not answer: no answer within 5 s\n"


def test_an_error_that_would_move_the_cursor_is_escaped(typist, supervisor):
    supervisor.fault = ConsoleUnavailableError("\x1b[2Jgone")

    assert typist.type("children()") == 1

    assert typist.err.getvalue() == "\\x1b[2Jgone\n"


def test_letters_that_the_terminal_does_not_know_are_escaped(supervisor, make_status):
    supervisor.children = (make_status("poller.café"),)
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")

    namespace(supervisor.ask, source=io.StringIO(), out=out)["children"]()

    assert b"poller.caf\\xe9" in raw.getvalue()


def completions(typist, line):
    begin = max(line.rfind(delimiter) for delimiter in "(\"' =") + 1
    completer = Completer(typist.names, typist.names["supervisor"], lambda: (line, begin))
    found: list[str] = []
    while (word := completer.complete(line[begin:], len(found))) is not None:
        found.append(word)
    return found


def test_names_are_completed(typist):
    assert completions(typist, "superv") == ["supervisor"]
    assert completions(typist, "supervisor.te") == ["supervisor.tell("]
    assert completions(typist, "supervisor.tell(Resta") == ["RestartChild("]


def test_inside_quotes_the_children_are_completed(typist):
    line = 'supervisor.tell(RestartChild(name="pol'

    assert completions(typist, line) == ["poller", "poller.digitalocean"]
    assert completions(typist, line + "x") == []


def test_scopes_are_completed_behind_the_colon_where_a_word_begins(typist):
    line = 'close_circuit("provider:op'
    completer = Completer(
        typist.names, typist.names["supervisor"], lambda: (line, line.index(":") + 1)
    )

    assert completer.complete("op", 0) == "openai"
    assert completer.complete("op", 1) is None
    assert completions(typist, "open_circuit('h") == ["host:*"]


@pytest.mark.parametrize("fault", [ConsoleUnavailableError("gone"), TimeoutError("5 s")])
def test_completion_says_nothing_when_the_service_is_away(typist, supervisor, fault):
    supervisor.fault = fault

    assert completions(typist, 'send(supervisor, "restart_child", name="p') == []
