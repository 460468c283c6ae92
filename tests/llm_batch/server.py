"""A local server that speaks OpenAI's Batch API: files, batches, and what comes of them.

A batch moves on one step with each look at it: its file is checked, its requests are answered, its
files are written. Answers follow from the questions. What is to go wrong is said by the test.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MODEL, KEY = "gpt-4o-mini", "sk-test-0123456789abcdef"
URL = "/v1/chat/completions"
_EXPIRED = "This request could not be executed before the completion window expired."

#: A request's body, to the answer's text; or a status, code and message that it fails with.
Answer = Callable[[dict[str, Any]], str | tuple[int, str, str]]


class Cut(Exception):
    """Ends a connection without a reply."""


def label(body: dict[str, Any]) -> str:
    """The answer to a question, where nothing else is said."""
    return json.dumps({"label": body["messages"][-1]["content"].upper()})


def tokens(text: str) -> int:
    return -(-len(text.encode()) // 4)


@dataclass
class Made:
    """A batch. fate: how it is to end; but for "completed", half of its requests are answered."""

    id: str
    file: str
    metadata: dict[str, str]
    asked: list[dict[str, Any]]
    fate: str
    status: str = "validating"
    errors: list[dict[str, Any]] = field(default_factory=list)
    output: str | None = None
    failed: str | None = None
    done: int = 0
    at: int = field(default_factory=lambda: int(time.time()))

    @property
    def names(self) -> list[str]:
        return [one["custom_id"] for one in self.asked]

    @property
    def tokens(self) -> int:
        return sum(tokens(json.dumps(one["body"]["messages"])) for one in self.asked)

    def told(self) -> dict[str, Any]:
        """The batch object."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": URL,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.file,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output,
            "error_file_id": self.failed,
            "created_at": self.at,
            "expires_at": self.at + 86_400,
            "request_counts": {"total": len(self.asked), "completed": self.done, "failed": 0},
            "metadata": self.metadata or None,
        }


class BatchServer(ThreadingHTTPServer):
    """The server, at a free port of this machine.

    billed: how often each request, by `custom_id`, was answered and paid for. at: what is called at
    a moment: "upload", "create", "look", "list" and "content" before anything is done, "created"
    before the reply to it. fates: how the first batches end. missing: requests that an output file
    lacks. room: tokens in all batches together. open: whether batches that were accepted go on.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.lock = threading.RLock()
        self.files: dict[str, bytes] = {}
        self.batches: list[Made] = []
        self.moments: Counter[str] = Counter()
        self.billed: Counter[str] = Counter()
        self.used: Counter[str] = Counter()
        self.at: dict[str, Callable[[], None]] = {}
        self.fates: list[str] = []
        self.missing: set[str] = set()
        self.answer: Answer = label
        self.most_lines, self.most_bytes = 50_000, 200_000_000
        self.room: int | None = None
        self.open = True

    def moment(self, name: str) -> None:
        self.moments[name] += 1
        if act := self.at.get(name):
            act()

    def keep(self, content: bytes) -> str:
        with self.lock:
            name = f"file-{len(self.files) + 1}"
            self.files[name] = content
        return name

    def create(self, body: dict[str, Any]) -> Made:
        """A batch of an uploaded file."""
        assert (body["endpoint"], body["completion_window"]) == (URL, "24h")
        lines = self.files[body["input_file_id"]].splitlines()
        with self.lock:
            number = len(self.batches)
            fate = self.fates[number] if number < len(self.fates) else "completed"
            asked = [json.loads(line) for line in lines]
            made = Made(
                f"batch_{number + 1}",
                body["input_file_id"],
                body.get("metadata") or {},
                asked,
                fate,
            )
            self.batches.append(made)
        return made

    def move_on(self, made: Made) -> None:
        """One step of a batch."""
        with self.lock:
            match made.status:
                case "validating":
                    made.errors = self._errors(made)
                    made.status = "failed" if made.errors else "in_progress"
                case "in_progress" if self.open:
                    self._answer(made)
                    made.status = made.fate
                case "cancelling":
                    made.fate = "cancelled"
                    self._answer(made)
                    made.status = made.fate

    def _errors(self, made: Made) -> list[dict[str, Any]]:
        """What is wrong with a batch's file."""

        def error(code: str, message: str) -> list[dict[str, Any]]:
            return [{"code": code, "message": message, "param": None, "line": None}]

        models = {one["body"]["model"] for one in made.asked}
        if models != {MODEL}:
            return error("model_not_found", f"{models} is not supported by the Batch API.")
        size = len(self.files[made.file])
        if len(made.asked) > self.most_lines or size > self.most_bytes:
            return error("too_many_tasks", f"{len(made.asked)} requests, {size} bytes")
        if len(set(made.names)) < len(made.asked):
            return error("duplicate_custom_id", "The custom_id is a duplicate of another request.")
        if any((one["method"], one["url"]) != ("POST", URL) for one in made.asked):
            return error("url_mismatch", "The URL does not match the batch's endpoint.")
        others = sum(one.tokens for one in self.batches if one.status == "in_progress")
        if self.room is not None and others + made.tokens > self.room:
            return error("token_limit_exceeded", f"Enqueued token limit reached for {MODEL}.")
        return []

    def _answer(self, made: Made) -> None:
        """Answer a batch's requests, in another order than they were asked in."""
        if made.fate == "failed":
            return
        answered: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        until = len(made.asked) if made.fate == "completed" else len(made.asked) // 2
        for i, one in enumerate(made.asked):
            line = {"id": f"batch_req_{i}", "custom_id": one["custom_id"], "response": None,
                    "error": None}  # fmt: skip
            if i >= until:
                line["error"] = {"code": f"batch_{made.fate}", "message": _EXPIRED}
                failed.append(line)
                continue
            said = self.answer(one["body"])
            if isinstance(said, tuple):
                status, code, message = said
                body: dict[str, Any] = {"error": {"message": message, "code": code}}
            else:
                status, body = 200, self._completed(one, said)
            line["response"] = {"status_code": status, "request_id": f"req_{i}", "body": body}
            if one["custom_id"] not in self.missing:
                (answered if status == 200 else failed).append(line)
            made.done += status == 200
        made.output = self._written(answered)
        made.failed = self._written(failed)

    def _completed(self, one: dict[str, Any], text: str) -> dict[str, Any]:
        """A chat completion, which is paid for."""
        read, written = tokens(json.dumps(one["body"]["messages"])), tokens(text)
        self.billed[one["custom_id"]] += 1
        self.used.update(read=read, written=written)
        message = {"role": "assistant", "content": text, "refusal": None}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": one["body"]["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": read,
                "completion_tokens": written,
                "total_tokens": read + written,
            },
        }

    def _written(self, lines: list[dict[str, Any]]) -> str | None:
        if not lines:
            return None
        return self.keep("".join(json.dumps(line) + "\n" for line in reversed(lines)).encode())


class _Handler(BaseHTTPRequestHandler):
    server: BatchServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def _serve(self, reply: Callable[[list[str], bytes], None]) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            given = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if given != KEY:
                self._error(401, "invalid_api_key", f"Incorrect API key provided: {given}.")
            else:
                reply(urlsplit(self.path).path.removeprefix("/v1/").split("/"), body)
        except (Cut, ConnectionError):
            self.close_connection = True

    def _post(self, path: list[str], body: bytes) -> None:
        match path:
            case ["files"]:
                self.server.moment("upload")
                name = self.server.keep(self._uploaded(body))
                told = {"id": name, "object": "file", "purpose": "batch", "status": "processed"}
                self._tell({**told, "bytes": len(body), "created_at": 0, "filename": "b.jsonl"})
            case ["batches"]:
                self.server.moment("create")
                made = self.server.create(json.loads(body))
                self.server.moment("created")
                self._tell(made.told())
            case ["batches", name, "cancel"]:
                if found := self._made(name):
                    found.status = "cancelling"
                    self._tell(found.told())
            case _:
                self._error(404, "not_found", "no such place")

    def _get(self, path: list[str], _: bytes) -> None:
        match path:
            case ["batches"]:
                self.server.moment("list")
                self._list()
            case ["batches", name]:
                self.server.moment("look")
                if found := self._made(name):
                    self.server.move_on(found)
                    self._tell(found.told())
            case ["files", name, "content"]:
                self.server.moment("content")
                self._send(200, self.server.files[name], "application/octet-stream")
            case _:
                self._error(404, "not_found", "no such place")

    def _made(self, name: str) -> Made | None:
        found = next((one for one in self.server.batches if one.id == name), None)
        if found is None:
            self._error(404, "not_found", f"No batch with id {name}.")
        return found

    def _list(self) -> None:
        """A page of batches, the newest first."""
        query = parse_qs(urlsplit(self.path).query)
        made = self.server.batches[::-1]
        if after := query.get("after"):
            made = made[[one.id for one in made].index(after[0]) + 1 :]
        limit = int(query.get("limit", ["20"])[0])
        page = [one.told() for one in made[:limit]]
        told = {"object": "list", "data": page, "has_more": len(made) > limit}
        if page:
            told |= {"first_id": page[0]["id"], "last_id": page[-1]["id"]}
        self._tell(told)

    def _uploaded(self, body: bytes) -> bytes:
        """The file of a form."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        parts = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
                 for part in form.iter_parts()}  # fmt: skip
        assert parts["purpose"] == b"batch"
        content = parts["file"]
        assert isinstance(content, bytes)
        return content

    def _tell(self, body: dict[str, Any]) -> None:
        self._send(200, json.dumps(body).encode(), "application/json")

    def _error(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": {"message": message, "type": "error", "code": code}})
        self._send(status, body.encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving() -> Iterator[BatchServer]:
    """A server that is there for as long."""
    server = BatchServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
