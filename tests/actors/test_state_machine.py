"""Drive a supervisor, its mailboxes and its children's incarnations through anything at all.

No threads and no real time: Hypothesis chooses who does what next. An incarnation may be built,
open, take a message, act, hang, crash, be replaced and come back as a zombie; senders tell, an
operator restarts, time passes, the service stops, each at any point.
"""

import dataclasses
import itertools
from collections import Counter, defaultdict
from typing import Any

import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pykka.messages import _ActorStop

from costmon.actors.backlog import MailboxRules
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.child import ChildSpec
from costmon.actors.restarts import RestartPolicy
from costmon.errors import FencedError
from costmon.messages import ChildExited, ChildSetAside, ChildStarted, RestartChild, Shutdown
from tests.actors.parts import Mute, waiting
from tests.actors.stage import Stage

NAMES = ["persister", "calculator", "poller.a", "poller.b"]
SENDERS = ["api", "console"]
POLICY = RestartPolicy(max_restarts=3, period_s=60.0, min_backoff_s=1.0, max_backoff_s=8.0)
SERVED = {"starting", "running", "restarting", "draining"}
OVER = {"stopped", "failed"}


@dataclasses.dataclass(eq=False)
class Life:
    """One incarnation, from its launch to the end of its thread."""

    actor: SupervisedActor[object]
    is_open: bool = False
    in_hand: Any = None

    @property
    def mailbox(self):
        return self.actor._lease._mailbox

    @property
    def is_valid(self) -> bool:
        return self.actor._lease.is_valid


class Puppet(Mute):
    """Moved by the machine."""


class Supervision(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        structlog.configure(processors=[drop], cache_logger_on_first_use=False)
        self.refuse_to_build: set[str] = set()
        self.sent: dict[str, list[Any]] = defaultdict(list)
        self.deliveries: dict[str, Counter[Any]] = defaultdict(Counter)
        self.first_taken: dict[str, list[Any]] = defaultdict(list)
        self.acknowledged: dict[str, list[Any]] = defaultdict(list)
        self.published: dict[str, list[int]] = defaultdict(list)
        self.lives: dict[str, list[Life]] = {name: [] for name in NAMES}
        self.stage = Stage(
            [
                ChildSpec(
                    name=name,
                    build=self.build,
                    core=not name.startswith("poller"),
                    hang_after_s=30.0,
                    stop_timeout_s=20.0,
                    policy=POLICY,
                    mailbox=MailboxRules(max_deliveries=3),
                )
                for name in NAMES
            ],
            notices="calculator",
        )
        self.meet_the_newborn()

    def build(self, incarnation: Incarnation) -> Puppet:
        if incarnation.name in self.refuse_to_build:
            self.refuse_to_build.discard(incarnation.name)
            raise SystemExit(3)
        return Puppet(incarnation)

    def meet_the_newborn(self) -> None:
        for name, actors in self.stage.actors.items():
            for actor in actors[len(self.lives[name]) :]:
                self.lives[name].append(Life(actor))

    def alive(self, name: str) -> list[Life]:
        return [life for life in self.lives[name] if life.actor.thread is None]

    def settle(self) -> None:
        self.stage.settle()
        self.meet_the_newborn()

    def pick(self, name: str, which: int) -> Life | None:
        """One of the incarnations whose thread still runs: mostly the newest, at times a zombie."""
        alive = self.alive(name)
        return alive[-1 - min(which, len(alive) - 1)] if alive else None

    def end(self, life: Life, error: str | None) -> None:
        life.actor.thread = Ended()  # type: ignore[assignment]  # all that has_vanished asks for
        self.stage.heard.append(
            ChildExited(name=life.actor.name, generation=life.actor.generation, error=error)
        )
        self.settle()

    # --- what may happen ---------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), sender=st.sampled_from(SENDERS))
    def put(self, name: str, sender: str) -> None:
        message = (sender, len(self.sent[name]))
        self.sent[name].append(message)
        self.stage.addresses[name].tell(message)

    @rule(name=st.sampled_from(NAMES), which=st.integers(0, 2))
    def open_up(self, name: str, which: int) -> None:
        life = self.pick(name, which)
        if life is not None and not life.is_open:
            life.is_open = True
            self.stage.heard.append(ChildStarted(name=name, generation=life.actor.generation))
            self.settle()

    @rule(name=st.sampled_from(NAMES), which=st.sampled_from([0, 0, 0, 1, 2]))
    def take(self, name: str, which: int) -> None:
        """Go for the next message, which acknowledges the one in hand."""
        life = self.pick(name, which)
        if life is None or not life.is_open:
            return
        box = life.mailbox
        if life.is_valid and life.in_hand is not None:
            self.acknowledged[name].append(life.in_hand)
        life.in_hand = None
        would_wait = (
            life.is_valid and not waiting(box) and not (box._is_leaving or box._is_draining)
        )
        if would_wait:
            box._in_hand = box._busy_since_s = None
            return
        message = life.actor.actor_inbox.get().message
        if isinstance(message, _ActorStop):
            self.end(life, None)
            return
        assert life.is_valid, "a replaced incarnation was given a message"
        assert message not in self.acknowledged[name], "handled again after it was acknowledged"
        if isinstance(message, tuple) and message not in self.deliveries[name]:
            self.first_taken[name].append(message)
        self.deliveries[name][message] += 1
        life.in_hand = message

    @rule(name=st.sampled_from(NAMES))
    def work(self, name: str) -> None:
        """Let the present incarnation get on with whatever there is for it to do."""
        self.open_up(name, 0)
        for _ in range(10):
            self.take(name, 0)

    @rule(name=st.sampled_from(NAMES), which=st.integers(0, 2))
    def act(self, name: str, which: int) -> None:
        """Publish, tell and beat: only the present incarnation may."""
        life = self.pick(name, which)
        if life is None:
            return
        try:
            life.actor.fenced(lambda: self.published[name].append(life.actor.generation))
            life.actor.beat()
        except FencedError:
            assert not life.is_valid
            self.end(life, "FencedError()")
        else:
            assert life.is_valid

    @rule(name=st.sampled_from(NAMES), which=st.sampled_from([0, 0, 1]))
    def crash(self, name: str, which: int) -> None:
        life = self.pick(name, which)
        if life is None:
            return
        self.end(life, "ValueError('x')")

    @rule(name=st.sampled_from(NAMES))
    def break_the_constructor(self, name: str) -> None:
        self.refuse_to_build.add(name)

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        """All who are busy and do not beat hang, if it takes long enough."""
        self.stage.advance(seconds)
        self.meet_the_newborn()

    @rule()
    def a_quarter_of_an_hour_passes(self) -> None:
        self.stage.advance(POLICY.cool_off_s, step_s=300.0)
        self.meet_the_newborn()

    @rule(wanted=st.sampled_from([*NAMES, "poller", "nobody"]))
    def restart_child(self, wanted: str) -> None:
        stopping = self.stage.supervisor._to_stop is not None
        answer = self.stage.tell(RestartChild(name=wanted))
        self.meet_the_newborn()
        matching = [name for name in NAMES if wanted in (name, name.partition(".")[0])]
        assert list(answer.restarted) == ([] if stopping else matching)

    @rule()
    @precondition(lambda self: len(self.stage.starts) > 6)
    def stop(self) -> None:
        self.stage.tell(Shutdown())
        self.meet_the_newborn()

    # --- what must always hold ---------------------------------------------------------------

    @invariant()
    def at_most_one_incarnation_holds_a_name(self) -> None:
        for name in NAMES:
            assert sum(life.is_valid for life in self.lives[name]) <= 1

    @invariant()
    def no_message_is_lost_or_doubled(self) -> None:
        for name in NAMES:
            box = self.stage.mailboxes[name]
            in_hand = [] if box._in_hand is None else [box._in_hand.envelope.message]
            dead = [letter.message for letter in box.losses.dead_letters]
            assert box.losses.dead <= 10, "letters would be forgotten"
            accounted = Counter(self.acknowledged[name] + waiting(box) + in_hand + dead)
            for notice in [m for m in accounted if isinstance(m, ChildSetAside)]:
                del accounted[notice]
            assert accounted == Counter(self.sent[name])

    @invariant()
    def nothing_is_delivered_too_often(self) -> None:
        for name in NAMES:
            assert max(self.deliveries[name].values(), default=0) <= 3
            for letter in self.stage.mailboxes[name].losses.dead_letters:
                assert letter.deliveries == 3

    @invariant()
    def what_a_sender_told_keeps_its_order(self) -> None:
        for name in NAMES:
            for sender in SENDERS:
                taken = [m for m in self.first_taken[name] if m[0] == sender]
                assert taken == sorted(taken)

    @invariant()
    def what_is_published_never_goes_back(self) -> None:
        for generations in self.published.values():
            assert generations == sorted(generations)

    @invariant()
    def a_child_is_served_exactly_when_its_state_says_so(self) -> None:
        for name, child in self.stage.children.items():
            served = any(life.is_valid for life in self.lives[name])
            assert served == (child.state in SERVED), (name, child.state)

    @invariant()
    def a_child_that_is_down_will_be_started_by_a_timer(self) -> None:
        for name, child in self.stage.children.items():
            if child.state in {"waiting", "set_aside"}:
                assert f"start:{name}" in self.stage.timers

    @invariant()
    def children_stop_in_reverse_order(self) -> None:
        children = list(self.stage.children.values())
        for child, later in itertools.combinations(children, 2):
            if child.is_told_to_drain and child.role != later.role:
                assert later.state in OVER, (child.name, later.name, later.state)

    @invariant()
    def no_child_is_restarted_more_often_than_its_policy_allows(self) -> None:
        for child in self.stage.children.values():
            recent = child.history.crashes_s
            limit = POLICY.max_restarts + (child.state == "failed")
            assert len(recent) <= limit, (child.name, child.state, recent)

    @invariant()
    def only_a_core_child_or_the_end_makes_a_child_fail(self) -> None:
        if self.stage.supervisor._to_stop is None:
            states = {child.state for child in self.stage.children.values()}
            assert "failed" not in states
            assert self.stage.supervisor.exit_code == 0

    @invariant()
    def the_board_shows_what_is(self) -> None:
        shown = {row.name: row.state for row in self.stage.statuses.read()}
        assert shown == {name: child.state for name, child in self.stage.children.items()}

    def teardown(self) -> None:
        """From anywhere: told to stop, and with time passing, it comes to its end."""
        self.stage.tell(Shutdown())
        self.stage.advance(20.0 * (len(NAMES) + 1))
        assert {child.state for child in self.stage.children.values()} <= OVER
        assert isinstance(self.stage.lease.get().message, _ActorStop)
        structlog.reset_defaults()


class Ended:
    """A thread that has ended."""

    def is_alive(self) -> bool:
        return False


def drop(*_: object) -> Any:
    raise structlog.DropEvent


Supervision.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestSupervision = Supervision.TestCase
