"""Pass commands to the actor that keeps budgets and circuits, and confirm their receipt."""

from typing import TypeVar

import flask
import msgspec
import structlog
from werkzeug.exceptions import BadRequest, ServiceUnavailable

from costmon.api.context import ApiContext
from costmon.api.middleware import AUTHOR
from costmon.api.replies import json_reply
from costmon.api.schemas.guards import CommandAccepted, CommandAnswer
from costmon.domain.policy import Policy
from costmon.errors import MailboxFullError
from costmon.intake.answer import RETRY_AFTER_S, Answer
from costmon.messages import AlertDecision, GuardCommand, GuardReported

Body = TypeVar("Body", bound=Answer)

_log = structlog.get_logger("costmon.api")


def author() -> str:
    """Return who was authenticated, whatever the request claims; the empty text for nobody."""
    return str(flask.request.environ.get(AUTHOR, ""))


def tell(context: ApiContext, message: GuardReported | GuardCommand | AlertDecision) -> None:
    """Tell the policy actor, or the alerter; do not wait for the result.

    Raises:
        SnapshotClosedError: The service is stopping: accepting would be a lie.
        ServiceUnavailable: Too much waits already.
    """
    context.snapshot.read()
    try:
        if isinstance(message, AlertDecision):
            context.tell_alerter(message)
        else:
            context.tell_policy(message)
    except MailboxFullError as error:
        _log.warning("api.command_refused", error=str(error))
        raise ServiceUnavailable(f"{error}; try again later.", retry_after=RETRY_AFTER_S) from None


def order(context: ApiContext, command: GuardCommand | AlertDecision) -> None:
    """Tell the actor concerned what somebody decided, and leave a trace of it.

    Raises:
        SnapshotClosedError, ServiceUnavailable: See `tell`.
    """
    tell(context, command)
    _log.info("api.command_accepted", command=type(command).__name__, id=command.id)


def accepted(command: GuardCommand | AlertDecision) -> flask.Response:
    """Return the response to a command's sender."""
    data = CommandAccepted(id=command.id, status="accepted")
    return json_reply(CommandAnswer(data=data), 202)


def known_policy(context: ApiContext) -> Policy:
    """Return what guards enforce.

    Raises:
        SnapshotClosedError: The service is stopping.
        ServiceUnavailable: It is not known yet.
    """
    context.snapshot.read()
    policy = context.policy.read()
    if policy is None:
        raise ServiceUnavailable(
            "Budgets and circuits are not known yet: the database has not been read since the "
            "service started; see /readyz.",
            retry_after=RETRY_AFTER_S,
        )
    return policy


def body_of(kind: type[Body]) -> Body:
    """Return the JSON body of the request.

    Raises:
        BadRequest: It is not what is accepted; the text names the path.
    """
    try:
        return msgspec.json.decode(flask.request.get_data(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The request body is not valid: {error}") from None
