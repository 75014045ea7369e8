"""A stand-in for a paid language model: a real HTTP server on loopback that speaks OpenAI's shape."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Answer = Callable[[dict[str, Any]], "tuple[int, str]"]


def says(content: str, cost: float = 0.001) -> tuple[int, str]:
    """A usual answer with that content."""
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "cost": cost}
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return 200, json.dumps(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }
    )


def objections(*found: dict[str, Any]) -> tuple[int, str]:
    """An answer with these objections."""
    return says(json.dumps({"objections": list(found)}))


class StandInModel:
    """Answers each question as `answer` says; keeps the questions and the keys. A context manager."""

    def __init__(self, answer: Answer, delay: float = 0.0) -> None:
        self.answer = answer
        self.delay = delay
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append(document)
                outer.keys.append(self.headers.get("authorization", ""))
                outer.released.wait(outer.delay)
                status, body = outer.answer(document)
                # Who asked may have gone.
                with suppress(BrokenPipeError, ConnectionResetError):
                    if document.get("stream") and status == 200:
                        whole = json.loads(body)
                        self.stream(whole["choices"][0]["message"]["content"], whole["usage"])
                    else:
                        self.reply(status, body)

            def reply(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def stream(self, text: str, usage: dict[str, Any]) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
                for word in text.split(" "):
                    delta = {"index": 0, "delta": {"content": word + " "}, "finish_reason": None}
                    self.wfile.write(f"data: {json.dumps({**chunk, 'choices': [delta]})}\n\n".encode())
                last = {**chunk, "choices": [], "usage": usage}
                self.wfile.write(f"data: {json.dumps(last)}\n\n".encode())
                self.wfile.write(b"data: [DONE]\n\n")

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def address(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def wait_until(true: Callable[[], bool], what: str, within: float = 10.0) -> None:
    """Waits until that is true; TimeoutError where it is not in time."""
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within:g} s")
        time.sleep(0.02)
