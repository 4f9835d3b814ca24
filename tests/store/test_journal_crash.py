"""The process dies in the middle of any write to the journal's file, half of it done."""

import os
import random

import pytest
from structlog.testing import capture_logs

from costmon.store import Journal, record_log
from costmon.testing import samples

SMALL = 4096 + 2 * 4096
STEPS = "aaata aaaab aatat bbaaa ttaaa aatta abtat aaaaa tttta aaaaa bbbbb".replace(" ", "")
"""`a` and `b` append for account a or b, `t` takes the first."""


class DeadError(Exception):
    """The process is gone."""


class Mortal:
    """`os` for the spool, until the n-th write, of which half arrives."""

    def __init__(self, writes):
        self.left = writes

    def __getattr__(self, name):
        return getattr(os, name)

    def pwrite(self, file, data, offset):
        self.left -= 1
        if self.left == 0:
            os.pwrite(file, bytes(data)[: len(data) // 2], offset)
            raise DeadError
        if self.left < 0:
            raise DeadError
        return os.pwrite(file, data, offset)


def observations(cycles):
    """Return one for each step; all of one size, so that old records lie where new ones will."""
    rng = random.Random(7)
    return [
        cycles.good(
            0,
            samples.resource("1", name=rng.randbytes(350).hex()),
            account=step,
            cycle_id=f"{n:03}",
        )
        for n, step in enumerate(STEPS)
    ]


def waiting(journal):
    return [_id(journal, entry) for entry in journal._spool.entries]


def _id(journal, entry):
    from costmon.store.journal import _label

    label = _label(journal._spool.read(entry))
    assert label is not None
    return label[1]


def play(journal, step, observation):
    if step != "t":
        journal.append(observation)
    elif (first := journal.first()) is not None:
        journal.drop_first(first.report.cycle_id)


@pytest.fixture
def reference(tmp_path, cycles):
    """Return the steps' observations and what waits before each step and after the last."""
    made = observations(cycles)
    states = []
    with capture_logs(), Journal(tmp_path / "reference", SMALL) as journal:
        for step, observation in zip(STEPS, made, strict=True):
            states.append(waiting(journal))
            play(journal, step, observation)
        states.append(waiting(journal))
        assert journal.dropped > 5, "the steps fill the journal more than once"
    return made, states


def test_a_death_in_any_write_loses_nothing_acknowledged_and_brings_nothing_back(
    tmp_path, reference, monkeypatch
):
    made, states = reference
    for writes in range(3, 400, 3):  # both kinds of writes: records and headers
        path = tmp_path / f"journal-{writes}"
        at = _play_until_dead(path, made, writes, monkeypatch)
        before, after = states[at], states[min(at + 1, len(STEPS))]

        with capture_logs(), Journal(path, SMALL) as journal:
            found = waiting(journal)
            assert found == sorted(set(found))
            assert set(before) & set(after) <= set(found) <= set(before) | set(after)
            gone = {f"{n:03}" for n in range(at)} - set(before)
            for step, observation in zip(STEPS[at + 1 :], made[at + 1 :], strict=True):
                play(journal, step, observation)
            journal.close()
            journal = Journal(path, SMALL)  # noqa: PLW2901 - opened anew
            assert not gone & set(waiting(journal))
            assert waiting(journal) == sorted(set(waiting(journal)))
        if at == len(STEPS):
            return
    pytest.fail("the last step was never reached")


def _play_until_dead(path, made, writes, monkeypatch):
    """Return the number of the step in which the process died."""
    journal, at = None, 0
    with capture_logs(), monkeypatch.context() as patched:
        patched.setattr(record_log, "os", Mortal(writes))
        try:
            journal = Journal(path, SMALL)
            for number, (step, observation) in enumerate(zip(STEPS, made, strict=True)):
                at = number
                play(journal, step, observation)
            return len(STEPS)
        except DeadError:
            return at
        finally:
            if journal is not None:
                journal.close()


def test_an_interrupted_move_leaves_nothing_for_the_next_one_to_find(tmp_path, monkeypatch):
    path = tmp_path / "journal"
    opened = record_log.RecordLog(path, SMALL)
    for payload in (b"one.", b"two.", b"thr.", b"four"):
        opened.append(payload)

    def die(_):
        raise DeadError

    with monkeypatch.context() as patched:
        patched.setattr(opened, "_write_head", die)
        with pytest.raises(DeadError):
            opened.keep_only(opened.entries, dropped=0)
    opened.close()

    opened = record_log.RecordLog(path, SMALL)
    opened.drop_first()
    opened.drop_first()
    opened.keep_only(opened.entries, dropped=0)
    opened.close()
    opened = record_log.RecordLog(path, SMALL)
    found = [opened.read(entry) for entry in opened.entries]
    opened.close()

    assert found == [b"thr.", b"four"]
