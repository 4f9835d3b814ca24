"""A simulated vendor on loopback, so that the examples cost nothing.

It answers `/v1/chat/completions` like OpenAI's API, uploads with an empty body, anything else with
a short JSON, and counts requests, to show that a refused call was never sent.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

MODEL = "gpt-4o"
QUESTION = {
    "model": MODEL,
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "Why is the sky blue?"}],
}
ANSWER = {
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "It scatters light."}}],
    "usage": {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500},
}
"""At the list price, 1,200 input and 300 output tokens cost $0.006."""


class PretendVendor:
    """Serves inside its `with` block.

    Attributes:
        asked: Number of requests received.
        url: Its base URL.
        chat: Its URL for OpenAI's client.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.chat = f"{self.url}/v1/chat/completions"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(vendor) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - there are two selves here
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                vendor.asked += 1
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                chat = self.path == "/v1/chat/completions"
                if chat and json.loads(body).get("stream"):
                    self._answer(_events(), "text/event-stream")
                elif self.command == "PUT":
                    self._answer(b"", "text/plain")
                else:
                    value = ANSWER if chat else {"ok": True}
                    self._answer(json.dumps(value).encode(), "application/json")

            do_GET = do_PUT = do_POST

            def _answer(self, content: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing."""

        return Handler


def _events() -> bytes:
    values: list[object] = [
        {"choices": [{"index": 0, "delta": {"content": word}}]} for word in ("It ", "scatters.")
    ]
    values.append({"choices": [], "usage": ANSWER["usage"]})
    lines = [f"data: {json.dumps(value)}\n\n" for value in values]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()
