"""The HTTP client for telling: one bounded POST to a destination that the user has configured."""

from costmon.sender.http import Answer, HttpSender, Sender, SendError

__all__ = ["Answer", "HttpSender", "SendError", "Sender"]
