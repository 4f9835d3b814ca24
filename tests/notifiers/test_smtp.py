"""Mail through a real SMTP conversation: encrypted, logged in, refused, and no secret anywhere."""

import email
import email.policy
import ssl
import subprocess

import pytest
from structlog.testing import capture_logs

from costmon.errors import NotifyError
from costmon.notifiers.smtp import SmtpChannel
from costmon.sender import MailSender, SmtpServer
from costmon.testing.alerts import alert
from tests.notifiers.mail_server import MailServer

LOGIN = ("costs", "planted-password")
TO = ("ann@example.com", "bob@example.com")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Return the files of a certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    command += ["-subj", "/CN=localhost", "-addext", names]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusting(certificate):
    return ssl.create_default_context(cafile=str(certificate[0]))


def channel(server, security="none", login=(None, None), context=None, to=TO):
    where = SmtpServer("127.0.0.1", server.port, security, *login)
    return SmtpChannel("mail", MailSender(where, context), "costmon@example.com", to)


def parsed(mail):
    return email.message_from_bytes(mail, policy=email.policy.default)


def refusal(server, **options):
    with pytest.raises(NotifyError) as caught:
        channel(server, **options).send(alert())
    assert "planted" not in f"{caught.value}{caught.value.__cause__}"
    assert caught.value.__suppress_context__
    return caught.value


def test_an_alert_is_a_mail_to_all_addresses():
    with MailServer() as server:
        channel(server).send(alert(text="Zu teuer: 150 €", severity="critical"))

    ((recipients, mail),) = server.mails
    read = parsed(mail)
    assert recipients == TO
    assert read["Subject"] == "[costmon] critical: Monthly run-rate above the threshold"
    assert (read["From"], read["To"]) == ("costmon@example.com", ", ".join(TO))
    assert read["Date"].datetime == alert().raised_at
    assert read["Auto-Submitted"] == "auto-generated"
    assert "Zu teuer: 150 €" in read.get_content()


def test_the_same_alert_has_the_same_message_id_and_another_one_another():
    with MailServer() as server:
        for alert_id in ("a", "a", "b"):
            channel(server).send(alert(alert_id))

    ids = [parsed(mail)["Message-ID"] for _, mail in server.mails]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@example.com>")


def test_an_end_is_called_resolved():
    with MailServer() as server:
        channel(server).send(alert(state="resolved", severity="info"))

    assert parsed(server.mails[0][1])["Subject"].startswith("[costmon] resolved: ")


def test_a_name_with_a_line_break_makes_no_header():
    with MailServer() as server:
        channel(server).send(alert(title="web-1\r\nBcc: eve@example.com\ud800"))

    read = parsed(server.mails[0][1])
    assert read["Bcc"] is None
    assert "web-1 Bcc: eve@example.com?" in read["Subject"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_and_login_travel_encrypted(tls, trusting, security):
    with MailServer(tls, implicit=security == "tls", login=LOGIN) as server:
        channel(server, security, LOGIN, trusting).send(alert())

    assert len(server.mails) == 1
    if security == "starttls":
        words = [command.partition(" ")[0].upper() for command in server.commands]
        assert words.index("STARTTLS") < words.index("AUTH")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_login(tls, security):
    with MailServer(tls, implicit=security == "tls", login=LOGIN) as server:
        error = refusal(server, security=security, login=LOGIN)

    assert "certificate is not valid" in str(error)
    assert error.is_final
    assert not any(command.startswith("AUTH") for command in server.commands)


def test_a_server_without_starttls_gets_no_password():
    with MailServer(login=LOGIN) as server:
        error = refusal(server, security="starttls", login=LOGIN)

    assert "does not offer STARTTLS" in str(error)
    assert not any(command.startswith("AUTH") for command in server.commands)


def test_a_refused_login_says_so_without_the_password(tls, trusting):
    with MailServer(tls, login=("costs", "another")) as server:
        error = refusal(server, security="starttls", login=LOGIN, context=trusting)

    assert "login was refused (535)" in str(error)
    assert error.is_final


@pytest.mark.parametrize(
    ("command", "reply", "final"),
    [
        ("MAIL", "451 try again later", False),
        ("MAIL", "550 sender not allowed", True),
        ("DATA", "452 mailbox full", False),
        ("END", "554 looks like spam", True),
        ("RCPT ann@example.com", "550 no such user", True),
        ("RCPT ann@example.com", "450 greylisted", False),
    ],
)
def test_a_refusal_says_the_code_and_whether_it_can_pass(command, reply, final):
    with MailServer(replies={command: reply}) as server:
        error = refusal(server, to=TO[:1])

    assert reply[:3] in str(error)
    assert error.is_final is final


def test_one_refused_recipient_is_logged_and_the_others_get_the_mail_once():
    replies = {"RCPT ann@example.com": "550 gone"}
    with MailServer(replies=replies) as server, capture_logs() as lines:
        channel(server).send(alert())

    assert [recipients for recipients, _ in server.mails] == [("bob@example.com",)]
    (line,) = lines
    assert (line["event"], line["recipients"]) == (
        "notifiers.recipients_refused",
        ["ann@example.com"],
    )


def test_a_server_that_is_not_there_is_tried_again():
    with MailServer() as server:
        pass

    error = refusal(server)

    assert "not reachable" in str(error)
    assert not error.is_final
