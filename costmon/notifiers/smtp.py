"""Mail: each alert to some addresses, by a mail server.

Needs: a server that takes mails for these addresses, usually with a user and a password.
"""

import hashlib
from email.message import EmailMessage
from email.utils import format_datetime

import structlog

from costmon.alerts.alert import Alert
from costmon.errors import NotifyError
from costmon.sender import MailError, MailSender

_LONGEST_SUBJECT = 150


class SmtpChannel:
    """Sends each alert as one plain text mail.

    The `Message-ID` is made of the alert's id: servers and mail programs that see one twice keep
    one.

    Args:
        name: What logs, metrics and `costmon notify test` call it.
        sender: The mail server.
        from_address: Who writes.
        to_addresses: Who is written to.
    """

    def __init__(
        self, name: str, sender: MailSender, from_address: str, to_addresses: tuple[str, ...]
    ) -> None:
        self._name = name
        self._sender = sender
        self._from = from_address
        self._to = to_addresses
        self._log = structlog.get_logger()

    @property
    def name(self) -> str:
        """Return what logs, metrics and `costmon notify test` call it."""
        return self._name

    def send(self, alert: Alert) -> None:
        """Send the alert.

        Raises:
            NotifyError: The server did not take the mail for anybody.
        """
        try:
            refused = self._sender.send(self._mail(alert))
        except MailError as error:
            raise NotifyError(self.name, str(error), is_final=error.is_final) from None
        if refused:
            # Others have got it: sending it again would be a repeat for them.
            self._log.error(
                "notifiers.recipients_refused",
                channel=self.name,
                alert_id=alert.id,
                recipients=sorted(refused),
                codes=sorted(set(refused.values())),
            )

    def _mail(self, alert: Alert) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = _line(f"[costmon] {_state(alert)}: {alert.title}")
        mail["From"] = self._from
        mail["To"] = ", ".join(self._to)
        mail["Date"] = format_datetime(alert.raised_at)
        domain = self._from.rpartition("@")[2]
        mail["Message-ID"] = f"<{_digest(alert.id)}@{domain}>"
        # Mails about the same condition are one conversation.
        mail["References"] = f"<{_digest(alert.condition)}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(_clean(f"{alert.text}\n\nOpen since {format_datetime(alert.since)}\n"))
        return mail


def _state(alert: Alert) -> str:
    return "resolved" if alert.state == "resolved" else alert.severity


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _line(text: str) -> str:
    """Return one line: a name with a line break must not become a header of its own."""
    line = "".join(c if c.isprintable() else " " for c in _clean(text))
    return " ".join(line.split())[:_LONGEST_SUBJECT]


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
