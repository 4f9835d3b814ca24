"""Hand one mail to a mail server: bounded in time, encrypted where the settings say so."""

import smtplib
import socket
import ssl
from email.message import EmailMessage
from typing import Literal, NamedTuple

_TIMEOUT_S = 10.0
_PERMANENT = 500
_LONGEST_SAID = 200


class SmtpServer(NamedTuple):
    """Where mails are handed in.

    Attributes:
        host: The server's name or address.
        port: Its port.
        security: `starttls`: encrypted once connected; `tls`: from the start; `none`: in clear.
        user: Who logs in; `None`: nobody.
        password: The user's password.
    """

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str | None
    password: str | None


class MailError(Exception):
    """The server did not take the mail; the text names the host and the cause, and no secret.

    Attributes:
        is_final: Whether it would refuse the same mail again.
    """

    def __init__(self, text: str, *, is_final: bool) -> None:
        self.is_final = is_final
        super().__init__(text)


class MailSender:
    """Hands mails in, one connection each.

    Args:
        server: Where.
        context: The trusted certificates; `None`: those of this machine.
    """

    def __init__(self, server: SmtpServer, context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._context = context

    def send(self, message: EmailMessage) -> dict[str, int]:
        """Hand in a mail.

        Returns:
            The recipients that the server refused while it took the mail for others, with its
            reply codes; usually none.

        Raises:
            MailError: The mail was not taken for anybody.
        """
        try:
            with self._connect() as connection:
                refused = connection.send_message(message)
                return {address: code for address, (code, _) in refused.items()}
        except smtplib.SMTPAuthenticationError as error:
            # What the server says here may repeat what it was given.
            problem = f"the login was refused ({error.smtp_code}); check user and password"
            is_final = error.smtp_code >= _PERMANENT
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            problem = f"every recipient was refused ({', '.join(map(str, codes))})"
            is_final = min(codes, default=0) >= _PERMANENT
        except smtplib.SMTPResponseException as error:
            problem = f"refused with {error.smtp_code} ({self._said(error.smtp_error)})"
            is_final = error.smtp_code >= _PERMANENT
        except smtplib.SMTPNotSupportedError:
            what = "STARTTLS" if self._server.user is None else "STARTTLS or AUTH"
            problem, is_final = f"the server does not offer {what}", True
        except ssl.SSLCertVerificationError as error:
            problem, is_final = f"its certificate is not valid: {error.verify_message}", True
        except (smtplib.SMTPException, OSError, ValueError) as error:
            problem, is_final = f"not reachable ({type(error).__name__})", False
        # Raised out here: the library's errors may hold what was sent.
        raise MailError(f"{self._server.host}:{self._server.port}: {problem}", is_final=is_final)

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        context = self._context or ssl.create_default_context()
        # Without a name smtplib asks DNS for its own, which may take a minute.
        own_name = socket.gethostname() or "localhost"
        connection: smtplib.SMTP
        if server.security == "tls":
            connection = smtplib.SMTP_SSL(
                server.host, server.port, own_name, timeout=_TIMEOUT_S, context=context
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, own_name, timeout=_TIMEOUT_S)
        try:
            if server.security == "starttls":
                connection.starttls(context=context)
            if server.user is not None:
                connection.login(server.user, server.password or "")
        except BaseException:
            connection.close()
            raise
        return connection

    def _said(self, reply: bytes | str) -> str:
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
        for secret in (self._server.password, self._server.user):
            if secret:
                text = text.replace(secret, "<SECRET>")
        return " ".join(text.split())[:_LONGEST_SAID]
