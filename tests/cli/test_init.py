"""`costmon init` as a person meets it: a process on a terminal, and vendors on loopback."""

import fcntl
import json
import os
import pty
import select
import stat
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

import costmon
from costmon.cli import main
from costmon.testing import Reply, StubServer

ROOT = Path(costmon.__file__).parent.parent
TOKEN = "planted-token-0123456789"
OTHER = "planted-other-0123456789"
# Acme is a vendor that no other code knows: what is asked comes from what it declares.
PROGRAM = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from costmon import providers
providers.__path__.append(sys.argv.pop(1))
from costmon.cli import main
sys.exit(main())
"""
ACME = ROOT / "tests" / "cli" / "vendor"

pytestmark = pytest.mark.process


class Person:
    """Somebody at a terminal in a directory."""

    def __init__(self, folder, environ, *arguments):
        self._master, slave = pty.openpty()
        self._slaves = [slave]
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x28\x00\xc8\x00\x00\x00\x00\x00")
        self.seen = ""
        self._unread = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(ACME), "init", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            start_new_session=True,
            env={**os.environ, **environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        )

    def answers(self, question, answer, *, enter="\n"):
        """Wait for a question, and type."""
        self.reads(question)
        os.write(self._master, (answer + enter).encode())

    def reads(self, text, timeout_s=30.0):
        """Wait until a text is shown; what is before it is not looked at again."""
        deadline = time.monotonic() + timeout_s
        while text not in self._unread:
            ready, _, _ = select.select([self._master], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{text!r} did not come; shown: {self.seen!r}"
            self._read()
        self._unread = self._unread.partition(text)[2]

    def leaves(self):
        """Return the exit code."""
        self._let_go()
        deadline = time.monotonic() + 30
        while select.select([self._master], [], [], max(deadline - time.monotonic(), 0))[0]:
            try:
                self._read()
            except OSError:  # the other side is closed
                break
        return self.process.wait(10)

    def close(self):
        self.process.kill()
        self.process.wait(10)
        os.close(self._master)
        self._let_go()

    def _let_go(self):
        """Close our copy of the process's side: then its end is the end of what can be read."""
        for file in self._slaves:
            os.close(file)
        self._slaves = []

    def _read(self):
        read = os.read(self._master, 65536).decode()
        self.seen += read
        self._unread += read


@pytest.fixture
def vendor():
    """Acme and Telegram; Acme knows both tokens."""

    def machines(asked):
        known = {f"Bearer {TOKEN}", f"Bearer {OTHER}"}
        if asked.headers.get("authorization") not in known:
            return Reply.json({}, status=401)
        return Reply(body=b'[{"id": "m1", "monthly": 12.10}]')

    with StubServer() as server:
        server.script("/machines", machines)
        yield server


@pytest.fixture
def person(tmp_path, vendor, unused_port):
    """Return a function that begins the dialog, up to the choice of Acme."""
    people = []

    def begin(*arguments, vendors="acme", **environ):
        settings = {
            "ACME_API_URL": vendor.url,
            "TELEGRAM_API_URL": vendor.url,
            "COSTMON_PORT": str(unused_port),
            **environ,
        }
        people.append(Person(tmp_path, settings, *arguments))
        people[-1].answers("(Enter: none): ", vendors)
        return people[-1]

    yield begin
    for each in people:
        assert TOKEN not in each.seen
        assert OTHER not in each.seen
        assert "Traceback" not in each.seen
        each.close()


def take_defaults(person):
    """Answer Enter to what follows the vendors, up to the last question."""
    person.answers("Time zone", "")
    person.answers("Currency of totals", "")
    person.answers("a month (Enter: no limit): ", "")
    person.answers("Telegram? [y/N] ", "")


def files(folder):
    """Return what is in a directory: names and contents."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_new_user_has_a_private_env_file_and_a_good_check(person, tmp_path):
    new = person()
    new.answers("ACME_API_KEY (not shown", TOKEN)
    new.reads("1 resources are visible")
    new.reads("Accepted: Acme answers with it.")
    take_defaults(new)
    new.reads("ACME_API_KEY: new")
    new.answers("Write this? [Y/n] ", "")
    new.reads("ok    acme")

    assert new.leaves() == 0
    assert files(tmp_path) == {".env": f"ACME_API_KEY={TOKEN}\n".encode()}
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_a_wrong_token_is_refused_and_can_be_typed_again(person, tmp_path, vendor):
    new = person()
    new.answers("ACME_API_KEY (not shown", "not-a-key-of-acme")
    new.reads("Refused: Acme does not accept it (auth).")
    new.answers("(a)gain, (s)kip Acme? [a] ", "")
    new.answers("ACME_API_KEY (not shown", TOKEN)
    new.reads("Accepted")
    take_defaults(new)
    new.answers("Write this?", "y")

    assert new.leaves() == 0
    assert (tmp_path / ".env").read_text() == f"ACME_API_KEY={TOKEN}\n"
    assert "not-a-key-of-acme" not in new.seen


def test_a_vendor_that_is_not_there_may_be_kept_untested(person, tmp_path, unused_port):
    new = person(ACME_API_URL=f"http://127.0.0.1:{unused_port}")
    new.answers("ACME_API_KEY (not shown", TOKEN)
    new.reads("No answer: whether Acme accepts it is not known (network).")
    new.answers("(s)kip Acme? [k] ", "")
    take_defaults(new)
    new.answers("Write this?", "")
    new.reads("Correct what says FAIL")

    assert new.leaves() == 1
    assert (tmp_path / ".env").read_text() == f"ACME_API_KEY={TOKEN}\n"


def test_nothing_is_written_for_a_vendor_that_is_skipped(person, tmp_path):
    new = person()
    new.answers("ACME_API_KEY (not shown", "not-a-key-of-acme")
    new.answers("(s)kip Acme? [a] ", "s")
    take_defaults(new)
    new.reads("There is nothing to write.")

    assert new.leaves() == 0
    assert files(tmp_path) == {}


def test_a_present_variable_is_replaced_after_a_question_and_the_rest_stays(person, tmp_path):
    (tmp_path / ".env").write_bytes(
        b"# my settings\r\nOTHER_PROGRAM='x # y'\r\nexport ACME_API_KEY=old # of Ann\r\n\r\n# end"
    )
    (tmp_path / ".env").chmod(0o644)
    new = person()
    new.answers("(r)eplace its credentials? [k] ", "r")
    new.answers("Enter: keep the present one): ", TOKEN)
    take_defaults(new)
    new.reads("ACME_API_KEY: replaces the present value")
    new.answers("Write this?", "y")

    assert new.leaves() == 0
    assert (tmp_path / ".env").read_bytes() == (
        b"# my settings\r\nOTHER_PROGRAM='x # y'\r\n"
        b"export ACME_API_KEY=" + TOKEN.encode() + b" # of Ann\r\n\r\n# end"
    )
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


@pytest.mark.parametrize("last", ["n", "\x03", "\x04"], ids=["no", "interrupt", "end"])
def test_who_does_not_want_it_written_has_the_files_as_they_were(person, tmp_path, last):
    (tmp_path / ".env").write_text(f"ACME_API_KEY={OTHER}\n")
    (tmp_path / "costmon.toml").write_text("# mine\n")
    before = files(tmp_path)
    new = person()
    new.answers("(r)eplace its credentials? [k] ", "r")
    new.answers("(not shown", TOKEN)
    take_defaults(new)
    new.answers("Write this?", last, enter="\n" if last == "n" else "")
    new.reads("Nothing was changed.")

    assert new.leaves() == 1
    assert files(tmp_path) == before


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["interrupt", "end"])
def test_an_interrupt_at_a_hidden_question_changes_nothing(person, tmp_path, key):
    new = person()
    new.answers("ACME_API_KEY (not shown", key, enter="")
    new.reads("Nothing was changed.")

    assert new.leaves() == 1
    assert files(tmp_path) == {}


def test_a_vendor_that_lacks_a_credential_is_to_be_completed(person, tmp_path):
    new = person(vendors="wasabi", WASABI_ACCESS_KEY=TOKEN)
    new.reads("wasabi is off: WASABI_SECRET_KEY is not set")
    new.answers("(r)eplace its credentials? [r] ", "")
    new.answers("WASABI_ACCESS_KEY (not shown while you type; Enter: keep the present one): ", "")
    new.answers("WASABI_SECRET_KEY (not shown while you type; Enter: leave it out): ", "")
    new.reads("Wasabi is left out.")

    assert TOKEN not in new.seen
    assert not (tmp_path / ".env").exists()


def test_a_second_account_is_added_to_both_files(person, tmp_path):
    (tmp_path / ".env").write_text(f"ACME_API_KEY={TOKEN}\n")
    (tmp_path / "costmon.toml").write_text("# mine\n[retention]\ncycles = 30")
    new = person()
    new.reads("Already there: acme")
    new.answers("[k] ", "a")
    new.answers("Name of the other account", "acme")
    new.reads("a name that no other account has")
    new.answers("Name of the other account", "team-b")
    new.answers("ACME_API_KEY_TEAM_B (not shown", TOKEN)
    new.reads("a token that no other account uses")
    new.answers("ACME_API_KEY_TEAM_B (not shown", OTHER)
    new.reads("Accepted")
    take_defaults(new)
    new.reads("costmon.toml, at the end of the existing file:")
    new.answers("Write this?", "y")
    new.reads("accounts: acme, team-b")

    assert new.leaves() == 0
    assert (tmp_path / ".env").read_text() == (
        f"ACME_API_KEY={TOKEN}\nACME_API_KEY_TEAM_B={OTHER}\n"
    )
    assert (tmp_path / "costmon.toml").read_text() == (
        "# mine\n[retention]\ncycles = 30\n\n"
        '[[account]]\nprovider = "acme"\nname = "team-b"\ntoken_env = "ACME_API_KEY_TEAM_B"\n'
    )


def test_a_token_with_every_odd_character_reaches_the_vendor_as_it_was_typed(
    person, tmp_path, vendor
):
    odd = "a'b\"c$d${HOME}#e`f\\g!h=i"
    vendor.script(
        "/machines",
        lambda asked: Reply(
            status=200 if asked.headers.get("authorization") == f"Bearer {odd}" else 401, body=b"[]"
        ),
    )
    new = person()
    new.answers("ACME_API_KEY (not shown", odd)
    new.reads("Accepted")
    take_defaults(new)
    new.answers("Write this?", "y")

    assert new.leaves() == 0
    assert odd not in new.seen


@pytest.mark.parametrize("token", ["two words", "caf\u00e9"])
def test_what_no_header_can_hold_is_refused_and_asked_again(person, token):
    new = person()
    new.answers("ACME_API_KEY (not shown", token)
    new.reads("Accepted: printable ASCII without spaces")
    new.answers("ACME_API_KEY (not shown", "")
    new.reads("Acme is left out.")

    assert token not in new.seen


def test_limit_currency_and_time_zone_are_kept(person, tmp_path):
    new = person(vendors="")
    new.answers("Time zone", "Mars/Olympus")
    new.reads("an IANA time zone")
    new.answers("Time zone", "Europe/Paris")
    new.answers("Currency of totals", "eur")
    new.answers("in EUR a month (Enter: no limit): ", "250")
    new.answers("Telegram? [y/N] ", "")
    new.answers("Write this?", "y")

    assert new.leaves() == 2  # there is no account yet
    assert (tmp_path / ".env").read_text() == "COSTMON_TIMEZONE=Europe/Paris\n"
    assert (tmp_path / "costmon.toml").read_text().partition("\n\n")[2] == (
        '[fx]\ncurrency = "EUR"\n\n'
        '[[budget]]\nscope = "global"\nlimit = "250"\nperiod = "month"\n'
        'currency = "EUR"\nenforce = false\n'
    )


def test_telegram_is_tried_with_a_message(person, tmp_path, vendor):
    refusal = Reply.json({"ok": False, "description": "chat not found"}, status=400)
    vendor.answer(f"/bot{TOKEN}/sendMessage", refusal, Reply.json({"ok": True}))
    new = person("--offline", ACME_API_KEY=OTHER, vendors="")
    new.answers("Time zone", "")
    new.answers("Currency", "")
    new.answers("no limit): ", "")
    new.answers("Telegram? [y/N] ", "y")
    new.answers("TELEGRAM_BOT_TOKEN", TOKEN)
    new.answers("TELEGRAM_CHANNEL_ID", "@mine")
    new.reads("Not tried (--offline).")
    new.answers("Write this?", "y")
    assert new.leaves() == 0
    assert vendor.asked == ()
    (tmp_path / ".env").unlink()

    new = person(ACME_API_KEY=OTHER, vendors="")
    new.answers("Time zone", "")
    new.answers("Currency", "")
    new.answers("no limit): ", "")
    new.answers("Telegram? [y/N] ", "y")
    new.answers("TELEGRAM_BOT_TOKEN", TOKEN)
    new.answers("TELEGRAM_CHANNEL_ID", "@yours")
    new.reads("chat not found")
    new.answers("(s)kip Telegram? [a] ", "a")
    new.answers("TELEGRAM_BOT_TOKEN", TOKEN)
    new.answers("TELEGRAM_CHANNEL_ID", "@mine")
    new.reads("Accepted: look at the chat.")
    new.answers("Write this?", "y")

    assert new.leaves() == 0
    assert json.loads(vendor.asked[1].body)["chat_id"] == "@mine"
    assert (tmp_path / ".env").read_text() == (
        f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_CHANNEL_ID=@mine\n"
    )


def test_a_file_that_somebody_else_changed_in_the_meantime_is_left_alone(person, tmp_path):
    new = person()
    new.answers("ACME_API_KEY (not shown", TOKEN)
    take_defaults(new)
    (tmp_path / ".env").write_text("ACME_API_KEY=theirs\n")
    new.answers("Write this?", "y")
    new.reads("has been changed in the meantime")

    assert new.leaves() == 2
    assert files(tmp_path) == {".env": b"ACME_API_KEY=theirs\n"}


def test_a_link_stays_a_link(person, tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / ".env").symlink_to(tmp_path / "secrets" / "env")
    new = person()
    new.answers("ACME_API_KEY (not shown", TOKEN)
    take_defaults(new)
    new.answers("Write this?", "y")

    assert new.leaves() == 0
    assert (tmp_path / ".env").is_symlink()
    assert files(tmp_path / "secrets") == {"env": f"ACME_API_KEY={TOKEN}\n".encode()}


def test_settings_that_are_not_valid_are_named_before_anything_is_asked(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    (tmp_path / ".env").write_text("DO_API_TOKEN='open\nCOSTMON_PORT=x\n")

    assert main(["init"]) == 2

    assert "NAME=value in line 1" in capsys.readouterr().err


def test_without_a_terminal_one_line_says_what_to_do_instead(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "costmon", "init"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "copy .env.example to .env" in done.stderr


def test_the_demo_needs_no_tokens(capsys):
    assert main(["init", "--demo"]) == 2

    assert "costmon run --demo" in capsys.readouterr().err


def test_a_vendor_that_needs_an_option_is_asked_for_it(person, tmp_path):
    new = person("--offline", vendors="github")
    new.answers("GITHUB_TOKEN (not shown", "a-token-of-github")
    new.reads("GITHUB_ORG or GITHUB_USER is needed.")
    new.answers("GITHUB_ORG, ", "acme")
    new.answers("GITHUB_USER, ", "")
    new.answers("GITHUB_PLAN, ", "")
    take_defaults(new)
    new.answers("Write this?", "y")
    assert new.process.wait(timeout=30) == 0

    text = (tmp_path / ".env").read_text()
    assert "GITHUB_ORG=acme" in text
    assert "GITHUB_TOKEN=a-token-of-github" in text


def test_a_vendor_without_the_option_that_it_needs_is_left_out(person, tmp_path):
    new = person("--offline", vendors="github")
    new.answers("GITHUB_TOKEN (not shown", "a-token-of-github")
    for name in ("GITHUB_ORG, ", "GITHUB_USER, ", "GITHUB_PLAN, "):
        new.answers(name, "")
    new.reads("GitHub is left out")

    assert not (tmp_path / ".env").exists()


def test_a_vendor_that_only_the_file_may_name_gets_an_entry(person, tmp_path):
    new = person("--offline", vendors="aws")
    new.answers("AWS_ACCESS_KEY_ID (not shown", "an-access-key")
    new.answers("AWS_SECRET_ACCESS_KEY (not shown", "a-secret-key")
    new.answers("Set any of it?", "")
    take_defaults(new)
    new.answers("Write this?", "y")
    assert new.process.wait(timeout=30) == 0

    text = (tmp_path / "costmon.toml").read_text()
    assert 'provider = "aws"' in text
    assert 'access_key_env = "AWS_ACCESS_KEY_ID"' in text
