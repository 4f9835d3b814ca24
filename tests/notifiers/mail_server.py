"""A mail server on loopback that keeps what it takes, and refuses what a test wants it to."""

import base64
import socketserver
import ssl
import threading


class MailServer:
    """Takes mails; a context manager.

    Args:
        context: Offers STARTTLS with it; with `implicit`, speaks TLS from the start.
        implicit: See above.
        login: User and password that it wants; `None`: nobody logs in.
        replies: By command (`MAIL`, `RCPT bad@example.com`, `DATA`), another reply than the usual.
    """

    def __init__(self, context=None, *, implicit=False, login=None, replies=None):
        self.mails = []
        self.commands = []
        self.context = context
        self.implicit = implicit
        self.login = login
        self.replies = replies or {}
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                _Session(outer, self.request).run()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.block_on_close = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self):
        return self._server.server_address[1]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Session:
    def __init__(self, server, connection):
        self._server = server
        self._connection = connection
        self._secure = False
        self._authenticated = server.login is None
        self._recipients = []

    def run(self):
        try:
            if self._server.implicit:
                self._wrap()
            self._file = self._connection.makefile("rb")
            self._reply("220 mail.example.com")
            while line := self._file.readline():
                if not self._obey(line.decode().rstrip("\r\n")):
                    return
        except (OSError, ssl.SSLError):
            pass  # the client went away, or does not believe the certificate
        finally:
            self._connection.close()

    def _wrap(self):
        self._connection = self._server.context.wrap_socket(self._connection, server_side=True)
        self._secure = True

    def _reply(self, text):
        self._connection.sendall(f"{text}\r\n".encode())

    def _obey(self, line):
        """Answer a command; tell whether the conversation goes on."""
        self._server.commands.append(line)
        word, _, rest = line.partition(" ")
        word = word.upper()
        address = rest.partition("<")[2].partition(">")[0]
        replies = self._server.replies
        refusal = replies.get(word) or replies.get(f"{word} {address}")
        if refusal is None and word in {"MAIL", "RCPT"} and not self._authenticated:
            refusal = "530 log in first"
        if refusal is not None:
            self._reply(refusal)
        elif word == "RCPT":
            self._recipients.append(address)
            self._reply("250 ok")
        else:
            act = getattr(self, f"_{word.lower()}", lambda _rest: self._reply("250 ok"))
            act(rest)
        return word != "QUIT"

    def _ehlo(self, _name):
        offers = ["mail.example.com"]
        if self._server.context and not self._secure:
            offers.append("STARTTLS")
        if self._server.login:
            offers.append("AUTH PLAIN")
        for offer in offers[:-1]:
            self._reply(f"250-{offer}")
        self._reply(f"250 {offers[-1]}")

    def _starttls(self, _rest):
        self._reply("220 go ahead")
        self._wrap()
        self._file = self._connection.makefile("rb")

    def _auth(self, rest):
        given = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")[1:]
        self._authenticated = given == list(self._server.login)
        self._reply("235 welcome" if self._authenticated else f"535 no such login: {given}")

    def _data(self, _rest):
        self._reply("354 go on")
        lines = []
        while (body := self._file.readline()) not in {b".\r\n", b""}:
            lines.append(body)
        self._server.mails.append((tuple(self._recipients), b"".join(lines)))
        self._recipients = []
        self._reply(self._server.replies.get("END", "250 queued"))

    def _quit(self, _rest):
        self._reply("221 bye")
