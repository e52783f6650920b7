"""A server on loopback that speaks OpenAI's API, and fails in the ways that are asked of it, one after the other."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-Never-0n-D1sk"
Body = dict[str, Any]


class ApiServer(ThreadingHTTPServer):
    """Answers by prompt and seed, so that a draw which is asked for again comes out the same.

    Attributes:
        faults: what is done to the next requests, before all others are answered well.
        asked: how often each body has come, as JSON.
        keys: what came as authorization.
        answer: makes the choice of a body.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults: list[str] = []
        self.asked: Counter[str] = Counter()
        self.keys: set[str | None] = set()
        self.answer: Callable[[Body], Body] = complete
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that were killed or have given up are no news."""


@contextmanager
def api_server(faults: Sequence[str] = ()) -> Iterator[ApiServer]:
    server = ApiServer()
    server.faults = list(faults)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def complete(body: Body) -> Body:
    """A choice with a text that depends on all that was asked."""
    word = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:8]
    if "messages" in body:
        said = f"```verilog\nmodule top_module(input a, output out);\n// {word}\nassign out = a;\nendmodule\n```"
        return {
            "message": {"role": "assistant", "content": said, "reasoning_content": "Wire it."},
            "finish_reason": "stop",
        }
    return {"text": f"\tassign out = a; // {word}\nendmodule\n", "finish_reason": "stop"}


def answer_of(body: Body, choices: list[Body]) -> Body:
    usage = {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}
    return {"model": body["model"], "system_fingerprint": "fp_1", "choices": choices, "usage": usage}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiServer

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked[json.dumps(body, sort_keys=True)] += 1
            self.server.keys.add(self.headers.get("Authorization"))
            fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault:
            getattr(self, f"_{fault}")(body)
        else:
            self._send(200, answer_of(body, [self.server.answer(body)]))

    def _send(self, status: int, content: Body | str, **headers: str) -> None:
        data = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def _busy(self, body: Body) -> None:
        self._send(429, {"error": {"message": "slow down", "code": 429}}, Retry_After="0.05")

    def _broken(self, body: Body) -> None:
        self._send(500, "<html>Internal error</html>")

    def _cut(self, body: Body) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"choices": [')
        self.close_connection = True

    def _no_choice(self, body: Body) -> None:
        self._send(200, answer_of(body, []))

    def _two_choices(self, body: Body) -> None:
        self._send(200, answer_of(body, [complete(body), complete(body)]))

    def _not_json(self, body: Body) -> None:
        self._send(200, '{"choices": [{"text": "half')

    def _endless(self, body: Body) -> None:
        self._send(200, answer_of(body, [{**complete(body), "finish_reason": None}]))

    def _slow_headers(self, body: Body) -> None:
        """Each byte comes in time, and the whole never does."""
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 100:
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)
        self.close_connection = True

    def _unauthorized(self, body: Body) -> None:
        self._send(401, {"error": {"message": f"Incorrect API key provided: {KEY}."}})

    def _for_an_hour(self, body: Body) -> None:
        self._send(429, {"error": "quota used up"}, Retry_After="7200")
