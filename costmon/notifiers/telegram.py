"""Telegram: a message to a chat, by a bot.

Source: https://core.telegram.org/bots/api#sendmessage
Needs: a bot's token (from @BotFather) and the id of a chat that the bot may write to.
"""

import json

from costmon.alerts.alert import Alert
from costmon.errors import NotifyError
from costmon.sender import Answer, Sender, SendError

API_URL = "https://api.telegram.org"
_LONGEST = 4096
_SIGNS = {"info": "\N{WHITE HEAVY CHECK MARK}", "warning": "\N{WARNING SIGN}"}
_LOUD = "\N{POLICE CARS REVOLVING LIGHT}"
_FINAL = frozenset({400, 401, 403, 404})


class TelegramChannel:
    """Sends each alert as one plain text message."""

    name = "telegram"

    def __init__(self, token: str, chat_id: str, sender: Sender, api_url: str = API_URL) -> None:
        self._url = f"{api_url.rstrip('/')}/bot{token}/sendMessage"
        self._chat_id = chat_id
        self._sender = sender

    def send(self, alert: Alert) -> None:
        """Send the alert.

        Raises:
            NotifyError: Telegram did not take it. It knows no idempotency key: an answer that was
                lost on the way means that the message arrives twice.
        """
        text = f"{_SIGNS.get(alert.severity, _LOUD)} {alert.text}"
        # Without parse_mode the text is not interpreted: a resource's name cannot inject a link.
        message = {"chat_id": self._chat_id, "text": _cut(text), "disable_web_page_preview": True}
        try:
            answer = self._sender.post(
                self._url, json.dumps(message).encode(), {"Content-Type": "application/json"}
            )
        except SendError as error:
            raise NotifyError(self.name, str(error)) from None
        if answer.status != 200:  # noqa: PLR2004 - HTTP
            raise self._refused(answer)

    def _refused(self, answer: Answer) -> NotifyError:
        said, wait_s = _said(answer.body)
        hint = {
            401: "; check TELEGRAM_BOT_TOKEN",
            404: "; check TELEGRAM_BOT_TOKEN",
            400: "; check TELEGRAM_CHANNEL_ID",
            403: "; add the bot to the chat, or unblock it",
        }.get(answer.status, "")
        return NotifyError(
            self.name,
            f"Telegram answered {answer.status} ({said}){hint}",
            retry_after_s=wait_s,
            is_final=answer.status in _FINAL,
        )


def _said(body: bytes) -> tuple[str, float | None]:
    """Return Telegram's own words, and for how long it wants to be left alone."""
    try:
        answer = json.loads(body)
        wait = (answer.get("parameters") or {}).get("retry_after")
        said = str(answer.get("description", "no reason given"))[:200]
    except (ValueError, AttributeError):
        return "no reason given", None
    return said, float(wait) if isinstance(wait, int | float) and wait >= 0 else None


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
