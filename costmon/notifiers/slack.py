"""Slack: a message to a channel, by an incoming webhook.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
Needs: the URL of an incoming webhook of the workspace; anybody who has it can write to the channel.
"""

import json

from costmon.alerts.alert import Alert
from costmon.errors import NotifyError
from costmon.notifiers.base import seconds_of
from costmon.sender import Answer, Sender, SendError

_LONGEST = 3_900
"""Slack cuts a text of more than 4,000 characters."""
_SIGNS = {"info": ":white_check_mark:", "warning": ":warning:", "critical": ":rotating_light:"}
_FINAL = frozenset({400, 403, 404, 410})
_LONGEST_SAID = 100
_OK = 200


class SlackChannel:
    """Posts each alert as one message.

    Args:
        name: What logs, metrics and `costmon notify test` call it.
        url: The webhook's; it is a secret.
        sender: The HTTP client.
    """

    def __init__(self, name: str, url: str, sender: Sender) -> None:
        self._name = name
        self._url = url
        self._sender = sender

    @property
    def name(self) -> str:
        """Return what logs, metrics and `costmon notify test` call it."""
        return self._name

    def send(self, alert: Alert) -> None:
        """Send the alert.

        Raises:
            NotifyError: Slack did not take it. It knows no idempotency key: an answer that was lost
                on the way means that the message arrives twice.
        """
        text = f"{_SIGNS[alert.severity]} *{_escaped(alert.title)}*\n{_escaped(alert.text)}"
        body = json.dumps({"text": text[:_LONGEST]}).encode()
        try:
            answer = self._sender.post(self._url, body, {"Content-Type": "application/json"})
        except SendError as error:
            raise NotifyError(self.name, str(error)) from None
        if answer.status != _OK:
            raise self._refused(answer)

    def _refused(self, answer: Answer) -> NotifyError:
        said = " ".join(answer.body.decode("utf-8", "replace").split())[:_LONGEST_SAID]
        hint = "; make a new incoming webhook" if answer.status in _FINAL - {400} else ""
        return NotifyError(
            self.name,
            f"Slack answered {answer.status} ({said or 'no reason given'}){hint}",
            retry_after_s=seconds_of(answer.retry_after),
            is_final=answer.status in _FINAL,
        )


def _escaped(text: str) -> str:
    """Return the text without what Slack takes for a link, a mention or a command."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
