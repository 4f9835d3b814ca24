"""Keep what guards go by and what they report."""

from typing import assert_never

from costmon.actors.base import Incarnation, SupervisedActor
from costmon.domain.policy import Policy
from costmon.messages import (
    CloseCircuit,
    GuardReported,
    OpenCircuit,
    RemoveBudget,
    SetBudget,
    StewardMessage,
    Tick,
)
from costmon.snapshot.board import Board
from costmon.snapshot.cell import Cell, WatchedCell


class Steward(SupervisedActor[StewardMessage]):
    """Answers for budgets and circuits, and knows what guards have reported."""

    def __init__(
        self, incarnation: Incarnation, board: Cell[Board], policy: WatchedCell[Policy | None]
    ) -> None:
        super().__init__(incarnation)
        self._board = board
        self._policy = policy

    def handle(self, message: StewardMessage) -> None:
        """Fold a report, carry out a command, or try again."""
        match message:
            case GuardReported() | OpenCircuit() | CloseCircuit() | SetBudget() | RemoveBudget():
                self.log.info("steward.message_seen", kind=type(message).__name__)
            case Tick():
                pass
            case _:
                assert_never(message)
