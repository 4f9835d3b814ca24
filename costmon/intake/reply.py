"""Answers on the intake's socket: a status and a body, as in HTTP."""

from http import HTTPStatus

import msgspec

from costmon.intake.answer import encode_problem

_encode = msgspec.json.Encoder().encode


class _Reply(msgspec.Struct):
    status: int
    body: msgspec.Raw


def reply(status: HTTPStatus, body: bytes) -> bytes:
    """Return the content of the frame that brings a body, which is JSON."""
    return _encode(_Reply(status, msgspec.Raw(body)))


def refusal(status: HTTPStatus, message: str) -> bytes:
    """Return the content of the frame that says why something was not done, and what to do."""
    return reply(status, encode_problem(status.phrase.capitalize(), message))
