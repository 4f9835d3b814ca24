import threading
from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from costmon.actors.address import Address
from costmon.actors.backlog import MailboxRules
from costmon.actors.lease import Lease
from costmon.actors.mailbox import NOBODY, Mailbox
from costmon.clock import SystemClock
from costmon.errors import FencedError, MailboxFullError, SupervisionError
from costmon.messages import Tick
from tests.actors.parts import TIMEOUT_S, waiting


@pytest.fixture
def mailbox(clock) -> Mailbox:
    return Mailbox("c", MailboxRules(), clock=clock)


def tell(mailbox: Mailbox, *messages: object) -> None:
    for message in messages:
        mailbox.put(Envelope(message))


def take(lease: Lease) -> object:
    """Take the next message, which must not need waiting for."""
    return lease.get().message


def wait_for_a_waiter(mailbox: Any) -> None:
    """Wait until a thread waits in the mailbox; it leaves no other trace."""
    while not mailbox._ready._waiters:
        pass


def initial(message: object) -> str:
    return str(message)[0]


def initial_r(message: object) -> str | None:
    return "r" if initial(message) == "r" else None


def is_stop(message: object) -> bool:
    return isinstance(message, _ActorStop)


# --- delivery --------------------------------------------------------------------------------


def test_messages_are_delivered_in_order(mailbox, clock):
    tell(mailbox, 1, 2, 3)
    lease = Lease(mailbox, clock=clock)

    assert [take(lease) for _ in range(3)] == [1, 2, 3]


def test_what_waits_outlives_the_incarnation(mailbox, clock):
    tell(mailbox, 1, 2)
    Lease(mailbox, clock=clock)
    mailbox.fence("died")
    tell(mailbox, 3)

    lease = Lease(mailbox, clock=clock)

    assert [take(lease) for _ in range(3)] == [1, 2, 3]


def test_the_message_in_hand_is_delivered_again_before_what_waits(mailbox, clock):
    tell(mailbox, 1, 2)
    first = Lease(mailbox, clock=clock)
    take(first)
    mailbox.fence("died")

    second = Lease(mailbox, clock=clock)

    assert [take(second), take(second)] == [1, 2]


def test_a_message_is_acknowledged_when_the_next_is_taken(mailbox, clock):
    tell(mailbox, 1, 2)
    first = Lease(mailbox, clock=clock)
    take(first)
    take(first)
    mailbox.fence("died")

    second = Lease(mailbox, clock=clock)

    assert take(second) == 2
    assert len(mailbox) == 0


def test_a_poison_message_is_a_dead_letter_after_three_deliveries(mailbox, clock, logged):
    tell(mailbox, "poison", "good")
    for _ in range(3):
        assert take(Lease(mailbox, clock=clock)) == "poison"
        mailbox.fence("ValueError('poison')")

    assert take(Lease(mailbox, clock=clock)) == "good"
    (letter,) = mailbox.losses.dead_letters
    assert (letter.message, letter.deliveries) == ("poison", 3)
    assert letter.error == "ValueError('poison')"
    (event,) = logged.of("mailbox.message_dead_lettered")
    assert event["level"] == "error"
    assert (event["actor"], event["kind"], event["deliveries"]) == ("c", "str", 3)


def test_max_deliveries_is_a_rule(clock):
    mailbox = Mailbox("c", MailboxRules(max_deliveries=1), clock=clock)
    tell(mailbox, "poison")
    take(Lease(mailbox, clock=clock))

    mailbox.fence("died")

    assert mailbox.losses.dead == 1
    assert len(mailbox) == 0


def test_all_dead_letters_are_counted_and_the_last_ten_kept(clock):
    mailbox = Mailbox("c", MailboxRules(max_deliveries=1), clock=clock)
    for number in range(12):
        tell(mailbox, number)
        take(Lease(mailbox, clock=clock))
        mailbox.fence("died")

    assert mailbox.losses.dead == 12
    assert [letter.message for letter in mailbox.losses.dead_letters] == list(range(2, 12))


def test_a_tick_is_not_delivered_again(mailbox, clock):
    lease = Lease(mailbox, clock=clock)
    lease.timers.after("poll", 0.0)
    assert take(lease) == Tick(key="poll")

    mailbox.fence("died")

    assert len(mailbox) == 0
    assert mailbox.losses.dead == 0


def test_a_due_timer_comes_before_a_waiting_message_but_never_twice_in_a_row(mailbox, clock):
    lease = Lease(mailbox, clock=clock)
    lease.timers.every("poll", 1.0)
    tell(mailbox, 1, 2)

    taken = []
    for _ in range(5):
        taken.append(take(lease))
        clock.advance(5.0)  # each handler takes longer than the interval

    tick = Tick(key="poll")
    assert taken == [tick, 1, tick, 2, tick]


def test_taking_waits_until_a_message_comes(mailbox, clock):
    lease = Lease(mailbox, clock=clock)
    taken: list[object] = []
    reader = threading.Thread(target=lambda: taken.append(take(lease)), daemon=True)
    reader.start()

    tell(mailbox, 1)

    reader.join(TIMEOUT_S)
    assert taken == [1]


# --- generations -----------------------------------------------------------------------------


def test_only_the_newest_incarnation_holds_the_mailbox(mailbox, clock):
    first = Lease(mailbox, clock=clock)
    mailbox.fence("hung")
    second = Lease(mailbox, clock=clock)

    assert (first.is_valid, second.is_valid) == (False, True)
    assert (first.generation, second.generation) == (1, 2)


def test_a_replaced_incarnation_is_stopped_and_takes_nothing(mailbox, clock):
    first = Lease(mailbox, clock=clock)
    mailbox.fence("hung")
    tell(mailbox, 1)

    assert is_stop(take(first))
    assert waiting(mailbox) == [1]


def test_a_replaced_incarnation_does_not_acknowledge_its_successors_message(mailbox, clock):
    tell(mailbox, 1)
    first = Lease(mailbox, clock=clock)
    take(first)
    mailbox.fence("hung")
    second = Lease(mailbox, clock=clock)
    take(second)

    take(first)
    mailbox.fence("died")

    assert waiting(mailbox) == [1]


def test_a_replaced_incarnation_may_neither_act_nor_beat_nor_tell_nor_wait(mailbox, clock):
    lease = Lease(mailbox, clock=clock)
    other = Mailbox("other", MailboxRules(), clock=clock)
    mailbox.fence("hung")
    acted = threading.Event()

    with pytest.raises(FencedError, match="c#1"):
        lease.fenced(acted.set)
    with pytest.raises(FencedError):
        lease.beat()
    with pytest.raises(FencedError):
        Address(other).tell_under(lease, "late")
    assert lease.wait(60.0) is False
    assert not acted.is_set()
    assert len(other) == 0


def test_nobody_is_replaced_while_it_acts(mailbox, clock):
    lease = Lease(mailbox, clock=clock)
    acting, go_on, order = threading.Event(), threading.Event(), []

    def act() -> None:
        acting.set()
        assert go_on.wait(TIMEOUT_S)
        order.append("acted")

    actor = threading.Thread(target=lambda: lease.fenced(act), daemon=True)
    actor.start()
    assert acting.wait(TIMEOUT_S)

    def replace() -> None:
        mailbox.fence("hung")
        order.append("replaced")

    supervisor = threading.Thread(target=replace, daemon=True)
    supervisor.start()
    assert mailbox.holder == 1
    go_on.set()
    actor.join(TIMEOUT_S)
    supervisor.join(TIMEOUT_S)

    assert order == ["acted", "replaced"]


def test_an_incarnation_that_hangs_while_acting_is_said_to_be_irreplaceable(
    mailbox, clock, monkeypatch
):
    monkeypatch.setattr("costmon.actors.mailbox._FENCE_PATIENCE_S", 0.01)
    lease = Lease(mailbox, clock=clock)
    acting, go_on = threading.Event(), threading.Event()

    def act() -> None:
        acting.set()
        go_on.wait(TIMEOUT_S)

    actor = threading.Thread(target=lambda: lease.fenced(act), daemon=True)
    actor.start()
    assert acting.wait(TIMEOUT_S)

    with pytest.raises(SupervisionError, match="c#1 hangs"):
        mailbox.fence("hung")

    go_on.set()
    actor.join(TIMEOUT_S)


def test_a_fenced_action_may_tell(mailbox, clock):
    lease = Lease(mailbox, clock=clock)
    other = Mailbox("other", MailboxRules(), clock=clock)

    lease.fenced(lambda: Address(other).tell_under(lease, 1))

    assert waiting(other) == [1]


def test_an_incarnation_asked_to_leave_is_stopped_and_the_queue_stays(mailbox, clock):
    tell(mailbox, 1, 2)
    lease = Lease(mailbox, clock=clock)
    take(lease)

    mailbox.ask_to_leave()

    assert is_stop(take(lease))
    assert lease.is_dismissed
    assert waiting(mailbox) == [2]


def test_draining_delivers_what_waits_and_then_stops(mailbox, clock):
    tell(mailbox, 1)
    lease = Lease(mailbox, clock=clock)
    lease.timers.after("poll", 0.0)
    mailbox.drain()
    tell(mailbox, 2)

    taken = [take(lease) for _ in range(3)]

    assert taken[:2] == [1, 2]
    assert is_stop(taken[2])


# --- time ------------------------------------------------------------------------------------


def test_an_incarnation_is_busy_from_its_start_until_it_waits(mailbox, clock):
    lease = Lease(mailbox, clock=clock)
    clock.advance(3.0)
    starting = mailbox.busy_s
    tell(mailbox, 1)
    take(lease)
    clock.advance(2.0)
    handling = mailbox.busy_s
    mailbox.ask_to_leave()
    take(lease)

    assert (starting, handling, mailbox.busy_s) == (3.0, 2.0, None)


def test_a_beat_shows_that_a_long_handler_is_alive(mailbox, clock):
    tell(mailbox, 1)
    lease = Lease(mailbox, clock=clock)
    take(lease)
    clock.advance(20.0)

    lease.beat()
    clock.advance(1.0)

    assert mailbox.busy_s == 1.0


def test_waiting_inside_a_handler_does_not_count_as_hanging(mailbox, clock):
    tell(mailbox, 1)
    lease = Lease(mailbox, clock=clock)
    take(lease)
    waited: list[bool] = []
    sleeper = threading.Thread(target=lambda: waited.append(lease.wait(60.0)), daemon=True)
    sleeper.start()
    wait_for_a_waiter(mailbox)
    clock.advance(50.0)
    busy_s = mailbox.busy_s
    clock.advance(10.0)
    with mailbox._ready:
        mailbox._ready.notify_all()
    sleeper.join(TIMEOUT_S)

    assert waited == [True]
    assert busy_s == 0.0


@pytest.mark.parametrize("interrupt", ["ask_to_leave", "drain", "fence"])
def test_a_wait_is_cut_short_when_the_incarnation_is_to_end(mailbox, clock, interrupt):
    lease = Lease(mailbox, clock=clock)
    waited: list[bool] = []
    sleeper = threading.Thread(target=lambda: waited.append(lease.wait(3600.0)), daemon=True)
    sleeper.start()

    mailbox.fence("hung") if interrupt == "fence" else getattr(mailbox, interrupt)()

    sleeper.join(TIMEOUT_S)
    assert waited == [False]


def test_a_new_message_does_not_cut_a_wait_short():
    mailbox = Mailbox("c", MailboxRules(), clock=SystemClock())
    lease = Lease(mailbox, clock=SystemClock())
    waited: list[bool] = []
    sleeper = threading.Thread(target=lambda: waited.append(lease.wait(0.05)), daemon=True)
    sleeper.start()

    while sleeper.is_alive():
        tell(mailbox, 1)

    sleeper.join(TIMEOUT_S)
    assert waited == [True]


# --- bounds ----------------------------------------------------------------------------------


def test_a_full_mailbox_drops_the_new_message_without_blocking_or_raising(clock, logged):
    mailbox = Mailbox("c", MailboxRules(capacity=2), clock=clock)

    tell(mailbox, 1, 2, 3)

    assert waiting(mailbox) == [1, 2]
    assert mailbox.losses.dropped == 1
    (event,) = logged.of("mailbox.message_dropped")
    assert (event["actor"], event["kind"], event["level"]) == ("c", "int", "error")


def test_the_drop_log_is_limited_but_counts_everything(clock, logged):
    mailbox = Mailbox("c", MailboxRules(capacity=1), clock=clock)

    tell(mailbox, *range(101))
    clock.advance(10.0)
    tell(mailbox, "one more")

    events = logged.of("mailbox.message_dropped")
    assert [event["dropped"] for event in events] == [1, 100]
    assert events[-1]["dropped_total"] == mailbox.losses.dropped == 101


def test_of_each_key_at_most_one_message_waits_the_newest(clock):
    rules = MailboxRules(collapse=initial_r)
    mailbox = Mailbox("c", rules, clock=clock)

    tell(mailbox, "r1", "x1", "x2", "r2", "x3")

    assert waiting(mailbox) == ["x1", "x2", "r2", "x3"]
    assert mailbox.losses.dropped == 0


def test_collapsing_makes_room_in_a_full_mailbox(clock):
    mailbox = Mailbox("c", MailboxRules(capacity=1, collapse=lambda _: "same"), clock=clock)

    tell(mailbox, 1, 2)

    assert waiting(mailbox) == [2]
    assert mailbox.losses.dropped == 0


def test_a_full_mailbox_first_offers_a_message_to_whoever_keeps_it_elsewhere(clock):
    journal: list[object] = []

    def keep(message: object) -> bool:
        journal.append(message)
        return True

    rules = MailboxRules(capacity=1, overflow=keep, supersede=lambda _: "same")
    mailbox = Mailbox("c", rules, clock=clock)

    tell(mailbox, 1, 2, 3)

    assert (waiting(mailbox), journal) == ([1], [2, 3])
    assert mailbox.losses.dropped == 0


def test_a_keeper_that_fails_is_logged_and_the_message_finds_another_place(clock, logged):
    def full_disk(_message: object) -> bool:
        raise OSError(28, "No space left on device")

    rules = MailboxRules(capacity=1, overflow=full_disk, supersede=lambda _: "same")
    mailbox = Mailbox("c", rules, clock=clock)

    tell(mailbox, 1, 2)

    assert waiting(mailbox) == [2]
    assert logged.of("mailbox.overflow_failed")


def test_what_an_actor_tells_to_a_full_mailbox_is_kept_elsewhere_too(mailbox, clock):
    journal: list[object] = []

    def keep(message: object) -> bool:
        journal.append(message)
        return True

    full = Mailbox("full", MailboxRules(capacity=1, overflow=keep), clock=clock)
    lease = Lease(mailbox, clock=clock)

    for message in (1, 2):
        Address(full).tell_under(lease, message)

    assert (waiting(full), journal) == ([1], [2])


def test_a_journal_that_blocks_does_not_keep_the_actor_from_being_replaced(mailbox, clock):
    entered, go_on = threading.Event(), threading.Event()

    def keep(_message: object) -> bool:
        entered.set()
        return go_on.wait(TIMEOUT_S)

    full = Mailbox("full", MailboxRules(capacity=1, overflow=keep), clock=clock)
    tell(full, 1)
    lease = Lease(mailbox, clock=clock)
    actor = threading.Thread(target=lambda: Address(full).tell_under(lease, 2), daemon=True)
    actor.start()
    assert entered.wait(TIMEOUT_S)

    mailbox.fence("hung")

    assert not lease.is_valid
    go_on.set()
    actor.join(TIMEOUT_S)


def test_room_that_was_made_while_nobody_kept_the_message_is_used(clock):
    taken: list[object] = []

    def refuse_but_make_room(_message: object) -> bool:
        taken.append(take(lease))
        return False

    rules = MailboxRules(capacity=1, overflow=refuse_but_make_room)
    mailbox = Mailbox("c", rules, clock=clock)
    lease = Lease(mailbox, clock=clock)

    tell(mailbox, 1, 2)

    assert (taken, waiting(mailbox), mailbox.losses.dropped) == ([1], [2], 0)


def test_a_reader_that_made_room_and_waits_gets_the_message_that_was_offered_elsewhere(clock):
    taken: list[object] = []

    def refuse_when_the_reader_waits(_message: object) -> bool:
        reader.start()
        wait_for_a_waiter(mailbox)
        return False

    mailbox = Mailbox(
        "c", MailboxRules(capacity=1, overflow=refuse_when_the_reader_waits), clock=clock
    )
    lease = Lease(mailbox, clock=clock)
    reader = threading.Thread(target=lambda: taken.extend((take(lease), take(lease))), daemon=True)

    tell(mailbox, 1, 2)

    reader.join(TIMEOUT_S)
    assert taken == [1, 2]


def test_the_newest_of_each_key_is_kept_when_nobody_keeps_the_rest(clock):
    rules = MailboxRules(capacity=3, overflow=lambda _: False, supersede=initial)
    mailbox = Mailbox("c", rules, clock=clock)

    tell(mailbox, "a1", "a2", "a3", "a4", "b1", "b2", "c1")

    assert waiting(mailbox) == ["a4", "b2", "c1"]
    assert mailbox.losses.dropped == 4


def test_when_every_waiting_message_is_the_newest_of_its_key_the_new_one_is_dropped(clock):
    mailbox = Mailbox("c", MailboxRules(capacity=2, supersede=initial), clock=clock)

    tell(mailbox, "a1", "b1", "c1")

    assert waiting(mailbox) == ["a1", "b1"]
    assert mailbox.losses.dropped == 1


def broken(message: object) -> str:
    raise AttributeError(message)


@pytest.mark.parametrize(
    "rules",
    [MailboxRules(capacity=2, collapse=broken), MailboxRules(capacity=2, supersede=broken)],
)
def test_a_rule_that_raises_is_logged_and_never_raises_in_the_sender(clock, logged, rules):
    mailbox = Mailbox("c", rules, clock=clock)

    tell(mailbox, 1, 2, 3)

    assert waiting(mailbox) == [1, 2]
    assert logged.of("mailbox.rule_failed")


@pytest.mark.parametrize("fields", [{"capacity": 0}, {"max_deliveries": 0}])
def test_rules_that_keep_nothing_are_refused(fields):
    with pytest.raises(ValueError, match="at least 1"):
        MailboxRules(**fields)


# --- questions -------------------------------------------------------------------------------


def ask(mailbox: Mailbox, message: object) -> pykka.ThreadingFuture[object]:
    reply: pykka.ThreadingFuture[object] = pykka.ThreadingFuture()
    mailbox.put(Envelope(message, reply_to=reply))
    return reply


def test_whoever_asks_a_full_mailbox_is_told_so_and_the_question_not_kept_elsewhere(clock):
    mailbox = Mailbox("c", MailboxRules(capacity=1, overflow=lambda _: True), clock=clock)
    tell(mailbox, 1)

    reply = ask(mailbox, "?")

    with pytest.raises(MailboxFullError, match="c is full"):
        reply.get(timeout=0)


def test_whoever_asked_an_incarnation_that_ends_is_told_and_the_question_not_repeated(
    mailbox, clock
):
    reply = ask(mailbox, "?")
    take(Lease(mailbox, clock=clock))

    mailbox.fence("hung")

    with pytest.raises(SupervisionError, match="hung"):
        reply.get(timeout=0)
    assert len(mailbox) == 0


def test_a_question_answered_by_a_stranger_harms_nobody(mailbox, clock, logged):
    reply = ask(mailbox, "?")
    take(Lease(mailbox, clock=clock))
    reply.set("mine")

    mailbox.fence("queue.Full")

    assert reply.get(timeout=0) == "mine"
    assert logged.of("mailbox.answered_twice")


def test_a_question_is_never_collapsed(clock):
    mailbox = Mailbox("c", MailboxRules(collapse=lambda _: "same"), clock=clock)
    ask(mailbox, "?")
    ask(mailbox, "?")
    tell(mailbox, "a", "b")

    assert waiting(mailbox) == ["?", "?", "b"]


def test_an_ask_without_an_answer_times_out(mailbox):
    with pytest.raises(TimeoutError, match="c did not answer"):
        Address(mailbox).ask("?", timeout_s=0.01)


# --- the end ---------------------------------------------------------------------------------


def test_closing_counts_what_was_left_the_message_in_hand_included(mailbox, clock):
    tell(mailbox, 1, 2, 3)
    take(Lease(mailbox, clock=clock))
    reply = ask(mailbox, "?")

    left = mailbox.close()

    assert left == 3
    with pytest.raises(SupervisionError, match="stopped"):
        reply.get(timeout=0)


def test_a_closed_mailbox_refuses_everybody(mailbox, clock, logged):
    lease = Lease(mailbox, clock=clock)
    mailbox.close()

    tell(mailbox, 1)
    late = Lease(mailbox, clock=clock)

    assert is_stop(take(lease))
    assert is_stop(take(late))
    assert mailbox.holder == NOBODY
    assert mailbox.losses.dropped == 1
    with pytest.raises(SupervisionError, match="has stopped"):
        ask(mailbox, "?").get(timeout=0)


def test_an_address_says_whose_it_is(mailbox):
    assert repr(Address(mailbox)) == "Address('c')"
