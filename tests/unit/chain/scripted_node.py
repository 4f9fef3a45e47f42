"""A node on a real socket that answers as a test tells it to, or passes on to another node."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One HTTP answer. `cut` leaves out that many last bytes, `drip_seconds` pauses after every byte."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    delay_seconds: float = 0.0
    drip_seconds: float = 0.0

    def content(self) -> bytes:
        data = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return data[: len(data) - self.cut]


Script = Callable[[Any], Reply]
"""From the parsed request, one call or a batch, to the answer."""


@contextmanager
def scripted_node(script: Script) -> Iterator[str]:
    """The URL of a node that answers by the script, on a free port. An error of the script is raised at the
    end: to the client it is a broken connection, which it may well recover from."""
    errors: list[Exception] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            try:
                reply = script(json.loads(self.rfile.read(length)))
            except Exception as error:
                errors.append(error)
                raise
            time.sleep(reply.delay_seconds)
            content = reply.content()
            try:
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for start in range(0, len(content), 1 if reply.drip_seconds else len(content) or 1):
                    step = 1 if reply.drip_seconds else len(content)
                    self.wfile.write(content[start : start + step])
                    time.sleep(reply.drip_seconds)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/secret-key"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        if errors:
            raise errors[0]


def answer(request: Any, result: Callable[[str, list[Any]], Any]) -> Any:
    """The JSON-RPC answer to a call or a batch; `result` may give an error object as {"error": …}."""
    if isinstance(request, list):
        return [answer(one, result) for one in request]
    found = result(request["method"], request["params"])
    body = found if isinstance(found, dict) and "error" in found else {"result": found}
    return {"jsonrpc": "2.0", "id": request["id"], **body}


def forward(url: str, request: Any) -> Any:
    """What another node answers."""
    data = json.dumps(request).encode()
    http = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(http) as response:
        return json.loads(response.read())
