"""Tell destinations that the user has configured: one bounded POST, or one mail."""

from costmon.sender.http import Answer, HttpSender, Sender, SendError
from costmon.sender.smtp import MailError, MailSender, SmtpServer

__all__ = [
    "Answer",
    "HttpSender",
    "MailError",
    "MailSender",
    "SendError",
    "Sender",
    "SmtpServer",
]
