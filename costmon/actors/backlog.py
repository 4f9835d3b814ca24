"""Keep the messages of an actor, in order and within bounds."""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import pykka
import structlog
from pykka._envelope import Envelope

log = structlog.get_logger()

Rule = Callable[[object], Hashable | None]
Entry = tuple[Envelope[Any], Hashable | None, Hashable | None]
"""An envelope, the key it collapses by and the key it supersedes by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxRules:
    """How a mailbox stays bounded.

    A question that somebody waits for (`Address.ask`) is exempt from all rules but the capacity.

    Attributes:
        capacity: Messages that may wait.
        collapse: Names a message's kind: of each key at most one waits, the newest. `None`, or an
            answer of `None`: not collapsed.
        overflow: Offered the message first when the mailbox is full; `True` means that it is kept
            elsewhere. Runs in the sender's thread.
        supersede: Names whose news a message is: when the mailbox is full and nobody keeps the
            message elsewhere, the newest of each key is kept and an older one is dropped. `None`,
            or an answer of `None`: the new message is dropped.
        max_deliveries: How often a message is delivered before it is a dead letter.
    """

    capacity: int = 1_000
    collapse: Rule | None = None
    overflow: Callable[[object], bool] | None = None
    supersede: Rule | None = None
    max_deliveries: int = 3

    def __post_init__(self) -> None:
        if self.capacity < 1 or self.max_deliveries < 1:
            msg = f"capacity={self.capacity}, max_deliveries={self.max_deliveries}: at least 1 each"
            raise ValueError(msg)


class Backlog:
    """The messages that wait in one mailbox.

    The mailbox's lock protects it, except that the rules run without: they are foreign code.
    """

    def __init__(self, name: str, rules: MailboxRules) -> None:
        self._name = name
        self._rules = rules
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    # --- without the lock --------------------------------------------------------------------

    def entry(self, envelope: Envelope[Any]) -> Entry:
        """Work out the keys of a message."""
        collapse, supersede = self._rules.collapse, self._rules.supersede
        return (
            envelope,
            None if collapse is None else self._key(collapse, envelope),
            None if supersede is None else self._key(supersede, envelope),
        )

    def is_kept_elsewhere(self, envelope: Envelope[Any]) -> bool:
        """Offer a message that does not fit to the overflow handler."""
        if self._rules.overflow is None or envelope.reply_to is not None:
            return False
        try:
            return self._rules.overflow(envelope.message)
        except Exception:  # the keeper's fault must not raise in the sender
            log.exception("mailbox.overflow_failed", actor=self._name, kind=kind_of(envelope))
            return False

    # --- under the lock ----------------------------------------------------------------------

    def add(self, entry: Entry) -> bool:
        """Append if there is room, after taking out an older message of the same kind."""
        collapse_key = entry[1]
        if collapse_key is not None:
            self._collapse(collapse_key)
        if len(self._entries) >= self._rules.capacity:
            return False
        self._entries.append(entry)
        return True

    def squeeze_in(self, entry: Entry) -> Envelope[Any] | None:
        """Append, at the cost of an older message if need be; return what was dropped."""
        if self.add(entry):
            return None
        victim = self._superseded_by(entry[2])
        if victim is None:
            return entry[0]
        self._entries.remove(victim)
        self._entries.append(entry)
        return victim[0]

    def take(self) -> Envelope[Any] | None:
        """Remove and return the message that has waited longest."""
        return self._entries.popleft()[0] if self._entries else None

    def replies_awaited(self) -> tuple[pykka.Future[Any], ...]:
        """Return where somebody waits for an answer."""
        replies = (envelope.reply_to for envelope, _, _ in self._entries)
        return tuple(reply for reply in replies if reply is not None)

    # --- inside ------------------------------------------------------------------------------

    def _key(self, rule: Rule, envelope: Envelope[Any]) -> Hashable | None:
        if envelope.reply_to is not None:
            return None
        try:
            return rule(envelope.message)
        except Exception:  # a rule's fault must not raise in the sender
            log.exception("mailbox.rule_failed", actor=self._name, kind=kind_of(envelope))
            return None

    def _collapse(self, key: Hashable) -> None:
        # The newest takes its place at the end: in the older one's place it would overtake what
        # the same sender told in between.
        for queued in self._entries:
            if queued[1] == key:
                self._entries.remove(queued)
                return

    def _superseded_by(self, key: Hashable | None) -> Entry | None:
        """Find the oldest message of this key, else the oldest that has a newer one of its key."""
        if key is None:
            return None
        newest: dict[Hashable, Entry] = {}
        for queued in self._entries:
            if queued[2] == key:
                return queued
            if queued[2] is not None:
                newest[queued[2]] = queued
        for queued in self._entries:
            if queued[2] is not None and newest[queued[2]] is not queued:
                return queued
        return None


def kind_of(envelope: Envelope[Any]) -> str:
    """Name the type of the message inside."""
    return type(envelope.message).__name__
